// SPDX-License-Identifier: MIT
#include "abi.hpp"

#include <fmt/format.h>

#include <limits>
#include <statchan/record.hpp>
#include <statchan/schema.hpp>

namespace statchan {

// The public headers state the protocol's numbers again, so that they need no kernel header.
// Here the two are held together.
static_assert(wire::align == STATCHAN_ALIGN);
static_assert(wire::sample_bytes == sizeof(statchan_record));
static_assert(wire::lost_bytes == sizeof(statchan_lost));
static_assert(wire::type_sample == STATCHAN_RECORD_SAMPLE);
static_assert(wire::type_lost == STATCHAN_RECORD_LOST);
static_assert(wire::type_pad == STATCHAN_RECORD_PAD);
static_assert(offsetof(statchan_record, len) == 0 && offsetof(statchan_record, type) == 4);
static_assert(offsetof(statchan_record, cpu) == 6 && offsetof(statchan_record, seq) == 8);
static_assert(offsetof(statchan_record, time_ns) == 16);
static_assert(offsetof(statchan_record, orig_len) == 24);
static_assert(offsetof(statchan_record, ifindex) == 28 && offsetof(statchan_record, rate) == 32);
static_assert(offsetof(statchan_record, flags) == 36 && offsetof(statchan_record, protocol) == 38);
static_assert(offsetof(statchan_record, vlan_tci) == 40);
static_assert(offsetof(statchan_record, vlan_proto) == 42);
static_assert(offsetof(statchan_record, queue) == 44);
static_assert(STATCHAN_REC_TRUNCATED == 1 && STATCHAN_REC_INGRESS == 2);
static_assert(STATCHAN_REC_EGRESS == 4 && STATCHAN_REC_VLAN == 8);
static_assert(offsetof(statchan_lost, cpu) == 6 && offsetof(statchan_lost, first_seq) == 8);
static_assert(offsetof(statchan_lost, last_seq) == 16 && offsetof(statchan_lost, count) == 24);
static_assert(offsetof(statchan_lost, first_ns) == 32 && offsetof(statchan_lost, last_ns) == 40);
static_assert(offsetof(statchan_lost, reason) == 48);
static_assert(lost_reasons == STATCHAN_N_LOST);
static_assert(max_batch_bytes == STATCHAN_BUFFER_MAX);
static_assert(static_cast<int>(LostReason::injected) == STATCHAN_LOST_INJECTED);
static_assert(static_cast<int>(LostReason::socket_overrun) == STATCHAN_LOST_SOCKET_OVERRUN);
static_assert(static_cast<int>(FieldType::gauge) == STATCHAN_GAUGE);
static_assert(static_cast<int>(Unit::ns) == STATCHAN_UNIT_NS);
static_assert(static_cast<int>(Mode::overwrite) == STATCHAN_MODE_OVERWRITE);
static_assert(static_cast<int>(ChannelKind::live) == STATCHAN_CHANNEL_LIVE);
static_assert(static_cast<unsigned>(Capability::files) == STATCHAN_CAP_FILES);

namespace detail {
namespace {

Count to_count(std::uint64_t value) {
    return value == STATCHAN_UNAVAILABLE ? Count{} : Count{value};
}

std::string transport_name(std::uint32_t id) {
    switch (id) {
        case STATCHAN_T_IOCTL:
            return "ioctl";
        case STATCHAN_T_NETLINK:
            return "netlink";
        case STATCHAN_T_RELAY:
            return "relay";
        case STATCHAN_T_MMAP:
            return "mmap";
        case STATCHAN_T_READ:
            return "read";
        case STATCHAN_T_PROCFS:
            return "procfs";
        case STATCHAN_T_BPF:
            return "bpf";
        default:
            return fmt::format("transport {}", id);
    }
}

// A number of ns from the kernel as a duration, without turning negative.
nanoseconds to_duration(std::uint64_t ns) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return nanoseconds{static_cast<std::int64_t>(std::min(ns, most))};
}

std::uint64_t from_duration(nanoseconds d) noexcept {
    return d.count() < 0 ? 0 : static_cast<std::uint64_t>(d.count());
}

}  // namespace

Result<void> check_version(const Version& module, Task task) {
    constexpr std::uint32_t most_cpus = 65536;
    if (module.abi != STATCHAN_ABI) {
        return fail(
            errc::abi_mismatch, task,
            fmt::format("the module speaks ABI {}, this library ABI {}", module.abi, STATCHAN_ABI),
            module.abi < STATCHAN_ABI ? "load the module that was built with this library"
                                      : "update this library");
    }
    if (module.nr_cpus == 0 || module.nr_cpus > most_cpus)
        return fail_data(task, fmt::format("{} CPUs make no sense", module.nr_cpus));
    return {};
}

Result<void> put_name(std::span<char> field, std::string_view name, Task task) {
    if (name.empty() || name.size() >= field.size() || name.find('\0') != name.npos) {
        return Fail{Error{make_error_code(std::errc::invalid_argument),
                          task.text(),
                          fmt::format("a name has 1 to {} bytes", field.size() - 1),
                          {}}};
    }
    std::fill(std::copy(name.begin(), name.end(), field.begin()), field.end(), '\0');
    return {};
}

Result<void> check_params(std::string_view params, Task task) {
    if (params.size() >= STATCHAN_PARAMS_MAX)
        return fail_errno(E2BIG, task,
                          fmt::format("params have at most {} bytes", STATCHAN_PARAMS_MAX - 1));
    if (params.find('\0') != params.npos)
        return fail_errno(EINVAL, task, "params are text, without a byte of 0");
    return {};
}

SourceInfo to_source_info(const statchan_source_info& info) {
    return {.id = info.id,
            .name = std::string{text(info.name)},
            .kind = std::string{text(info.kind)},
            .params = std::string{text(info.params)},
            .n_counters = info.n_counters,
            .schema_hash = info.schema_hash,
            .generation = info.generation,
            .observed = info.observed,
            .emitted = info.emitted,
            .rate = info.rate,
            .channels = info.channels};
}

ChannelInfo to_channel_info(const statchan_channel_info& info) {
    return {.id = info.id,
            .source = info.source,
            .transport = transport_name(info.transport),
            .kind = static_cast<ChannelKind>(info.kind),
            .end_of_stream = (info.flags & STATCHAN_CHAN_EOS) != 0,
            .pid = info.pid,
            .subscribers = info.subscribers,
            .requested = to_config(info.want),
            .effective = to_config(info.got)};
}

LedgerEntry to_ledger_entry(const statchan_ledger& ledger) {
    LedgerEntry entry;
    entry.cpu = ledger.cpu;
    entry.first_seq = to_count(ledger.first_seq);
    entry.next_seq = to_count(ledger.next_seq);
    entry.produced = to_count(ledger.produced);
    entry.accepted = to_count(ledger.accepted);
    entry.filtered = to_count(ledger.filtered);
    entry.truncated = to_count(ledger.truncated);
    entry.wakeups = to_count(ledger.wakeups);
    entry.consumed = to_count(ledger.consumed);
    entry.bytes = to_count(ledger.bytes);
    std::transform(std::begin(ledger.lost), std::end(ledger.lost), entry.lost.begin(), to_count);
    return entry;
}

TransportInfo to_transport_info(const statchan_transport_info& info) {
    return {std::string{text(info.name)}, Capabilities{info.caps}};
}

ChannelConfig to_config(const statchan_channel_config& config) {
    return {.rate = config.rate,
            .snaplen = config.snaplen,
            .watermark_records = config.watermark_records,
            .watermark_bytes = config.watermark_bytes,
            .timeout = to_timeout(config.timeout_ns),
            .buffer_size = config.buffer_size,
            .subbufs = config.subbufs,
            .mode = static_cast<Mode>(config.mode),
            .period = to_duration(config.period_ns)};
}

statchan_channel_config from_config(const ChannelConfig& config) {
    return {.rate = config.rate,
            .snaplen = config.snaplen,
            .watermark_records = config.watermark_records,
            .watermark_bytes = config.watermark_bytes,
            .timeout_ns = from_timeout(config.timeout),
            .buffer_size = config.buffer_size,
            .subbufs = config.subbufs,
            .mode = static_cast<std::uint32_t>(config.mode),
            .period_ns = from_duration(config.period)};
}

nanoseconds to_timeout(std::uint64_t ns) noexcept {
    return ns == STATCHAN_TIMEOUT_NEVER ? never : to_duration(ns);
}

std::uint64_t from_timeout(nanoseconds timeout) noexcept {
    return timeout == never ? STATCHAN_TIMEOUT_NEVER : from_duration(timeout);
}

}  // namespace detail
}  // namespace statchan
