// SPDX-License-Identifier: MIT
//
// bpf: a BPF program (bpf.bpf.c) takes the samples at the module's tracepoint and puts them into
// BPF ring buffers, one per CPU, which are read in place.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/statchan.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../bpf_ring.hpp"
#include "../device_transport.hpp"
#include "bpf.skel.h"

namespace statchan::detail {
namespace {

constexpr std::string_view way_out =
    "run as root, or with CAP_BPF and CAP_PERFMON; or use another transport";

// libbpf tells its troubles on stderr unless it is told not to, and for the whole process.
class Silence {
  public:
    Silence() : one_at_a_time_{mutex_}, before_{::libbpf_set_print(nullptr)} {}
    ~Silence() { ::libbpf_set_print(before_); }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

  private:
    static inline std::mutex mutex_;
    std::lock_guard<std::mutex> one_at_a_time_;
    libbpf_print_fn_t before_;
};

Fail bpf_failed(int err, Task task, std::string_view what) {
    auto failure = fail_errno(err, task, what);
    if (err == EPERM) failure.value().way_out = way_out;
    return failure;
}

struct DestroySkeleton {
    void operator()(statchan_taker* skeleton) const noexcept { statchan_taker__destroy(skeleton); }
};

// The program, attached, and its rings, mapped.
struct Taker {
    std::unique_ptr<statchan_taker, DestroySkeleton> skeleton;
    std::vector<Mapping> mappings;
    std::vector<BpfRing> rings;
};

// Rings are of whole pages and a power of two. What makes no sense the kernel refuses by the name
// of what was asked for; that needs no memory.
std::size_t ring_bytes(const ChannelConfig& config, std::size_t page) {
    const auto wanted = config.buffer_size != 0 ? config.buffer_size : STATCHAN_BUFFER_DEFAULT;
    if (wanted > STATCHAN_BUFFER_MAX) return page;
    return std::bit_ceil(std::max<std::size_t>(wanted, page));
}

Result<void> add_ring(Taker& taker, std::uint32_t cpu, std::size_t size, std::size_t page,
                      Task task) {
    const Fd ring{::bpf_map_create(BPF_MAP_TYPE_RINGBUF, "statchan", 0, 0,
                                   static_cast<std::uint32_t>(size), nullptr)};
    if (!ring)
        return bpf_failed(errno, task, "the kernel makes no BPF ring buffer of the size asked for");
    const int fd = ring.get();
    if (::bpf_map_update_elem(::bpf_map__fd(taker.skeleton->maps.rings), &cpu, &fd, BPF_ANY) != 0)
        return bpf_failed(errno, task, "the BPF program can't have another ring buffer");
    const auto map = [&](std::size_t from, std::size_t bytes, int protection) {
        void* at = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<::off_t>(from));
        if (at == MAP_FAILED) return false;
        taker.mappings.emplace_back(at, bytes);
        // As what the module shows: it stays with the parent.
        return ::madvise(at, bytes, MADV_DONTFORK) == 0;
    };
    if (!map(0, page, PROT_READ | PROT_WRITE) || !map(page, page + 2 * size, PROT_READ))
        return bpf_failed(errno, task, "the BPF ring buffer can't be mapped");
    const auto* producer = taker.mappings.back().data();
    taker.rings.emplace_back(page, size, cpu, std::prev(taker.mappings.end(), 2)->data(), producer);
    return {};
}

Result<Taker> attach(std::uint32_t nr_cpus, const ChannelConfig& config, std::uint64_t key,
                     Task task) {
    const Silence silence;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    Taker taker{std::unique_ptr<statchan_taker, DestroySkeleton>{statchan_taker__open()}, {}, {}};
    auto* skeleton = taker.skeleton.get();
    if (skeleton == nullptr) return bpf_failed(errno, task, "libbpf can't open the BPF program");
    skeleton->rodata->key = key;
    ::bpf_map__set_max_entries(skeleton->maps.rings, nr_cpus);
    if (const int err = statchan_taker__load(skeleton); err != 0)
        return bpf_failed(-err, task, "the kernel doesn't load the BPF program");
    for (std::uint32_t cpu = 0; cpu < nr_cpus; ++cpu)
        if (auto added = add_ring(taker, cpu, ring_bytes(config, page), page, task); !added)
            return pass_on(std::move(added.error()));
    if (const int err = statchan_taker__attach(skeleton); err != 0)
        return bpf_failed(
            -err, task,
            "the BPF program can't be attached to the tracepoint " STATCHAN_BPF_TRACEPOINT);
    return taker;
}

// The channel is open, so the kernel has asked for the ring of each possible CPU. Of the others'
// rings nothing comes, not even an end.
Result<void> forget_unasked(Taker& taker, Task task) {
    const auto& asked = taker.skeleton->bss->asked;
    std::erase_if(taker.rings, [&](const BpfRing& ring) { return asked[ring.cpu()] == 0; });
    if (taker.rings.empty()) return fail_data(task, "the kernel has asked for the ring of no CPU");
    return {};
}

class BpfStream final : public DeviceStream {
  public:
    BpfStream(const SourceRef& source, const ChannelConfig& config, DeviceChannel channel,
              Taker taker)
        : DeviceStream{"bpf", source, config, std::move(channel)}, taker_{std::move(taker)} {}

  protected:
    [[nodiscard]] Result<Flow> collect() override;
    [[nodiscard]] bool announced() const noexcept override;
    void give_back() noexcept override {
        for (auto& ring : taker_.rings) ring.give_back();
    }

  private:
    [[nodiscard]] Result<void> collect_ring(BpfRing& ring);
    [[nodiscard]] bool add_other(std::uint32_t cpu, Chunk record, Result<void>& result);

    Taker taker_;
    std::size_t turn_ = 0;  // the ring that comes first next time
};

bool BpfStream::announced() const noexcept {
    const auto& policy = identity().effective;
    return std::any_of(taker_.rings.begin(), taker_.rings.end(), [&](const BpfRing& ring) {
        return ring.waits(policy.watermark_records, policy.watermark_bytes);
    });
}

Result<StreamBackend::Flow> BpfStream::collect() {
    auto& rings = taker_.rings;
    std::size_t ended = 0;
    for (std::size_t i = 0, at = turn_; i < rings.size(); ++i) {
        if (auto done = collect_ring(rings[at]); !done) return pass_on(std::move(done.error()));
        if (rings[at].ended()) ++ended;
        if (++at == rings.size()) at = 0;
    }
    if (++turn_ >= rings.size()) turn_ = 0;
    return ended == rings.size() ? Flow::ended : Flow::open;
}

// What add_next() is not for. Out of line: most records do not come here.
bool BpfStream::add_other(std::uint32_t cpu, Chunk record, Result<void>& result) {
    if (auto added = add_chunk(record, {.cpu = cpu}); !added)
        result = pass_on(std::move(added.error()));
    return result.has_value();
}

Result<void> BpfStream::collect_ring(BpfRing& ring) {
    Result<void> result;
    const auto last = ring.each(batch_bytes(), [&](Chunk record) {
        return add_next(ring.cpu(), record) || add_other(ring.cpu(), record, result);
    });
    if (last == BpfRing::Found::bad) return ring.bad(task());
    return result;
}

class Bpf final : public DeviceTransport {
  public:
    using DeviceTransport::DeviceTransport;

    Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                     const ChannelConfig& config,
                                                     std::uint32_t follows) override;
};

Result<std::unique_ptr<StreamBackend>> Bpf::subscribe(const SourceRef& source,
                                                      const ChannelConfig& config,
                                                      std::uint32_t follows) {
    const Task task{"subscribe over bpf to", source.name};
    const auto open = [&](std::uint64_t key) {
        return open_channel(device(), STATCHAN_T_BPF, STATCHAN_CHANNEL_SAMPLES, source, config,
                            task, follows, key);
    };
    // A channel that no program can answer for: so what is wrong with the request comes to light
    // before anything is loaded.
    auto channel = open(0);
    if (channel) return fail_data(task, "the kernel opened a channel without a program");
    if (channel.error().code != std::errc::no_such_device_or_address)
        return pass_on(std::move(channel.error()));
    std::uint64_t key = 0;
    if (::getrandom(&key, sizeof key, 0) != sizeof key) return fail_errno(errno, task);
    key |= 1;
    const auto nr_cpus = device().version().nr_cpus;
    auto taker = attach(nr_cpus, config, key, task);
    if (!taker) return pass_on(std::move(taker.error()));
    channel = open(key);
    if (!channel) return pass_on(std::move(channel.error()));
    if (channel->answer.nr_cpus != nr_cpus)
        return fail_data(task, fmt::format("the kernel named {} CPUs, and now {}", nr_cpus,
                                           channel->answer.nr_cpus));
    if (auto done = forget_unasked(*taker, task); !done) return pass_on(std::move(done.error()));
    return std::make_unique<BpfStream>(source, config, std::move(*channel), std::move(*taker));
}

}  // namespace

Result<std::unique_ptr<Transport>> open_bpf(const ClientOptions& options) {
    return open_device_transport<Bpf>(options);
}

// Tried on a program that does nothing.
std::string bpf_unusable() {
    const Silence silence;
    constexpr bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    };
    const Fd program{::bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "statchan", "GPL",
                                     nothing, std::size(nothing), nullptr)};
    if (program) return {};
    switch (errno) {
        case EPERM:
            return "BPF programs may not be loaded: " + std::string{way_out};
        case ENOSYS:
            return "this kernel has no BPF (CONFIG_BPF_SYSCALL): use another transport";
        case EINVAL:
            return "this kernel has no BPF programs at tracepoints (CONFIG_BPF_EVENTS): use "
                   "another transport";
        default:
            return std::generic_category().message(errno);
    }
}

}  // namespace statchan::detail
