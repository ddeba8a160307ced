// SPDX-License-Identifier: MIT
#include "control.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include "../abi.hpp"
#include "pieces.hpp"

namespace statchan::detail {
namespace {

// A list that changes while it is dumped is dumped again, but not for ever.
constexpr int dump_attempts = 10;

Result<void> check_name(std::string_view name, Task task) {
    char field[STATCHAN_NAME_MAX];
    return put_name(field, name, task);
}

Result<void> only_acknowledged(const Message&) { return {}; }

}  // namespace

Fail source_failed(Error error) {
    if (error.code.category() == std::generic_category() &&
        (error.code.value() == ENOENT || error.code.value() == ENODEV))
        error.code = errc::no_such_source;
    return Fail{std::move(error)};
}

Result<Version> NetlinkControl::version() {
    const Task task{"ask for the version"};
    Version version;
    auto done = link_.exchange(link_.request(STATCHAN_CMD_VERSION_GET), task,
                               [&](const Message& m) -> Result<void> {
                                   version = to_version(m.attrs);
                                   return {};
                               });
    if (!done) return pass_on(std::move(done.error()));
    return version;
}

template <class T, class Fn>
Result<std::vector<T>> NetlinkControl::list(std::uint8_t cmd, Task task, Fn to_value) {
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        std::vector<T> values;
        auto done = link_.exchange(link_.dump(cmd), task, [&](const Message& m) -> Result<void> {
            auto value = to_value(m.attrs);
            if (!value) return fail_data(task, "an entry is incomplete");
            if (values.size() == max_listed) return fail_data(task, "there is no end of them");
            values.push_back(std::move(*value));
            return {};
        });
        if (!done) return pass_on(std::move(done.error()));
        if (!done->interrupted) return values;
    }
    return fail(errc::interrupted_dump, task, "the list changed under every attempt to read it",
                "try again");
}

Result<std::vector<TransportInfo>> NetlinkControl::transports() {
    return list<TransportInfo>(
        STATCHAN_CMD_TRANSPORT_GET, {"list the kernel's transports"},
        [](const Attrs& attrs) -> std::optional<TransportInfo> {
            const auto caps = attrs.u32(STATCHAN_A_CAPS);
            if (!caps) return {};
            return TransportInfo{std::string{attrs.text(STATCHAN_A_NAME)}, Capabilities{*caps}};
        });
}

Result<std::vector<SourceInfo>> NetlinkControl::sources() {
    return list<SourceInfo>(STATCHAN_CMD_SOURCE_GET, {"list sources"},
                            [](const Attrs& attrs) -> std::optional<SourceInfo> {
                                const auto bytes = attrs.bytes(STATCHAN_A_SOURCE_INFO);
                                if (bytes.empty()) return {};
                                return to_source_info(copy_struct<statchan_source_info>(bytes));
                            });
}

Result<SourceInfo> NetlinkControl::source(std::string_view name) {
    const Task task{"look up source", name};
    if (auto checked = check_name(name, task); !checked) return pass_on(checked.error());
    auto request = link_.request(STATCHAN_CMD_SOURCE_GET);
    request.put_text(STATCHAN_A_NAME, name);
    std::optional<SourceInfo> info;
    auto done = link_.exchange(std::move(request), task, [&](const Message& m) -> Result<void> {
        const auto bytes = m.attrs.bytes(STATCHAN_A_SOURCE_INFO);
        if (!bytes.empty()) info = to_source_info(copy_struct<statchan_source_info>(bytes));
        return {};
    });
    if (!done) return source_failed(std::move(done.error()));
    if (!info) return fail_data(task, "the answer is incomplete");
    if (link_.reloads() != 0) {
        if (std::exchange(found_in_, link_.reloads()) != link_.reloads()) found_.clear();
        found_.insert_or_assign(std::string{name}, info->id);
    }
    return std::move(*info);
}

Result<void> NetlinkControl::confirm(std::uint32_t id, std::string_view name) {
    if (link_.reloads() == 0) return {};  // all numbers that there are, one module has given
    const auto it = found_.find(name);
    if (found_in_ == link_.reloads() && it != found_.end() && it->second == id) return {};
    const auto info = source(name);
    if (!info) return pass_on(info.error());
    if (info->id == id) return {};
    return fail(errc::no_such_source, {"look up source", name},
                "the module was loaded again, and its number is another");
}

Result<void> NetlinkControl::add_source(std::string_view name, std::string_view kind,
                                        std::string_view params) {
    const Task task{"add source", name};
    for (const auto part : {name, kind})
        if (auto checked = check_name(part, task); !checked) return checked;
    if (auto checked = check_params(params, task); !checked) return checked;
    auto request = link_.request(STATCHAN_CMD_SOURCE_ADD);
    request.put_text(STATCHAN_A_NAME, name).put_text(STATCHAN_A_KIND, kind);
    if (!params.empty()) request.put_text(STATCHAN_A_PARAMS, params);
    auto done = link_.exchange(std::move(request), task, only_acknowledged);
    if (!done) return pass_on(std::move(done.error()));
    return {};
}

Result<void> NetlinkControl::remove_source(std::string_view name) {
    const Task task{"remove source", name};
    if (auto checked = check_name(name, task); !checked) return checked;
    auto request = link_.request(STATCHAN_CMD_SOURCE_DEL);
    request.put_text(STATCHAN_A_NAME, name);
    auto done = link_.exchange(std::move(request), task, only_acknowledged);
    if (!done) return source_failed(std::move(done.error()));
    return {};
}

Result<void> NetlinkControl::set_source(std::string_view name, std::string_view params) {
    const Task task{"set params of source", name};
    if (auto checked = check_name(name, task); !checked) return checked;
    if (auto checked = check_params(params, task); !checked) return checked;
    auto request = link_.request(STATCHAN_CMD_SOURCE_SET);
    request.put_text(STATCHAN_A_NAME, name).put_text(STATCHAN_A_PARAMS, params);
    auto done = link_.exchange(std::move(request), task, only_acknowledged);
    if (!done) return source_failed(std::move(done.error()));
    return {};
}

Result<std::vector<std::byte>> NetlinkControl::schema(std::uint32_t source, std::string_view name,
                                                      std::uint64_t max_bytes) {
    const Task task{"get the schema of", name};
    return by_id(source, name, [&]() -> Result<std::vector<std::byte>> {
        auto request = link_.dump(STATCHAN_CMD_SCHEMA_GET);
        request.put_id(STATCHAN_A_SOURCE, source).put_u64(STATCHAN_A_LENGTH, datagram_bytes);
        std::vector<std::byte> blob;
        Pieces pieces{max_bytes, task};
        const auto whole = link_.fetch(std::move(request), task, pieces,
                                       [&](std::size_t bytes) -> std::span<std::byte> {
                                           blob.resize(bytes);
                                           return blob;
                                       });
        if (!whole) return source_failed(whole.error());
        return blob;
    });
}

Result<std::vector<ChannelInfo>> NetlinkControl::channels() {
    return list<ChannelInfo>(STATCHAN_CMD_CHANNEL_GET, {"list channels"},
                             [](const Attrs& attrs) -> std::optional<ChannelInfo> {
                                 const auto bytes = attrs.bytes(STATCHAN_A_CHANNEL_INFO);
                                 if (bytes.empty()) return {};
                                 return to_channel_info(copy_struct<statchan_channel_info>(bytes));
                             });
}

Result<std::vector<LedgerEntry>> NetlinkControl::ledger(std::uint32_t channel) {
    const auto name = std::to_string(channel);
    auto read = read_ledger(link_, channel, {"read the ledger of channel", name});
    if (!read) return pass_on(std::move(read.error()));
    return std::move(read->cpus);
}

Result<NetlinkLedger> read_ledger(Link& link, std::uint32_t channel, Task task) {
    auto request = link.dump(STATCHAN_CMD_LEDGER_GET);
    request.put_id(STATCHAN_A_CHANNEL, channel);
    NetlinkLedger ledger;
    auto done = link.exchange(std::move(request), task, [&](const Message& m) -> Result<void> {
        const auto bytes = m.attrs.bytes(STATCHAN_A_LEDGER);
        if (bytes.size() < sizeof(statchan_ledger))
            return fail_data(task, "an entry is incomplete");
        if (ledger.cpus.size() == max_cpus)
            return fail_data(task, "the number of CPUs makes no sense");
        ledger.cpus.push_back(to_ledger_entry(copy_struct<statchan_ledger>(bytes)));
        ledger.flags |= m.attrs.u32(STATCHAN_A_FLAGS).value_or(0);
        return {};
    });
    if (!done) return pass_on(std::move(done.error()));
    return ledger;
}

}  // namespace statchan::detail
