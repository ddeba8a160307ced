// SPDX-License-Identifier: MIT
//
// Decisions by a seed, and the clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace soak {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Something that must not be: ends the soak.
struct Fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : engine_{seed} {}

    /// Both ends included.
    std::uint64_t between(std::uint64_t first, std::uint64_t last) {
        return std::uniform_int_distribution<std::uint64_t>{first, last}(engine_);
    }
    bool one_in(std::uint64_t n) { return between(1, n) == 1; }
    template <class T>
    T of(std::initializer_list<T> choices) {
        return *(choices.begin() + between(0, choices.size() - 1));
    }
    template <class T>
    const T& of(const std::vector<T>& choices) {
        return choices[between(0, choices.size() - 1)];
    }
    std::chrono::milliseconds ms(std::uint64_t first, std::uint64_t last) {
        return std::chrono::milliseconds{between(first, last)};
    }
    void sleep_ms(std::uint64_t first, std::uint64_t last) {
        std::this_thread::sleep_for(ms(first, last));
    }

  private:
    std::mt19937_64 engine_;
};

/// Sources are called so.
inline std::string source_name(std::uint64_t number) { return "soak" + std::to_string(number); }
inline constexpr std::uint64_t n_sources = 3;

}  // namespace soak
