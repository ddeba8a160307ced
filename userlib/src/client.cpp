// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <statchan/client.hpp>
#include <utility>

#include "catalog.hpp"
#include "image.hpp"
#include "stream_run.hpp"
#include "transport.hpp"

namespace statchan {

using detail::fail;
using detail::pass_on;
using detail::SourceRef;
using detail::Task;
using detail::TransportEntry;

struct Client::Impl {
    const TransportEntry* entry;
    std::unique_ptr<detail::Transport> transport;
    std::string device;  // as asked for
    detail::Catalog catalog{transport->control()};

    Impl(const TransportEntry* e, std::unique_ptr<detail::Transport> t, std::string d)
        : entry{e}, transport{std::move(t)}, device{std::move(d)} {}

    /// An error that names the transports that can, if this one can not.
    [[nodiscard]] Result<void> require(Capability capability, Task task) const;

    /// The same for all that a stream so configured needs.
    [[nodiscard]] Result<void> require(const ChannelConfig& config, Task task) const;

    /// Calls op(SourceRef, Catalog::Entry), and once more if the source turns out to be another
    /// than remembered.
    template <class Op>
    [[nodiscard]] auto with_source(std::string_view name, Op op)
        -> decltype(op(SourceRef{}, detail::Catalog::Entry{}));
};

namespace {

const TransportEntry* find_entry(std::string_view name) {
    for (const auto& entry : detail::transport_table())
        if (name == entry.name) return &entry;
    return nullptr;
}

std::string transport_names() {
    std::string names;
    for (const auto& entry : detail::transport_table()) {
        if (!names.empty()) names += ", ";
        names += entry.name;
    }
    return names;
}

detail::Fail invalid(Task task, std::string reason, std::string way_out = {}) {
    return detail::Fail{Error{std::make_error_code(std::errc::invalid_argument), task.text(),
                              std::move(reason), std::move(way_out)}};
}

// What no transport would refuse, and each would take for something else.
Result<void> check(const ChannelConfig& config, Task task) {
    if (config.timeout.count() < 0) return invalid(task, "the timeout is negative");
    if (config.batch_bytes > max_batch_bytes)
        return invalid(task,
                       fmt::format("batches of {} bytes are larger than the {} that a CPU's buffer "
                                   "can have",
                                   config.batch_bytes, max_batch_bytes),
                       fmt::format("ask for batch_bytes of at most {}, or 0 for the default",
                                   max_batch_bytes));
    return {};
}

}  // namespace

Result<void> Client::Impl::require(Capability capability, Task task) const {
    if (entry->capabilities.has(capability)) return {};
    const auto able = detail::transports_with(capability);
    return fail(errc::not_supported, task,
                fmt::format("transport {} can not do '{}'", entry->name, to_string(capability)),
                able.empty() ? "no transport can" : "use one that can: " + able);
}

template <class Op>
auto Client::Impl::with_source(std::string_view name, Op op)
    -> decltype(op(SourceRef{}, detail::Catalog::Entry{})) {
    for (bool again = true;; again = false) {
        auto found = catalog.find(name);
        if (!found) return pass_on(std::move(found.error()));
        auto result = op(SourceRef{found->id, name, found->n_counters}, *found);
        if (result || !again || result.error().code != errc::no_such_source) return result;
        const auto other = catalog.refresh(name);
        if (!other) return pass_on(other.error());
        if (!*other) return result;
    }
}

Result<void> Client::Impl::require(const ChannelConfig& config, Task task) const {
    auto able = require(Capability::samples, task);
    if (able && config.mode == Mode::overwrite) able = require(Capability::overwrite, task);
    return able;
}

Client::Client(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::open(const ClientOptions& options) {
    std::string_view name = options.transport;
    std::string_view origin = "asked for by the program";
    if (name.empty()) {
        const char* env = std::getenv("STATCHAN_TRANSPORT");
        name = env != nullptr && *env != '\0' ? env : default_transport;
        origin = "from $STATCHAN_TRANSPORT";
    }
    const auto* entry = find_entry(name);
    if (entry == nullptr) {
        return fail(errc::unknown_transport, {"open transport", name},
                    fmt::format("no such transport, {}", origin),
                    "there are: " + transport_names());
    }
    auto transport = entry->open(options);
    if (!transport) return pass_on(std::move(transport.error()));
    return Client{std::make_unique<Impl>(entry, std::move(*transport), options.device)};
}

std::string_view Client::transport() const noexcept { return impl_->entry->name; }
Capabilities Client::capabilities() const noexcept { return impl_->entry->capabilities; }

Result<Version> Client::version() const { return impl_->transport->control().version(); }
Result<std::vector<TransportInfo>> Client::kernel_transports() const {
    return impl_->transport->control().transports();
}
Result<std::vector<SourceInfo>> Client::sources() const {
    return impl_->transport->control().sources();
}
Result<SourceInfo> Client::source(std::string_view name) const {
    return impl_->transport->control().source(name);
}

Result<SourceInfo> Client::add_source(std::string_view name, std::string_view kind,
                                      std::string_view params) {
    auto& control = impl_->transport->control();
    if (auto done = control.add_source(name, kind, params); !done) return pass_on(done.error());
    return control.source(name);
}

Result<void> Client::remove_source(std::string_view name) {
    return impl_->transport->control().remove_source(name);
}

Result<SourceInfo> Client::set_source(std::string_view name, std::string_view params) {
    auto& control = impl_->transport->control();
    if (auto done = control.set_source(name, params); !done) return pass_on(done.error());
    return control.source(name);
}

Result<std::shared_ptr<const Schema>> Client::schema(std::string_view source) {
    // Not by the id remembered: the caller wants to know what is there now.
    if (auto asked = impl_->catalog.refresh(source); !asked) return pass_on(asked.error());
    return impl_->with_source(source, [&](const SourceRef&, const detail::Catalog::Entry& entry) {
        return impl_->catalog.schema(entry, source);
    });
}

Result<Snapshot> Client::snapshot(std::string_view source, const SnapshotOptions& options) {
    const Task task{"take snapshot of", source};
    if (auto able = impl_->require(Capability::snapshot, task); !able) return pass_on(able.error());
    if (options.max_age.count() < 0) return invalid(task, "max_age is negative");

    return impl_->with_source(
        source, [&](const SourceRef& ref, detail::Catalog::Entry entry) -> Result<Snapshot> {
            auto raw = impl_->transport->snapshot(ref, options);
            if (!raw) return pass_on(std::move(raw.error()));
            const auto head = detail::read_image(raw->image, task);
            if (!head) return pass_on(head.error());
            entry.schema_hash = head->schema_hash;
            auto schema = impl_->catalog.schema(entry, source);
            if (!schema) return pass_on(std::move(schema.error()));
            auto view = detail::view_image(*head, std::move(*schema), task);
            if (!view) return pass_on(std::move(view.error()));
            return Snapshot{std::move(*view), std::move(raw->memory), raw->digest};
        });
}

Result<LiveSnapshot> Client::live(std::string_view source, nanoseconds period) {
    const Task task{"open a live snapshot of", source};
    if (auto able = impl_->require(Capability::live, task); !able) return pass_on(able.error());
    if (period.count() < 0) return invalid(task, "the period is negative");

    return impl_->with_source(
        source,
        [&](const SourceRef& ref, const detail::Catalog::Entry& entry) -> Result<LiveSnapshot> {
            auto schema = impl_->catalog.schema(entry, source);
            if (!schema) return pass_on(std::move(schema.error()));
            auto live = impl_->transport->live(ref, std::move(*schema), period);
            if (!live) return pass_on(std::move(live.error()));
            return LiveSnapshot{std::move(*live)};
        });
}

Result<Stream> Client::subscribe(std::string_view source, const ChannelConfig& config) {
    const Task task{"subscribe to", source};
    if (auto able = impl_->require(config, task); !able) return pass_on(able.error());
    if (auto sound = check(config, task); !sound) return pass_on(sound.error());

    return impl_->with_source(
        source, [&](const SourceRef& ref, const detail::Catalog::Entry&) -> Result<Stream> {
            auto stream = impl_->transport->subscribe(ref, config, 0);
            if (!stream) return pass_on(std::move(stream.error()));
            return Stream{std::make_unique<detail::StreamRun>(std::move(*stream))};
        });
}

Result<void> Client::switch_transport(std::string_view name) {
    auto other = open({.transport = std::string{name}, .device = impl_->device});
    if (!other) return pass_on(std::move(other.error()));
    impl_ = std::move(other->impl_);
    return {};
}

// Make before break: whatever fails before the kernel has handed over leaves all as it was.
Result<void> Client::switch_transport(Stream& stream, std::string_view name) {
    const auto source = std::string{stream.source()};
    const auto config = stream.requested();
    const Task task{"switch the transport of", source};
    auto other = open({.transport = std::string{name}, .device = impl_->device});
    if (!other) return pass_on(std::move(other.error()));
    auto& impl = *other->impl_;
    if (auto able = impl.require(config, task); !able) return able;
    auto leg = impl.with_source(source, [&](const SourceRef& ref, const detail::Catalog::Entry&) {
        return impl.transport->subscribe(ref, config, stream.channel());
    });
    if (!leg) return pass_on(std::move(leg.error()));
    if (auto begun = stream.run_->append(std::move(*leg)); !begun) return begun;
    impl_ = std::move(other->impl_);
    return {};
}

Result<std::vector<ChannelInfo>> Client::channels() const {
    return impl_->transport->control().channels();
}

Result<std::vector<LedgerEntry>> Client::ledger(std::uint32_t channel) const {
    if (channel == 0) return invalid({"read a ledger"}, "channel ids begin at 1");
    return impl_->transport->control().ledger(channel);
}

Result<EventStream> Client::events() const {
    auto events = impl_->transport->events();
    if (!events) return pass_on(std::move(events.error()));
    return EventStream{std::move(*events)};
}

}  // namespace statchan
