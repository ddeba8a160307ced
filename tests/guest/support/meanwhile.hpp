// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>

namespace lab {

/// Does something over and over in a thread of its own, until it goes.
class Meanwhile {
  public:
    template <class Work>
    explicit Meanwhile(Work work)
        : thread_{[this, work]() mutable {
              while (!stop_) work();
          }} {}
    Meanwhile(const Meanwhile&) = delete;
    Meanwhile& operator=(const Meanwhile&) = delete;
    ~Meanwhile() {
        stop_ = true;
        thread_.join();
    }

  private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace lab
