// SPDX-License-Identifier: MIT
//
// Random choices, repeatable by their seed.
#pragma once

#include <cstdint>
#include <iterator>
#include <random>

namespace fuzz {

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : engine_{seed} {}

    /// Any of 64 bits.
    std::uint64_t any() { return engine_(); }
    /// 0 to @p n - 1; 0 if n is 0.
    std::size_t below(std::size_t n) { return n == 0 ? 0 : engine_() % n; }
    /// True once in @p n times.
    bool one_in(std::size_t n) { return below(n) == 0; }

    template <class Container>
    auto& of(Container& all) {
        return *std::next(std::begin(all), static_cast<std::ptrdiff_t>(below(std::size(all))));
    }

    /// A number that code is likely to get wrong: near powers of two and page sizes, small, or any.
    std::uint64_t number() {
        switch (below(6)) {
            case 0:
                return below(8);
            case 1:
                return (1ULL << below(64)) + below(3) - 1;
            case 2:
                return 4096 * below(64) + below(3) - 1;
            case 3:
                return ~below(4096);
            case 4:
                return below(1U << 20U);
            default:
                return any();
        }
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace fuzz
