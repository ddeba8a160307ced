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
///
/// T may have, and both must not throw:
///   bool alike(const T& other) const   instead of one the other would do; without it: all of them
///   bool rest()                        nobody holds it any more; false: it is of no more use
template <class T>
class Pool {
  public:
    /// Idle objects that are alike: more nobody has needed at a time.
    static constexpr std::size_t max_alike = 4;
    /// All idle objects: of so many sources a program can take snapshots in turn, and opens
    /// nothing. Few enough for 1024 descriptors, which is what a process usually has.
    static constexpr std::size_t max_idle = 128;

    /// An idle object that pred(const T&) likes, or nothing.
    template <class Pred>
    [[nodiscard]] std::unique_ptr<T> take(Pred pred) {
        const std::lock_guard lock{state_->mutex};
        auto& idle = state_->idle;
        const auto it = std::find_if(idle.begin(), idle.end(), [&](auto& t) { return pred(*t); });
        return it == idle.end() ? nullptr : state_->remove(it);
    }

    /// Gives up the idle objects that pred(const T&) likes: nobody will want them any more.
    template <class Pred>
    void forget(Pred pred) {
        while (take(pred)) {
        }
    }

    /// Lends an object, taken or new.
    [[nodiscard]] std::shared_ptr<T> lend(std::unique_ptr<T> object) {
        return {object.release(), [state = state_](T* returned) noexcept {
                    state->take_back(std::unique_ptr<T>{returned});
                }};
    }

  private:
    using Idle = std::vector<std::unique_ptr<T>>;

    struct State {
        std::mutex mutex;
        Idle idle;

        // Who gives an object back can not be told that there is no memory: there is.
        State() { idle.reserve(max_idle + 1); }

        std::unique_ptr<T> remove(typename Idle::iterator it) noexcept {
            auto removed = std::move(*it);
            idle.erase(it);
            return removed;
        }

        void take_back(std::unique_ptr<T> object) noexcept {
            if (!rests(*object)) return;
            std::unique_ptr<T> oldest;  // freed after the lock
            const std::lock_guard lock{mutex};
            idle.push_back(std::move(object));
            const auto is_alike = [&](const auto& other) { return alike(*other, *idle.back()); };
            const auto first = std::find_if(idle.begin(), idle.end(), is_alike);
            const auto alikes = std::count_if(first, idle.end(), is_alike);
            // The oldest goes: nobody has wanted it for longest.
            if (static_cast<std::size_t>(alikes) > max_alike)
                oldest = remove(first);
            else if (idle.size() > max_idle)
                oldest = remove(idle.begin());
        }
    };

    static bool alike(const T& a, const T& b) noexcept {
        if constexpr (requires { a.alike(b); })
            return a.alike(b);
        else
            return true;
    }
    static bool rests(T& object) noexcept {
        if constexpr (requires { object.rest(); })
            return object.rest();
        else
            return true;
    }

    std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace statchan::detail
