// SPDX-License-Identifier: MIT
//
// Starts the workers, kills some, changes the load, takes sources away.
#pragma once

#include <sys/types.h>

#include <array>
#include <functional>
#include <statchan/statchan.hpp>
#include <string>

#include "chance.hpp"
#include "tally.hpp"

namespace soak {

class Director {
  public:
    Director(Board& board, std::uint64_t seed, std::size_t workers);

    /// Workers at work for so long, or until @p enough; all have ended and no source is left when
    /// it returns. False if one of them found a fault.
    [[nodiscard]] bool run(Clock::duration time, const std::function<bool()>& enough);
    /// What was done here.
    [[nodiscard]] const Tally& tally() const noexcept { return tally_; }

  private:
    [[nodiscard]] std::string any_load();
    void add_source(std::uint64_t number);
    void change_load();
    void remove_a_source();
    void restore_sources(bool all);
    void start(std::size_t number);
    void kill_one();
    void reap();
    void end_all();

    Board& board_;
    std::uint64_t seed_;
    Chance chance_;
    std::size_t workers_;
    statchan::Client client_;
    Tally tally_;
    bool fault_ = false;
    std::uint64_t started_ = 0;
    std::array<pid_t, max_workers> pids_{};
    std::array<bool, max_workers> killed_{};
    std::array<bool, n_sources> there_{};
};

}  // namespace soak
