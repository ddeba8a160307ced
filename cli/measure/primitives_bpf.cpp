// SPDX-License-Identifier: MIT
//
// What the kernel's own way to move records costs, without a source and without a tracepoint: the
// floor of transport bpf.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "measure/experiment.hpp"
#include "ringbuf.skel.h"

namespace statctl::measure {

namespace {

constexpr std::uint64_t record_bytes[] = {64};

// Fewer records of 64 bytes, with heads of 8, than the ring holds.
constexpr std::uint64_t most_at_once = 8192;

class RingOfRecords {
  public:
    RingOfRecords() {
        // not the place for libbpf's troubles: the reason is shown with the primitive
        const auto print = ::libbpf_set_print(nullptr);
        skeleton_.reset(statctl_ringbuf__open_and_load());
        if (skeleton_)
            reader_.reset(
                ::ring_buffer__new(::bpf_map__fd(skeleton_->maps.ring), count, this, nullptr));
        error_ = errno;
        ::libbpf_set_print(print);
    }
    [[nodiscard]] bool good() const noexcept { return reader_ != nullptr; }
    [[nodiscard]] int error() const noexcept { return error_; }

    [[nodiscard]] Cost put_and_read(std::uint64_t times) {
        const Stopwatch watch;
        for (auto left = times; left != 0;) {
            const auto now = std::min(left, most_at_once);
            if (!put(now)) return failed("BPF_PROG_TEST_RUN");
            read_ = 0;
            if (::ring_buffer__consume(reader_.get()) < 0) return failed("ring_buffer__consume");
            if (read_ != now) return tl::unexpected<std::string>("records are missing");
            left -= now;
        }
        return watch.ns() / static_cast<double>(times);
    }

  private:
    static int count(void* self, void* /*record*/, std::size_t /*size*/) {
        ++static_cast<RingOfRecords*>(self)->read_;
        return 0;
    }

    // The kernel wants the program to have a packet.
    [[nodiscard]] bool put(std::uint64_t times) const {
        std::array<char, 64> packet{};
        bpf_test_run_opts options{};
        options.sz = sizeof options;
        options.data_in = packet.data();
        options.data_size_in = packet.size();
        options.repeat = static_cast<int>(times);
        return ::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.put_record), &options) ==
               0;
    }

    struct Destroy {
        void operator()(statctl_ringbuf* s) const noexcept { statctl_ringbuf__destroy(s); }
        void operator()(ring_buffer* r) const noexcept { ::ring_buffer__free(r); }
    };
    std::unique_ptr<statctl_ringbuf, Destroy> skeleton_;
    std::unique_ptr<ring_buffer, Destroy> reader_;
    std::uint64_t read_ = 0;
    int error_ = 0;
};

Prepared prepare_ringbuf(std::uint64_t /*bytes*/) {
    const auto ring = std::make_shared<RingOfRecords>();
    if (!ring->good()) {
        errno = ring->error();
        if (errno == EPERM)
            return tl::unexpected<std::string>(
                "permission denied: BPF programs are for root, or "
                "CAP_BPF");
        if (errno == ENOSYS)
            return tl::unexpected<std::string>("this kernel has no BPF (CONFIG_BPF_SYSCALL)");
        return failed("loading a BPF program");
    }
    // The first run takes a thousand times as long, and would be mistaken for what one costs.
    if (const auto warm = ring->put_and_read(most_at_once); !warm)
        return tl::unexpected(warm.error());
    return [ring](std::uint64_t times) { return ring->put_and_read(times); };
}

constexpr std::array with_bpf{
    Experiment{"bpf_ringbuf_record", "ns",
               "into a BPF ring buffer in a loop of BPF_PROG_TEST_RUN, and read by libbpf",
               record_bytes, prepare_ringbuf},
};

}  // namespace

std::span<const Experiment> bpf_experiments() { return with_bpf; }

}  // namespace statctl::measure
