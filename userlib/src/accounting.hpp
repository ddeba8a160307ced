// SPDX-License-Identifier: MIT
//
// The library's half of the ledger. Every chunk passes here once, before its records are handed
// out: lengths are checked, sequence numbers are compared with those before.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <statchan/ledger.hpp>
#include <statchan/record.hpp>
#include <vector>

#include "fail.hpp"

namespace statchan::detail {

/// What one pass over a chunk found.
struct Scan {
    std::size_t bytes = 0;  ///< whole records from the start of the chunk
    std::size_t samples = 0;
    std::size_t gaps = 0;
};

/// How much of a chunk to take.
struct ScanLimits {
    /// All records must be of this CPU; nothing: any CPU.
    std::optional<std::uint32_t> cpu{};
    /// Stop after the record that reaches so many bytes.
    std::size_t soft_bytes = SIZE_MAX;
    /// The chunk may end within a record of at most so many bytes: what was read filled its buffer.
    /// A longer one would never be whole. 0: it ends with a record.
    std::size_t longest_cut = 0;
};

/// Sequence and gap accounting of one stream.
class Accounting {
  public:
    explicit Accounting(std::uint32_t nr_cpus) : cpus_(nr_cpus) {}

    /// The channel takes the records with seq % step == 0 (decimation). 1 at first.
    void set_step(std::uint64_t step) noexcept { step_ = std::max<std::uint64_t>(step, 1); }

    /// Checks and counts the records of a chunk, aligned to 8; or says which record breaks the
    /// protocol. Reads each record's head once and never past the chunk.
    [[nodiscard]] Result<Scan> scan(Chunk chunk, const ScanLimits& limits);

    /// Counts @p record, all of a chunk, if it is the sample of this CPU that must come next: which
    /// it nearly always is. If not nothing has happened, and scan() knows why.
    [[nodiscard]] bool take_next(std::uint32_t cpu, Chunk record) noexcept {
        if (cpu >= cpus_.size()) [[unlikely]]
            return false;
        auto& c = cpus_[cpu];
        const auto head = wire::load_head(record.data());
        if (head.type != wire::type_sample || head.cpu != cpu || head.len < wire::sample_bytes ||
            wire::padded(head.len) != record.size() ||
            wire::load<std::uint64_t>(record.data(), 8) != c.next || c.explained != 0 || !c.begun)
            return false;
        c.next += step_;
        ++c.received;
        return true;
    }

    /// The sequence number that the next record of this CPU has if nothing more is lost than
    /// was told; nothing before the first, or if the stream has no such CPU: after a switch the
    /// kernel may name more of them than before.
    [[nodiscard]] std::optional<std::uint64_t> expected(std::uint32_t cpu) const noexcept;
    /// Records of that CPU before @p seq that neither came nor were told lost. 0 before the first.
    [[nodiscard]] std::uint64_t untold_before(std::uint32_t cpu, std::uint64_t seq) const noexcept;
    /// Records of the channel with seq first to last, if it takes them all.
    [[nodiscard]] std::uint64_t records_in(std::uint64_t first, std::uint64_t last) const noexcept {
        return (last - first) / step_ + 1;
    }
    /// Records of the channel with seq @p from to @p next - 1.
    [[nodiscard]] std::uint64_t missing(std::uint64_t from, std::uint64_t next) const noexcept {
        const auto first = round_up(from);
        return first < next ? records_in(first, next - 1) : 0;
    }
    [[nodiscard]] std::uint32_t cpus() const noexcept {
        return static_cast<std::uint32_t>(cpus_.size());
    }

    /// The first record of the channel with this seq or a later one.
    [[nodiscard]] std::uint64_t round_up(std::uint64_t seq) const noexcept;
    /// The next sample of this CPU must be @p seq, or gaps must explain what is missing.
    void begin_at(std::uint32_t cpu, std::uint64_t seq) noexcept;
    /// The channel takes every so manieth record of the source.
    [[nodiscard]] std::uint64_t step() const noexcept { return step_; }

    /// Writes the library's numbers of that CPU into the entry.
    void report(std::uint32_t cpu, StreamLedgerEntry& entry) const;

  private:
    struct Cpu {
        bool begun = false;
        std::uint64_t next = 0;       // expected seq, before what lost records explain
        std::uint64_t explained = 0;  // records that lost records since the last sample named
        std::uint64_t received = 0;
        std::uint64_t gaps = 0;
        std::array<std::uint64_t, lost_reasons> gap_records{};
        std::uint64_t unreported = 0;
        std::uint64_t unexplained = 0;
        std::uint64_t out_of_order = 0;
    };

    void sample(Cpu& cpu, const std::byte* record);
    void follow(std::uint16_t cpu, Chunk chunk, std::size_t soft_bytes, Scan& found);
    void jump(Cpu& cpu, std::uint64_t seq) const;
    [[nodiscard]] bool lost(Cpu& cpu, const std::byte* record) const;

    std::vector<Cpu> cpus_;
    std::uint64_t step_ = 1;
};

}  // namespace statchan::detail
