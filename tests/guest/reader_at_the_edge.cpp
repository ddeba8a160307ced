// SPDX-License-Identifier: MIT
//
// Guarantee 1 where reader and producer meet: a reader on another CPU that never sleeps stands at
// the last record when the next is written and, on relay, when sub-buffers change. It must neither
// skip a part of the buffer nor read one twice.
#include <pthread.h>
#include <sched.h>

#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

/// The calling thread runs on one CPU, until this goes.
class OnCpu {
  public:
    explicit OnCpu(unsigned cpu) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_);
        EXPECT_EQ(::pthread_setaffinity_np(::pthread_self(), sizeof one, &one), 0);
    }
    OnCpu(const OnCpu&) = delete;
    OnCpu& operator=(const OnCpu&) = delete;
    ~OnCpu() { ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_); }

  private:
    cpu_set_t before_{};
};

}  // namespace

class ReaderAtTheEdge : public OverTransport {};
OVER_TRANSPORTS_WITH(ReaderAtTheEdge, statchan::Capability::samples);

TEST_P(ReaderAtTheEdge, GetsEachRecordOnce) {
    // Both with a rest at the end of a sub-buffer and without.
    for (const auto* size : {"64", "80"}) {
        SCOPED_TRACE(size);
        Synth synth{"cpus=1 context=hardirq mode=back-to-back size=" + std::string{size}};
        auto stream = client.subscribe(synth.name(), {.buffer_size = 16384, .subbufs = 4});
        ASSERT_OK(stream);
        Reader reader{*stream};
        reader.expect_from(0);
        const OnCpu beside{1};  // the producer has CPU 0
        synth.set("run=1");
        const auto until = Clock::now() + 1s;
        while (Clock::now() < until && !HasFailure()) reader.once(0ns);
        synth.set("run=0");
        EXPECT_TRUE(settle(reader, synth));
        expect_books_close(*stream);
    }
}
