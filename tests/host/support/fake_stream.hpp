// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "fd.hpp"
#include "stream_backend.hpp"

namespace test {

using statchan::Ledger;
using statchan::Result;
using statchan::detail::Fd;
using statchan::detail::StreamBackend;

/// A transport whose buffer is what the test says; readable when a byte is in the pipe.
class FakeStream final : public StreamBackend {
  public:
    FakeStream() : StreamBackend{{.transport = "fake", .source = "sw0", .nr_cpus = 2}} {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        read_ = Fd{ends[0]};
        write_ = Fd{ends[1]};
    }
    [[nodiscard]] int fd() const noexcept override { return read_.get(); }
    [[nodiscard]] Result<void> stop() override { return {}; }
    [[nodiscard]] Result<void> start() override { return {}; }

    void announce() { EXPECT_EQ(::write(write_.get(), "x", 1), 1); }
    void hush() {
        char byte = 0;
        EXPECT_EQ(::read(read_.get(), &byte, 1), 1);
    }

    std::function<Result<Flow>(FakeStream&)> on_collect = [](FakeStream&) { return Flow::open; };
    int given_back = 0;
    Flow flow = Flow::open;
    using StreamBackend::add_chunk;
    using StreamBackend::Flow;

  protected:
    Result<Flow> collect() override { return on_collect(*this); }
    void give_back() noexcept override { ++given_back; }
    Result<Ledger> kernel_ledger() override {
        Ledger ledger;
        ledger.cpus.resize(2);
        ledger.cpus[1].cpu = 1;
        return ledger;
    }

  private:
    Fd read_;
    Fd write_;
};

}  // namespace test
