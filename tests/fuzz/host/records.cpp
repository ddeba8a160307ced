// SPDX-License-Identifier: MIT
//
// Runs of records, as ioctl, read(), relay files and rings give them: checked and counted by
// StreamBackend, walked by Batch, put in order by OrderedStream.
//
// Input: flags; then for each chunk how it is added, its length and bytes. Memory may be shared:
// after the check some bytes change under the reader.
#include <algorithm>
#include <chrono>
#include <memory>
#include <statchan/digest.hpp>
#include <statchan/ordered.hpp>
#include <vector>

#include "check.hpp"
#include "input.hpp"
#include "memory.hpp"
#include "stream_backend.hpp"
#include "stream_run.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using fuzz::Input;
using fuzz::must;

constexpr std::uint32_t nr_cpus = 4;
constexpr std::size_t chunks_per_batch = 4;

// A transport whose buffers hold what the input says.
class Hostile final : public StreamBackend {
  public:
    explicit Hostile(Input& input, std::uint64_t step = 1)
        : StreamBackend{{.transport = "fuzz", .source = "sw0", .nr_cpus = nr_cpus, .step = step}},
          input_{input} {
        identity_.effective.batch_bytes = 4096;
    }
    [[nodiscard]] int fd() const noexcept override { return -1; }
    [[nodiscard]] Result<void> stop() override { return {}; }
    [[nodiscard]] Result<void> start() override { return {}; }

    [[nodiscard]] std::span<const fuzz::Exactly> memory() const noexcept { return memory_; }

  protected:
    [[nodiscard]] Result<Flow> collect() override;
    void give_back() noexcept override { memory_.clear(); }
    [[nodiscard]] Result<Ledger> kernel_ledger() override;

  private:
    [[nodiscard]] Result<void> add(Chunk chunk, std::uint8_t how);
    [[nodiscard]] Result<void> add_limited(Chunk chunk, const ScanLimits& limits);

    Input& input_;
    std::vector<fuzz::Exactly> memory_;
};

Result<StreamBackend::Flow> Hostile::collect() {
    memory_.clear();
    for (std::size_t i = 0; i < chunks_per_batch && !input_.empty(); ++i) {
        const auto how = input_.byte();
        const auto chunk = memory_.emplace_back(input_.block()).bytes();
        if (auto added = add(chunk, how); !added) return pass_on(std::move(added.error()));
    }
    return input_.empty() ? Flow::ended : Flow::open;
}

Result<void> Hostile::add(Chunk chunk, std::uint8_t how) {
    const std::uint32_t cpu = how >> 4U & (nr_cpus - 1);
    switch (how & 7U) {
        case 1:
            return add_limited(chunk, {.cpu = cpu});
        case 2:
            return add_limited(chunk, {.cpu = cpu, .soft_bytes = input_.byte()});
        case 3:
            return add_limited(
                chunk, {.cpu = cpu, .longest_cut = std::size_t{1} + input_.take<std::uint16_t>()});
        case 4:
            // As of a BPF ring: one record at a time.
            if (chunk.size() >= wire::head_bytes && add_next(cpu, chunk)) return {};
            return add_limited(chunk, {.cpu = cpu});
        case 5:
            if (auto told = add_gap_before(cpu, input_.take<std::uint64_t>(),
                                           LostReason::overwritten, chunk);
                !told)
                return told;
            return add_limited(chunk, {.cpu = cpu});
        case 6:
            begin_at(cpu, input_.take<std::uint64_t>());
            return add_gap_at_end(cpu, std::max<std::uint64_t>(input_.take<std::uint64_t>(), 1),
                                  LostReason::socket_overrun, input_.take<std::uint64_t>());
        default:
            return add_limited(chunk, {});
    }
}

Result<void> Hostile::add_limited(Chunk chunk, const ScanLimits& limits) {
    auto added = add_chunk(chunk, limits);
    if (!added) return pass_on(std::move(added.error()));
    must(*added <= chunk.size(), "no more is taken than there is");
    if (limits.soft_bytes == SIZE_MAX)
        must(chunk.size() - *added < std::max(limits.longest_cut, std::size_t{1}),
             "all of a chunk is taken, but for a record that is cut");
    return {};
}

Result<Ledger> Hostile::kernel_ledger() {
    Ledger ledger;
    for (std::uint32_t cpu = 0; cpu < nr_cpus; ++cpu) ledger.cpus.emplace_back().cpu = cpu;
    return ledger;
}

struct Walk {
    std::size_t samples = 0;
    std::size_t gaps = 0;
    std::uint64_t digest = 0;
};

Walk walk(const Batch& batch) {
    Walk seen;
    auto chunk = batch.chunks().begin();
    for (const auto& item : batch) {
        must(item.is_sample() != item.is_gap(), "an item is a sample or a gap");
        must(item.is_sample() == item.sample().has_value(), "a sample has a view");
        if (const auto sample = item.sample()) {
            ++seen.samples;
            while (!fuzz::inside(sample->bytes(), *chunk))
                must(++chunk != batch.chunks().end(), "a sample lies in a chunk");
            must(sample->payload().size() + wire::sample_bytes == sample->bytes().size(),
                 "head and payload are the record");
            seen.digest = seen.digest * 31 + digest(sample->bytes());
            static_cast<void>(sample->vlan());
        } else {
            ++seen.gaps;
            must(!to_string(*item.gap()).empty(), "a gap has words");
        }
    }
    return seen;
}

// Nothing changed: the counts are right, and the same again.
void check(const Batch& batch) {
    const auto once = walk(batch);
    must(once.samples == batch.sample_count(), "as many samples as counted");
    must(once.gaps == batch.gap_count(), "as many gaps as counted");
    must(once.digest == walk(batch).digest, "the same twice");
    std::size_t samples = 0;
    for (const auto& sample : batch.samples()) samples += sample.bytes().empty() ? 0U : 1U;
    must(samples == once.samples, "the samples alone");
}

// Somebody else writes: the walk stays where it may be.
void change(Input& input, const Hostile& backend) {
    for (auto times = input.byte() & 7U; times > 0; --times) {
        const auto at = input.take<std::uint16_t>();
        const auto value = static_cast<std::byte>(input.byte());
        for (const auto& memory : backend.memory())
            if (!memory.bytes().empty()) memory.bytes()[at % memory.bytes().size()] = value;
    }
}

void read_all(Input& input, bool shared) {
    const auto step = input.byte() & 3U;
    Hostile backend{input, step};
    std::uint64_t samples = 0;
    std::uint64_t gaps = 0;
    for (;;) {
        const auto batch = backend.next(nanoseconds{0});
        if (!batch) {
            fuzz::is_told(batch.error());
            break;
        }
        samples += batch->sample_count();
        gaps += batch->gap_count();
        check(*batch);
        if (shared) {
            change(input, backend);
            walk(*batch);
        }
    }
    const auto ledger = backend.ledger();
    must(ledger.has_value() && ledger->total().received >= samples, "what came is counted");
    must(ledger->total().gaps >= gaps, "gaps are counted");
    static_cast<void>(ledger->closes());
}

void read_in_order(Input& input) {
    Stream stream{std::make_unique<StreamRun>(std::make_unique<Hostile>(input))};
    auto ordered = OrderedStream::make(stream, std::chrono::nanoseconds{input.byte() + 1});
    must(ordered.has_value(), "any delay is longer than no timeout");
    for (;;) {
        const auto batch = ordered->next(nanoseconds{0});
        if (!batch) {
            fuzz::is_told(batch.error());
            break;
        }
        check(*batch);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const auto flags = input.byte();
    if ((flags & 1U) != 0)
        read_in_order(input);
    else
        read_all(input, (flags & 2U) != 0);
    return 0;
}
