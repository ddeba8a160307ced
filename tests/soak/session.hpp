// SPDX-License-Identifier: MIT
//
// One stream from its opening to its end, with all that may happen to it in between.
#pragma once

#include <optional>
#include <statchan/statchan.hpp>
#include <string>

#include "chance.hpp"
#include "check.hpp"

namespace soak {

class Session {
  public:
    Session(Chance& chance, Tally& tally, const std::atomic<bool>& stop)
        : chance_{chance}, tally_{tally}, stop_{stop} {}

    void run();
    /// For the message of a fault.
    [[nodiscard]] const std::string& story() const noexcept { return story_; }

  private:
    [[nodiscard]] statchan::ChannelConfig any_config();
    [[nodiscard]] bool open();
    [[nodiscard]] bool step();
    [[nodiscard]] bool read(statchan::nanoseconds timeout);
    void pause();
    void change_transport();
    [[nodiscard]] bool stop_stream();
    void read_to_the_end();
    void close_books();

    Chance& chance_;
    Tally& tally_;
    const std::atomic<bool>& stop_;
    std::string story_;
    std::optional<statchan::Client> client_;
    std::optional<statchan::Stream> stream_;
    std::optional<RecordCheck> check_;
};

/// A transport that can do it; only_transport, if that one can.
std::string any_transport(Chance& chance, statchan::Capability capability);

/// To look for the fault of one of them. Empty: all.
extern std::string only_transport;

}  // namespace soak
