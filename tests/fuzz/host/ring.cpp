// SPDX-License-Identifier: MIT
//
// Shared memory of the transports mmap (both modes) and bpf, whose positions lie, drained as the
// streams do it.
//
// Input: which; layout, then positions and bytes of the ring; before each look some are changed.
#include "ring.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <statchan/stream.hpp>
#include <vector>

#include "accounting.hpp"
#include "bpf_ring.hpp"
#include "check.hpp"
#include "input.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using fuzz::Input;
using fuzz::must;

constexpr Task task{"read the ring of", "fuzz"};
constexpr std::size_t rounds = 8;

std::size_t page_bytes() {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

// Consumer page; producer page and the data twice. Both of just their size, and made once.
class Area {
  public:
    explicit Area(std::size_t data) : data_{data}, consumer_{pages(1)}, producer_{pages(3)} {}

    void clear() {
        std::memset(consumer_.get(), 0, page_bytes());
        std::memset(producer_.get(), 0, page_bytes() + 2 * data_);
    }

    [[nodiscard]] std::byte* consumer() const noexcept { return consumer_.get(); }
    [[nodiscard]] std::byte* producer() const noexcept { return producer_.get(); }
    [[nodiscard]] std::span<const std::byte> data() const noexcept {
        return {producer_.get() + page_bytes(), 2 * data_};
    }

    /// Into the data, which is there twice.
    void write(std::size_t at, std::span<const std::byte> bytes) {
        auto* const data = producer_.get() + page_bytes();
        for (std::size_t i = 0; i < bytes.size(); ++i)
            data[(at + i) % data_] = data[(at + i) % data_ + data_] = bytes[i];
    }

  private:
    struct Free {
        void operator()(std::byte* p) const noexcept { std::free(p); }
    };
    using Pages = std::unique_ptr<std::byte, Free>;
    static Pages pages(std::size_t count) {
        return Pages{
            static_cast<std::byte*>(std::aligned_alloc(page_bytes(), count * page_bytes()))};
    }

    std::size_t data_;
    Pages consumer_;
    Pages producer_;
};

Area& clean_area() {
    static Area area{page_bytes()};
    area.clear();
    return area;
}

template <class T>
void put(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

// Positions anywhere near each other, or anywhere at all.
std::uint64_t position(Input& input, std::uint64_t base) {
    const auto how = input.byte();
    if (how < 200) return base + std::uint64_t{how} * 8;
    if (how < 240) return base + input.take<std::uint16_t>();
    return input.take<std::uint64_t>();
}

void change_data(Input& input, Area& area) {
    const auto at = input.take<std::uint16_t>();
    area.write(at, input.bytes(input.byte()));
}

void change_ring(Input& input, Area& area, std::uint64_t& base) {
    const auto what = input.byte();
    auto* const p = area.producer();
    if ((what & 1U) != 0) {
        base = position(input, base);
        put(p + offsetof(statchan_ring_producer, head), base);
    }
    if ((what & 2U) != 0) put(p + offsetof(statchan_ring_producer, tail), position(input, base));
    if ((what & 4U) != 0) {
        const auto evicted = input.take<std::uint16_t>();
        put(p + offsetof(statchan_ring_producer, evicting), std::uint64_t{evicted});
        put(p + offsetof(statchan_ring_producer, evicted), std::uint64_t{evicted});
    }
    if ((what & 8U) != 0) put(p + offsetof(statchan_ring_producer, flags), std::uint32_t{1});
    if ((what & 16U) != 0)
        put(p + offsetof(statchan_ring_producer, announced), position(input, base));
    if ((what & 32U) != 0) put(area.consumer(), position(input, base));
    if ((what & 64U) != 0) change_data(input, area);
}

// What a batch would be made of: the scan, then the walk over what may have changed since.
Result<Scan> use(Input& input, Area& area, Accounting& accounting, std::span<const std::byte> bytes,
                 const ScanLimits& limits) {
    fuzz::touch(bytes);
    must(bytes.empty() || reinterpret_cast<std::uintptr_t>(bytes.data()) % wire::align == 0,
         "records are aligned");
    auto found = accounting.scan(bytes, limits);
    if (!found) {
        fuzz::is_told(found.error());
        return found;
    }
    must(found->bytes <= bytes.size(), "no more is taken than there is");
    change_data(input, area);
    const Chunk taken = bytes.first(found->bytes);
    const Batch batch{{&taken, 1}, found->samples, found->gaps};
    for (const auto& item : batch)
        if (const auto sample = item.sample())
            must(fuzz::inside(sample->bytes(), taken), "a sample lies in the ring");
    return found;
}

void in_place(Input& input, Area& area, Ring& ring, Accounting& accounting) {
    std::uint64_t base = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
        change_ring(input, area, base);
        static_cast<void>(ring.announced());
        static_cast<void>(ring.ended());
        const auto bytes = ring.readable(task);
        if (!bytes) return fuzz::is_told(bytes.error());
        must(bytes->empty() || fuzz::inside(*bytes, area.data()), "records lie in the ring");
        const auto found = use(input, area, accounting, *bytes, {.cpu = 0, .soft_bytes = 2048});
        if (!found) return;
        ring.take(found->bytes);
        ring.give_back();
    }
}

void copied(Input& input, Area& area, Ring& ring, Accounting& accounting) {
    std::uint64_t base = 0;
    std::vector<std::uint64_t> words((input.byte() + 8U));
    const auto to = std::as_writable_bytes(std::span{words});
    for (std::size_t i = 0; i < rounds; ++i) {
        change_ring(input, area, base);
        const auto copy = ring.copy(to, task);
        if (!copy) return fuzz::is_told(copy.error());
        must(copy->bytes.empty() || fuzz::inside(copy->bytes, to),
             "the copy is where it should be");
        const auto found =
            use(input, area, accounting, copy->bytes, {.cpu = 0, .longest_cut = to.size()});
        if (!found) return;
        must(found->bytes != 0 || copy->bytes.size() < to.size(), "a full buffer is read on");
        ring.take(found->bytes, found->samples);
        ring.give_back();
    }
}

void mmap_ring(Input& input, bool overwrite) {
    auto& area = clean_area();
    const RingLayout layout{.page = page_bytes(), .data = page_bytes()};
    put(area.consumer(), position(input, 0));
    Ring ring{layout, 0, area.consumer(), area.producer()};
    Accounting accounting{1};
    if (overwrite)
        copied(input, area, ring, accounting);
    else
        in_place(input, area, ring, accounting);
}

void layouts(Input& input) {
    statchan_channel_req answer{};
    answer.page_size =
        input.byte() != 0 ? static_cast<std::uint32_t>(page_bytes()) : input.take<std::uint32_t>();
    const auto shift = input.byte();
    answer.got.buffer_size = shift < 64 ? 1ULL << shift : input.take<std::uint64_t>();
    answer.ring_stride = position(input, 2 * (page_bytes() + answer.got.buffer_size));
    const auto layout = RingLayout::make(answer, task);
    if (!layout) return fuzz::is_told(layout.error());
    must(layout->data <= STATCHAN_BUFFER_MAX && (layout->data & (layout->data - 1)) == 0,
         "a ring is a power of two");
    must(answer.ring_stride >= 2 * layout->page + 2 * layout->data, "rings don't overlap");
}

bool collect_bpf(Input& input, Area& area, BpfRing& ring, Accounting& accounting) {
    const auto last = ring.each(2048, [&](Chunk record) {
        must(fuzz::inside(record, area.data()), "a record lies in the ring");
        must(record.size() >= wire::head_bytes, "a record has a head");
        return accounting.take_next(0, record) ||
               use(input, area, accounting, record, {.cpu = 0}).has_value();
    });
    return last == BpfRing::Found::nothing;
}

void bpf_ring(Input& input) {
    auto& area = clean_area();
    std::uint64_t base = 0;
    put(area.consumer(), position(input, 0));
    BpfRing ring{page_bytes(), page_bytes(), 0, area.consumer(), area.producer()};
    Accounting accounting{1};
    for (std::size_t i = 0; i < rounds; ++i) {
        base = position(input, base);
        put(area.producer(), base);
        change_data(input, area);
        static_cast<void>(ring.waits(input.byte(), input.byte()));
        if (!collect_bpf(input, area, ring, accounting))
            return fuzz::is_told(ring.bad(task).value());
        static_cast<void>(ring.ended());
        ring.give_back();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.byte() & 3U) {
        case 0:
            mmap_ring(input, false);
            break;
        case 1:
            mmap_ring(input, true);
            break;
        case 2:
            bpf_ring(input);
            break;
        default:
            layouts(input);
    }
    return 0;
}
