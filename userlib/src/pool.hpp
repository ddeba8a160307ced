// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace statchan::detail {

/// Lends objects that return by themselves when nobody holds them any more, on whatever thread
/// and even after the pool is gone. So a program that keeps one snapshot, or the last two, soon
/// allocates nothing. Thread-safe.
template <class T>
class Pool {
  public:
    /// An idle object that pred(const T&) likes, or nothing.
    template <class Pred>
    [[nodiscard]] std::unique_ptr<T> take(Pred pred) {
        const std::lock_guard lock{state_->mutex};
        auto& idle = state_->idle;
        const auto it = std::find_if(idle.begin(), idle.end(), [&](auto& t) { return pred(*t); });
        if (it == idle.end()) return nullptr;
        auto found = std::move(*it);
        idle.erase(it);
        return found;
    }

    /// Lends an object, taken or new.
    [[nodiscard]] std::shared_ptr<T> lend(std::unique_ptr<T> object) {
        return {object.release(), [state = state_](T* returned) {
                    std::unique_ptr<T> owner{returned};
                    const std::lock_guard lock{state->mutex};
                    state->idle.push_back(std::move(owner));
                    // The oldest goes: nobody has wanted it for longest. Freed after the lock.
                    if (state->idle.size() > max_idle) {
                        owner = std::move(state->idle.front());
                        state->idle.erase(state->idle.begin());
                    }
                }};
    }

  private:
    static constexpr std::size_t max_idle = 4;
    struct State {
        std::mutex mutex;
        std::vector<std::unique_ptr<T>> idle;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace statchan::detail
