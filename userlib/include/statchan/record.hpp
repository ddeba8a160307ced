// SPDX-License-Identifier: MIT
//
// Records as views over the bytes the kernel wrote, and the iterator over a batch of them. All
// inline: walking a batch costs a few instructions per record and calls nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <statchan/export.hpp>
#include <statchan/ledger.hpp>
#include <statchan/time.hpp>
#include <string>

namespace statchan {

/// The bytes of a record, as <linux/statchan.h> lays them out. The library asserts that the two
/// agree; programs use Sample and Gap.
namespace wire {

inline constexpr std::size_t align = 8;
inline constexpr std::size_t head_bytes = 16;  // len, type, cpu, seq: of every record
inline constexpr std::size_t sample_bytes = 48;
inline constexpr std::size_t lost_bytes = 56;

inline constexpr std::uint16_t type_sample = 1;
inline constexpr std::uint16_t type_lost = 2;
inline constexpr std::uint16_t type_pad = 3;

/// Value of type T at @p offset; the compiler makes one load of it.
template <class T>
[[nodiscard]] inline T load(const std::byte* p, std::size_t offset) noexcept {
    T value;
    std::memcpy(&value, p + offset, sizeof value);
    return value;
}

/// Length, type and CPU of a record, read once: the memory may be shared.
struct Head {
    std::uint32_t len;
    std::uint16_t type;
    std::uint16_t cpu;
};

[[nodiscard]] inline Head load_head(const std::byte* p) noexcept {
    const auto word = *reinterpret_cast<const volatile std::uint64_t*>(p);
    Head head;
    std::memcpy(&head, &word, sizeof head);
    return head;
}

/// Bytes that a record of this length takes in a buffer.
[[nodiscard]] constexpr std::size_t padded(std::uint32_t len) noexcept {
    return (std::size_t{len} + (align - 1)) & ~(align - 1);
}

/// Smallest length that a record of this type can have.
[[nodiscard]] constexpr std::size_t min_bytes(std::uint16_t type) noexcept {
    return type == type_sample ? sample_bytes : type == type_lost ? lost_bytes : align;
}

/// The record fits in the @p room bytes that remain and is as long as its type must be.
[[nodiscard]] constexpr bool plausible(const Head& head, std::size_t room) noexcept {
    return head.len >= min_bytes(head.type) && padded(head.len) <= room;
}

}  // namespace wire

/// VLAN tag that a network card took out of the packet. Both in host order.
struct Vlan {
    std::uint16_t tci = 0;
    std::uint16_t protocol = 0;  ///< ethertype of the tag
};

/// One sampled packet: a view, valid as long as the Batch that it came from. Copy bytes() to
/// keep it.
class Sample {
  public:
    /// For tests and tools that read records from elsewhere: @p len bytes at @p record, at least
    /// wire::sample_bytes, aligned to 8.
    Sample(const std::byte* record, std::uint32_t len) noexcept : p_{record}, len_{len} {}

    [[nodiscard]] unsigned cpu() const noexcept { return wire::load<std::uint16_t>(p_, 6); }
    /// Number of the record on that CPU, from 0.
    [[nodiscard]] std::uint64_t seq() const noexcept { return wire::load<std::uint64_t>(p_, 8); }
    /// Of the emit, or as the source stamped it.
    [[nodiscard]] Time time() const noexcept {
        return time_from_ns(wire::load<std::uint64_t>(p_, 16));
    }
    /// Bytes of the packet before it was cut.
    [[nodiscard]] std::uint32_t orig_len() const noexcept {
        return wire::load<std::uint32_t>(p_, 24);
    }
    /// Of the interface; 0 where there is none.
    [[nodiscard]] std::uint32_t ifindex() const noexcept {
        return wire::load<std::uint32_t>(p_, 28);
    }
    /// 1 in rate packets is sampled by the source.
    [[nodiscard]] std::uint32_t rate() const noexcept { return wire::load<std::uint32_t>(p_, 32); }
    /// Ethertype in host order, 0 if unknown.
    [[nodiscard]] std::uint16_t protocol() const noexcept {
        return wire::load<std::uint16_t>(p_, 38);
    }
    /// Receive or transmit queue; Sample::queue_unknown if the driver did not say.
    static constexpr std::uint32_t queue_unknown = 0xffffffffU;
    [[nodiscard]] std::uint32_t queue() const noexcept { return wire::load<std::uint32_t>(p_, 44); }
    /// Less was captured than there was to capture.
    [[nodiscard]] bool truncated() const noexcept { return (flags() & 0x1U) != 0; }
    [[nodiscard]] bool ingress() const noexcept { return (flags() & 0x2U) != 0; }
    [[nodiscard]] bool egress() const noexcept { return (flags() & 0x4U) != 0; }
    [[nodiscard]] std::optional<Vlan> vlan() const noexcept {
        if ((flags() & 0x8U) == 0) return std::nullopt;
        return Vlan{wire::load<std::uint16_t>(p_, 40), wire::load<std::uint16_t>(p_, 42)};
    }
    /// All flags, as the kernel's STATCHAN_REC_*.
    [[nodiscard]] unsigned flags() const noexcept { return wire::load<std::uint16_t>(p_, 36); }

    /// The captured bytes.
    [[nodiscard]] std::span<const std::byte> payload() const noexcept {
        return {p_ + wire::sample_bytes, len_ - wire::sample_bytes};
    }
    /// Head and payload: the same bytes on every transport, so digest(bytes()) is comparable.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {p_, len_}; }

  private:
    const std::byte* p_;
    std::uint32_t len_;
};

/// A loss, handed out where it happened: before the next record of that CPU.
struct Gap {
    unsigned cpu = 0;
    std::uint64_t first_seq = 0;  ///< first and
    std::uint64_t last_seq = 0;   ///< last sequence number lost
    /// Records lost; less than last - first + 1 where the channel takes 1 in n of the source's
    /// records, or reasons alternated.
    std::uint64_t count = 0;
    Time first_time{};  ///< of the first and
    Time last_time{};   ///< of the last record lost, as its source says, which may not go by time.
                        ///< Both: when noticed, if the reason is socket_overrun
    LostReason reason = LostReason::ring_full;
};

/// "cpu 1: 214 records lost, seq 880..1093, reason ring_full"
[[nodiscard]] STATCHAN_API std::string to_string(const Gap& gap);

/// A sample or a gap.
class Item {
  public:
    [[nodiscard]] bool is_sample() const noexcept { return type_ == wire::type_sample; }
    [[nodiscard]] bool is_gap() const noexcept { return type_ == wire::type_lost; }
    [[nodiscard]] unsigned cpu() const noexcept { return wire::load<std::uint16_t>(p_, 6); }

    /// The sample, if it is one.
    [[nodiscard]] std::optional<Sample> sample() const noexcept {
        if (!is_sample()) return std::nullopt;
        return Sample{p_, len_};
    }
    /// The gap, if it is one.
    [[nodiscard]] std::optional<Gap> gap() const noexcept {
        if (!is_gap()) return std::nullopt;
        return Gap{.cpu = cpu(),
                   .first_seq = wire::load<std::uint64_t>(p_, 8),
                   .last_seq = wire::load<std::uint64_t>(p_, 16),
                   .count = wire::load<std::uint64_t>(p_, 24),
                   .first_time = time_from_ns(wire::load<std::uint64_t>(p_, 32)),
                   .last_time = time_from_ns(wire::load<std::uint64_t>(p_, 40)),
                   .reason = static_cast<LostReason>(wire::load<std::uint32_t>(p_, 48))};
    }

  private:
    friend class ItemIterator;
    const std::byte* p_ = nullptr;
    std::uint32_t len_ = 0;
    std::uint16_t type_ = 0;
};

/// A run of records without a hole, aligned to 8.
using Chunk = std::span<const std::byte>;

/// Walks the samples and gaps of chunks; skips padding and records of types it does not know.
/// Reads each length once and never leaves the chunk, even if the memory changes underneath: an
/// implausible record ends its chunk.
class ItemIterator {
  public:
    using value_type = Item;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::forward_iterator_tag;

    ItemIterator() noexcept = default;
    explicit ItemIterator(std::span<const Chunk> chunks) noexcept
        : chunk_{chunks.data()}, last_{chunks.data() + chunks.size()} {
        if (chunk_ != last_) end_ = (item_.p_ = chunk_->data()) + chunk_->size();
        settle();
    }

    [[nodiscard]] Item operator*() const noexcept { return item_; }
    [[nodiscard]] const Item* operator->() const noexcept { return &item_; }

    ItemIterator& operator++() noexcept {
        item_.p_ += wire::padded(item_.len_);
        settle();
        return *this;
    }
    ItemIterator operator++(int) noexcept {
        auto before = *this;
        ++*this;
        return before;
    }

    [[nodiscard]] bool operator==(const ItemIterator& other) const noexcept {
        return chunk_ == other.chunk_ && item_.p_ == other.item_.p_;
    }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept {
        return chunk_ == last_;
    }

  private:
    // Moves to the first sample or gap at or after item_.p_, or to the end of the last chunk.
    void settle() noexcept {
        while (chunk_ != last_) {
            const auto room = static_cast<std::size_t>(end_ - item_.p_);
            if (room >= wire::head_bytes) {
                const auto head = wire::load_head(item_.p_);
                if (wire::plausible(head, room)) {
                    item_.len_ = head.len;
                    item_.type_ = head.type;
                    if (head.type == wire::type_sample || head.type == wire::type_lost) return;
                    item_.p_ += wire::padded(head.len);
                    continue;
                }
            }
            item_.p_ = end_ = nullptr;
            if (++chunk_ != last_) end_ = (item_.p_ = chunk_->data()) + chunk_->size();
        }
    }

    const Chunk* chunk_ = nullptr;
    const Chunk* last_ = nullptr;
    const std::byte* end_ = nullptr;
    Item item_;
};

/// Walks the samples only.
class SampleIterator {
  public:
    using value_type = Sample;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    explicit SampleIterator(ItemIterator it) noexcept : it_{it} { skip(); }
    [[nodiscard]] Sample operator*() const noexcept { return *it_->sample(); }
    SampleIterator& operator++() noexcept {
        ++it_;
        skip();
        return *this;
    }
    void operator++(int) noexcept { ++*this; }
    friend bool operator==(const SampleIterator& a, std::default_sentinel_t s) noexcept {
        return a.it_ == s;
    }

  private:
    void skip() noexcept {
        while (it_ != std::default_sentinel && !it_->is_sample()) ++it_;
    }
    ItemIterator it_;
};

}  // namespace statchan
