// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <statchan/digest.hpp>
#include <statchan/error.hpp>
#include <statchan/export.hpp>
#include <statchan/schema.hpp>
#include <statchan/time.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace statchan {

/// How a snapshot was taken.
struct SnapshotInfo {
    std::uint32_t source = 0;      ///< id
    std::uint64_t generation = 0;  ///< counts the snapshots of this source from 1
    Time begin{};                  ///< before the first counter was read
    Time end{};                    ///< after the last
    bool atomic = false;           ///< one point in time for all counters
    bool torn = false;             ///< the source changed while it was read
};

/// The counters of one group in a snapshot. A view, no longer valid than the snapshot.
class GroupView {
  public:
    GroupView(const Group& group, std::span<const std::uint64_t> all) noexcept
        : group_{&group},
          values_{all.subspan(group.first_counter, group.instances * group.fields.size())} {}

    [[nodiscard]] const Group& group() const noexcept { return *group_; }
    /// Number of instances.
    [[nodiscard]] std::size_t size() const noexcept { return group_->instances; }
    /// Fields of one instance, in the order of group().fields. Must be < size().
    [[nodiscard]] std::span<const std::uint64_t> operator[](std::size_t instance) const noexcept {
        return values_.subspan(instance * group_->fields.size(), group_->fields.size());
    }
    /// Instance after instance.
    [[nodiscard]] std::span<const std::uint64_t> values() const noexcept { return values_; }

  private:
    const Group* group_;
    std::span<const std::uint64_t> values_;
};

/// All counters of a source at one time, as a view over memory that something else owns.
class STATCHAN_API SnapshotView {
  public:
    /// @p counters must be schema.counters() values.
    SnapshotView(const SnapshotInfo& info, std::shared_ptr<const Schema> schema,
                 std::span<const std::uint64_t> counters) noexcept
        : info_{info}, schema_{std::move(schema)}, counters_{counters} {}

    [[nodiscard]] const SnapshotInfo& info() const noexcept { return info_; }
    [[nodiscard]] std::uint64_t generation() const noexcept { return info_.generation; }
    [[nodiscard]] const Schema& schema() const noexcept { return *schema_; }
    /// The same, to keep: it may outlive the snapshot.
    [[nodiscard]] const std::shared_ptr<const Schema>& schema_ptr() const noexcept {
        return schema_;
    }

    /// All values, in the order of the schema; in the kernel's memory where the transport can.
    [[nodiscard]] std::span<const std::uint64_t> counters() const noexcept { return counters_; }

    /// One counter by its names; errc::no_such_counter says which names there are. For a loop
    /// find the Column or the CounterRefs once, with schema().
    [[nodiscard]] Result<std::uint64_t> at(std::string_view group, std::size_t instance,
                                           std::string_view field) const;
    /// No checks: the column must be of this schema, the instance one of its group.
    [[nodiscard]] std::uint64_t at(const Column& column, std::size_t instance) const noexcept {
        return counters_[column.index(instance)];
    }
    /// No checks: the reference must be of this schema.
    [[nodiscard]] std::uint64_t operator[](const CounterRef& ref) const noexcept {
        return counters_[ref.index];
    }

    [[nodiscard]] Result<GroupView> group(std::string_view name) const;
    [[nodiscard]] GroupView group(const Group& group) const noexcept { return {group, counters_}; }

    /// fn(const CounterRef&, uint64_t value) for all that match, see Schema::select().
    template <class Fn>
    void for_each(std::string_view pattern, Fn&& fn) const {
        for (const auto& ref : schema_->select(pattern)) fn(ref, counters_[ref.index]);
    }

    /// digest() of the counters, computed now.
    [[nodiscard]] std::uint64_t digest() const noexcept { return statchan::digest(counters_); }

  private:
    SnapshotInfo info_;
    std::shared_ptr<const Schema> schema_;
    std::span<const std::uint64_t> counters_;
};

/// A snapshot and the memory it lies in: a buffer, or on mmap the kernel's own pages, mapped
/// read-only. Valid until destroyed, on every transport, whatever the Client does meanwhile;
/// keep the one before to compute rates. Copies are cheap and share the memory. Destroying a
/// snapshot before taking the next lets the next one use its memory again; over mmap the last copy
/// to go costs a short system call, with which the kernel gets the memory back. There a forked
/// child has not got the memory: it may destroy the snapshot, which stays with the parent.
class Snapshot : public SnapshotView {
  public:
    Snapshot(SnapshotView view, std::shared_ptr<const void> memory,
             std::optional<std::uint64_t> kernel_digest = {}) noexcept
        : SnapshotView{std::move(view)},
          memory_{std::move(memory)},
          kernel_digest_{kernel_digest} {}

    /// What the kernel computed before sending, if SnapshotOptions::digest asked for it.
    [[nodiscard]] std::optional<std::uint64_t> kernel_digest() const noexcept {
        return kernel_digest_;
    }

  private:
    std::shared_ptr<const void> memory_;
    std::optional<std::uint64_t> kernel_digest_;
};

/// Which snapshot to get.
struct SnapshotOptions {
    /// Share one that others took, at most so old; 0: take a new one.
    nanoseconds max_age{0};
    /// Just this one, errc::stale_generation when it is gone; 0: any.
    std::uint64_t generation = 0;
    /// Let the kernel compute the digest, too.
    bool digest = false;
};

namespace detail {
class LiveBackend;
}

/// How one read of a live snapshot went.
struct LiveRead {
    unsigned retries = 0;     ///< times the image changed underneath and was read again
    std::uint64_t seq = 0;    ///< number of the refresh
    nanoseconds staleness{};  ///< from the end of the refresh to the read
};

/// A snapshot in shared memory that the kernel refreshes: reading it makes no system call.
/// Made by Client::live(), independent of the Client afterwards. Not thread-safe.
class STATCHAN_API LiveSnapshot {
  public:
    explicit LiveSnapshot(std::unique_ptr<detail::LiveBackend> backend) noexcept;
    LiveSnapshot(LiveSnapshot&&) noexcept;
    LiveSnapshot& operator=(LiveSnapshot&&) noexcept;
    ~LiveSnapshot();

    /// Attempts of read() and copy() before they give up with errc::torn.
    static constexpr unsigned max_attempts = 1000;

    /// Calls fn(const SnapshotView&) on the newest image, in place. If the kernel overwrote the
    /// image meanwhile, what fn saw was torn and fn is called again: fn must not act, just read;
    /// its results count only after read() has returned them as good. errc::end_of_stream when
    /// the source is gone; std::errc::resource_unavailable_try_again before the first image.
    template <class Fn>
    [[nodiscard]] Result<LiveRead> read(Fn&& fn) {
        for (unsigned attempt = 0; attempt < max_attempts; ++attempt) {
            auto image = begin();
            if (!image) return tl::unexpected(std::move(image.error()));
            if (image->torn) continue;
            fn(std::as_const(image->view));
            if (still_good(*image)) {
                torn_ += attempt;
                return LiveRead{attempt, image->seq, staleness(*image)};
            }
        }
        torn_ += max_attempts;
        return tl::unexpected(gave_up());
    }

    /// A private copy of the newest image.
    [[nodiscard]] Result<Snapshot> copy();

    /// The kernel's period between refreshes, in force.
    [[nodiscard]] nanoseconds period() const noexcept;
    /// Refreshes that the kernel could not make.
    [[nodiscard]] std::uint64_t errors() const noexcept;
    /// Torn reads so far, all of them retried.
    [[nodiscard]] std::uint64_t torn() const noexcept { return torn_; }
    [[nodiscard]] const Schema& schema() const noexcept;

  private:
    struct Image {
        SnapshotView view;
        std::uint64_t seq = 0;
        bool torn = false;  // its head already did not make sense
    };
    [[nodiscard]] Result<Image> begin() const;
    [[nodiscard]] bool still_good(const Image& image) const noexcept;
    [[nodiscard]] static nanoseconds staleness(const Image& image) noexcept;
    [[nodiscard]] Error gave_up() const;

    std::unique_ptr<detail::LiveBackend> backend_;
    std::uint64_t torn_ = 0;
};

}  // namespace statchan
