// SPDX-License-Identifier: MIT
#include "interface.hpp"

#include <linux/statchan.h>

namespace fuzz {
namespace {

template <class T, class M>
Field field(M T::*member, Kind kind, std::uint64_t limit = 0, bool answers = false) {
    static T object;
    const auto* begin = reinterpret_cast<const char*>(&object);
    const auto* here = reinterpret_cast<const char*>(&(object.*member));
    return {static_cast<std::size_t>(here - begin), sizeof(M), kind, limit, answers};
}

// Of statchan_channel_config, inside of another structure.
std::vector<Field> config_at(std::size_t offset) {
    using Config = statchan_channel_config;
    std::vector<Field> fields{
        field(&Config::rate, Kind::choice, 8),
        field(&Config::snaplen, Kind::bytes),
        field(&Config::watermark_records, Kind::choice, 64),
        field(&Config::watermark_bytes, Kind::bytes),
        field(&Config::timeout_ns, Kind::time),
        field(&Config::buffer_size, Kind::bytes),
        field(&Config::subbufs, Kind::choice, 9),
        field(&Config::mode, Kind::choice, 1),
        field(&Config::period_ns, Kind::time),
    };
    for (auto& each : fields) each.offset += offset;
    return fields;
}

template <class T>
Ioctl call(std::string_view name, unsigned long request, std::vector<Field> fields) {
    fields.insert(fields.begin(), field(&T::size, Kind::size));
    return {name, request, sizeof(T), std::move(fields)};
}

std::vector<Ioctl> make_ioctls() {
    using Source = statchan_source_req;
    using Snapshot = statchan_snapshot_req;
    using Channel = statchan_channel_req;
    const std::vector<Field> source{
        field(&Source::id, Kind::source, 0, true), field(&Source::name, Kind::name),
        field(&Source::kind, Kind::kind), field(&Source::params, Kind::params)};
    const auto snapshot = [](std::uint64_t flags) {
        return std::vector<Field>{field(&Snapshot::source, Kind::source),
                                  field(&Snapshot::flags, Kind::flags, flags),
                                  field(&Snapshot::reserved, Kind::zero),
                                  field(&Snapshot::max_age_ns, Kind::time),
                                  field(&Snapshot::generation, Kind::choice, 3),
                                  field(&Snapshot::buf, Kind::buffer),
                                  field(&Snapshot::len, Kind::length),
                                  field(&Snapshot::offset, Kind::zero)};
    };
    std::vector<Field> channel{field(&Channel::source, Kind::source),
                               field(&Channel::transport, Kind::choice, STATCHAN_T_BPF),
                               field(&Channel::kind, Kind::choice, STATCHAN_CHANNEL_LIVE),
                               field(&Channel::id, Kind::channel, 0, true),
                               field(&Channel::follows, Kind::channel),
                               field(&Channel::key, Kind::choice, 3)};
    for (const auto& each : config_at(offsetof(Channel, want))) channel.push_back(each);
    return {
        call<statchan_version>("VERSION", STATCHAN_IOC_VERSION, {}),
        call<statchan_error>("ERROR", STATCHAN_IOC_ERROR, {}),
        call<statchan_transports>("TRANSPORTS", STATCHAN_IOC_TRANSPORTS,
                                  {field(&statchan_transports::count, Kind::count),
                                   field(&statchan_transports::buf, Kind::buffer)}),
        call<Source>("SOURCE_ADD", STATCHAN_IOC_SOURCE_ADD, source),
        call<Source>("SOURCE_DEL", STATCHAN_IOC_SOURCE_DEL, source),
        call<Source>("SOURCE_SET", STATCHAN_IOC_SOURCE_SET, source),
        call<statchan_source_info>("SOURCE_INFO", STATCHAN_IOC_SOURCE_INFO,
                                   {field(&statchan_source_info::id, Kind::source, 0, true),
                                    field(&statchan_source_info::name, Kind::name)}),
        call<statchan_source_next>("SOURCE_NEXT", STATCHAN_IOC_SOURCE_NEXT,
                                   {field(&statchan_source_next::id, Kind::source, 0, true)}),
        call<statchan_schema_req>("SCHEMA", STATCHAN_IOC_SCHEMA,
                                  {field(&statchan_schema_req::source, Kind::source),
                                   field(&statchan_schema_req::buf, Kind::buffer),
                                   field(&statchan_schema_req::len, Kind::length)}),
        call<Snapshot>("SNAPSHOT", STATCHAN_IOC_SNAPSHOT, snapshot(STATCHAN_GET_DIGEST)),
        call<Snapshot>("SNAPSHOT_MAP", STATCHAN_IOC_SNAPSHOT_MAP,
                       snapshot(STATCHAN_GET_DIGEST | STATCHAN_LET_GO)),
        call<Channel>("CHANNEL_OPEN", STATCHAN_IOC_CHANNEL_OPEN, channel),
        call<statchan_channel_info>("CHANNEL_NEXT", STATCHAN_IOC_CHANNEL_NEXT,
                                    {field(&statchan_channel_info::id, Kind::channel, 0, true)}),
        call<statchan_read>(
            "READ", STATCHAN_IOC_READ,
            {field(&statchan_read::flags, Kind::zero), field(&statchan_read::buf, Kind::buffer),
             field(&statchan_read::len, Kind::length)}),
        call<statchan_ledger_req>("LEDGER", STATCHAN_IOC_LEDGER,
                                  {field(&statchan_ledger_req::channel, Kind::channel),
                                   field(&statchan_ledger_req::count, Kind::count),
                                   field(&statchan_ledger_req::buf, Kind::buffer)}),
        call<statchan_relay_state>(
            "RELAY_STATE", STATCHAN_IOC_RELAY_STATE,
            {field(&statchan_relay_state::cpu, Kind::choice, 2),
             field(&statchan_relay_state::consume, Kind::choice, 9),
             field(&statchan_relay_state::flags, Kind::flags, STATCHAN_RELAY_FLUSH)}),
        call<statchan_channel_run>("CHANNEL_STOP", STATCHAN_IOC_CHANNEL_STOP,
                                   {field(&statchan_channel_run::reserved, Kind::zero)}),
        call<statchan_channel_run>("CHANNEL_START", STATCHAN_IOC_CHANNEL_START,
                                   {field(&statchan_channel_run::reserved, Kind::zero)}),
        call<statchan_calibrate>(
            "CALIBRATE", STATCHAN_IOC_CALIBRATE,
            {field(&statchan_calibrate::step, Kind::choice, STATCHAN_CAL_UNHEARD),
             field(&statchan_calibrate::flags, Kind::zero),
             field(&statchan_calibrate::iterations, Kind::choice, 100),
             field(&statchan_calibrate::bytes, Kind::bytes),
             field(&statchan_calibrate::buf, Kind::buffer)}),
    };
}

std::vector<Command> make_commands() {
    const Attribute source{STATCHAN_A_SOURCE, Kind::source, 4};
    const Attribute channel{STATCHAN_A_CHANNEL, Kind::channel, 4};
    const Attribute name{STATCHAN_A_NAME, Kind::name, 0};
    const Attribute values{STATCHAN_A_PARAMS, Kind::params, 0};
    const Attribute length{STATCHAN_A_LENGTH, Kind::length, 8};
    return {
        {"VERSION_GET", STATCHAN_CMD_VERSION_GET, {}},
        {"TRANSPORT_GET", STATCHAN_CMD_TRANSPORT_GET, {}},
        {"SOURCE_GET", STATCHAN_CMD_SOURCE_GET, {source, name}},
        {"SOURCE_ADD", STATCHAN_CMD_SOURCE_ADD, {name, {STATCHAN_A_KIND, Kind::kind, 0}, values}},
        {"SOURCE_DEL", STATCHAN_CMD_SOURCE_DEL, {name}},
        {"SOURCE_SET", STATCHAN_CMD_SOURCE_SET, {name, values}},
        {"SCHEMA_GET", STATCHAN_CMD_SCHEMA_GET, {source, length}},
        {"SNAPSHOT_GET",
         STATCHAN_CMD_SNAPSHOT_GET,
         {source,
          {STATCHAN_A_MAX_AGE, Kind::time, 8},
          {STATCHAN_A_GENERATION, Kind::choice, 8, 3},
          {STATCHAN_A_FLAGS, Kind::flags, 4, STATCHAN_GET_DIGEST},
          length}},
        {"CHANNEL_OPEN",
         STATCHAN_CMD_CHANNEL_OPEN,
         {source,
          {STATCHAN_A_FOLLOWS, Kind::channel, 4},
          {STATCHAN_A_CONFIG, Kind::any, 0, 0, true}}},
        {"CHANNEL_CLOSE", STATCHAN_CMD_CHANNEL_CLOSE, {channel}},
        {"CHANNEL_GET", STATCHAN_CMD_CHANNEL_GET, {channel}},
        {"LEDGER_GET", STATCHAN_CMD_LEDGER_GET, {channel}},
        {"SAMPLES", STATCHAN_CMD_SAMPLES, {channel}},
        {"EVENT", STATCHAN_CMD_EVENT, {}},
        {"CHANNEL_STOP", STATCHAN_CMD_CHANNEL_STOP, {channel}},
        {"CHANNEL_START", STATCHAN_CMD_CHANNEL_START, {channel}},
        {"beyond the last", STATCHAN_CMD_MAX + 1, {}},
    };
}

}  // namespace

const std::vector<Ioctl>& ioctls() {
    static const auto all = make_ioctls();
    return all;
}

const std::vector<Command>& commands() {
    static const auto all = make_commands();
    return all;
}

const std::vector<Attribute>& config_attributes() {
    static const std::vector<Attribute> all{
        {STATCHAN_C_RATE, Kind::choice, 4, 8},
        {STATCHAN_C_SNAPLEN, Kind::bytes, 4},
        {STATCHAN_C_WATERMARK_RECORDS, Kind::choice, 4, 64},
        {STATCHAN_C_WATERMARK_BYTES, Kind::bytes, 4},
        {STATCHAN_C_TIMEOUT, Kind::time, 8},
        {STATCHAN_C_BUFFER_SIZE, Kind::bytes, 8},
    };
    return all;
}

const std::vector<std::string_view> names{"fuzz0", "fuzz1", "lo", "dummy0", "", "no/such", "a b"};
const std::vector<std::string_view> kinds{"synth", "synth", "netdev", "", "nosuch"};
const std::vector<std::string_view> params{
    "run=0",
    "run=1 pps=1000",
    "run=1 mode=burst count=500",
    "emit=1",
    "emit=40",
    "emit=300 size=1500",
    "cpus=2 emit=20",
    "context=softirq emit=10",
    "context=hardirq emit=10",
    "context=process",
    "size=0",
    "size=32768",
    "rate=1",
    "rate=3",
    "ports=64 fields=32",
    "ports=1 fields=8 queues=0",
    "queues=4 qfields=4",
    "ports=99999999999 fields=99999999",
    "emit=18446744073709551616",
    "=",
    "run",
    "run=",
    " ",
    "rate=0",
    "nosuch=1",
    "run=1=1",
};

}  // namespace fuzz
