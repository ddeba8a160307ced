// SPDX-License-Identifier: MIT
#pragma once

#include <linux/statchan.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace statchan::detail {

/// Counts what a socket lost. Each message of a channel says how many records the channel had
/// accepted on that CPU before; a step between two messages was lost in between, exactly.
class Positions {
  public:
    explicit Positions(std::uint32_t nr_cpus) : cpus_(nr_cpus) {}

    /// Accepted on a CPU when this reader had just joined, and the seq that came next. On a channel
    /// that others opened before, records up to here were not ours to receive.
    void joined_at(std::uint32_t cpu, std::uint64_t accepted, std::uint64_t next_seq = 0);

    /// A message arrived. Returns the records lost between it and the one before. @p cpu must
    /// be below nr_cpus, @p position + @p count a number.
    [[nodiscard]] std::uint64_t message(std::uint32_t cpu, std::uint64_t position,
                                        std::uint32_t count) noexcept;

    /// Nothing follows: the channel accepted so many in all. Returns the records lost since the
    /// last message.
    [[nodiscard]] std::uint64_t end(std::uint32_t cpu, std::uint64_t accepted) noexcept;

    /// Accepted before this reader joined.
    [[nodiscard]] std::uint64_t before(std::uint32_t cpu) const noexcept {
        return cpus_[cpu].before;
    }
    /// The seq that was to come on that CPU when this reader joined.
    [[nodiscard]] std::uint64_t joined_seq(std::uint32_t cpu) const noexcept {
        return cpus_[cpu].joined_seq;
    }
    [[nodiscard]] std::uint32_t cpus() const noexcept {
        return static_cast<std::uint32_t>(cpus_.size());
    }

  private:
    struct Cpu {
        std::uint64_t before = 0;
        std::uint64_t joined_seq = 0;
        std::uint64_t next = 0;  // position that the next message has if none is lost
        bool begun = false;
    };
    std::vector<Cpu> cpus_;
};

}  // namespace statchan::detail
