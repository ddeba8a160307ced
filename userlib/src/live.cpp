// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <linux/statchan.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <statchan/snapshot.hpp>

#include "abi.hpp"
#include "buffer.hpp"
#include "image.hpp"
#include "live_backend.hpp"
#include "shared.hpp"

namespace statchan {

LiveSnapshot::LiveSnapshot(std::unique_ptr<detail::LiveBackend> backend) noexcept
    : backend_{std::move(backend)} {}
LiveSnapshot::LiveSnapshot(LiveSnapshot&&) noexcept = default;
LiveSnapshot& LiveSnapshot::operator=(LiveSnapshot&&) noexcept = default;
LiveSnapshot::~LiveSnapshot() = default;

Result<LiveSnapshot::Image> LiveSnapshot::begin() const {
    const auto task = backend_->task();
    if (backend_->ended()) return detail::fail(errc::end_of_stream, task, "the source is gone");
    const auto seq = backend_->seq();
    if (seq == 0) return detail::fail_errno(EAGAIN, task, "the kernel has made no image yet");

    auto head = detail::read_image(backend_->image(seq), task);
    auto view = head ? detail::view_image(*head, backend_->schema(), task)
                     : Result<SnapshotView>{detail::pass_on(head.error())};
    if (view) return Image{std::move(*view), seq, false};
    // A head that makes no sense is torn, unless nobody was writing.
    if (backend_->intact(seq)) return detail::pass_on(view.error());
    return Image{SnapshotView{{}, backend_->schema(), {}}, seq, true};
}

bool LiveSnapshot::still_good(const Image& image) const noexcept {
    return backend_->intact(image.seq);
}

nanoseconds LiveSnapshot::staleness(const Image& image) noexcept {
    return std::chrono::steady_clock::now() - image.view.info().end;
}

Error LiveSnapshot::gave_up() const {
    return detail::fail(errc::torn, backend_->task(),
                        fmt::format("torn in {} attempts", max_attempts),
                        "read less at a time, or ask for a longer period")
        .value();
}

Result<Snapshot> LiveSnapshot::copy() {
    auto memory = std::make_shared<detail::Buffer>(backend_->schema()->counters() * 8);
    const std::span to{reinterpret_cast<std::uint64_t*>(memory->bytes().data()),
                       backend_->schema()->counters()};
    SnapshotInfo info;
    auto done = read([&](const SnapshotView& view) {
        info = view.info();
        std::copy(view.counters().begin(), view.counters().end(), to.begin());
    });
    if (!done) return detail::pass_on(done.error());
    return Snapshot{SnapshotView{info, backend_->schema(), to}, std::move(memory)};
}

nanoseconds LiveSnapshot::period() const noexcept { return backend_->period(); }
std::uint64_t LiveSnapshot::errors() const noexcept { return backend_->errors(); }
const Schema& LiveSnapshot::schema() const noexcept { return *backend_->schema(); }

namespace detail {

Result<std::unique_ptr<LiveBackend>> LiveBackend::make(std::span<const std::byte> memory,
                                                       std::shared_ptr<const void> owner,
                                                       std::shared_ptr<const Schema> schema,
                                                       std::string source) {
    std::unique_ptr<LiveBackend> live{new LiveBackend};
    live->control_ = memory.data();
    live->owner_ = std::move(owner);
    live->schema_ = std::move(schema);
    live->source_ = std::move(source);
    if (memory.size() < sizeof(statchan_live))
        return fail_data(live->task(), fmt::format("{} bytes are too few", memory.size()));
    // Read once; where the images are does not change.
    const auto control = copy_struct<statchan_live>(memory.first(sizeof(statchan_live)));
    if (control.magic != STATCHAN_LIVE_MAGIC)
        return fail_data(live->task(), fmt::format("magic is {:#x}", control.magic));
    for (int i = 0; i < 2; ++i) {
        const auto offset = control.image_offset[i];
        if (offset % 8 != 0 || offset > memory.size() || control.image_len > memory.size() - offset)
            return fail_data(live->task(), fmt::format("image {} lies outside the mapping", i));
        live->images_[i] = memory.subspan(offset, control.image_len);
    }
    return live;
}

std::uint64_t LiveBackend::seq() const noexcept {
    return load_acquire<std::uint64_t>(control_ + offsetof(statchan_live, seq));
}

bool LiveBackend::intact(std::uint64_t seq) const noexcept {
    // Partner: the kernel stores `writing` before it touches the other image. The barrier keeps
    // our reads of the image before the load.
    read_barrier();
    const auto writing = load_relaxed<std::uint64_t>(control_ + offsetof(statchan_live, writing));
    return writing <= seq + 1;
}

bool LiveBackend::ended() const noexcept {
    return (load_acquire<std::uint32_t>(control_ + offsetof(statchan_live, flags)) &
            STATCHAN_LIVE_EOS) != 0;
}

nanoseconds LiveBackend::period() const noexcept {
    return to_timeout(load_relaxed<std::uint64_t>(control_ + offsetof(statchan_live, period_ns)));
}

std::uint64_t LiveBackend::errors() const noexcept {
    return load_relaxed<std::uint64_t>(control_ + offsetof(statchan_live, errors));
}

}  // namespace detail
}  // namespace statchan
