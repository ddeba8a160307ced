// SPDX-License-Identifier: MIT
#include "device_control.hpp"

#include <linux/statchan.h>

#include <cerrno>
#include <string>

#include "abi.hpp"

namespace statchan::detail {
namespace {

template <class T>
std::uint64_t address(const T* p) noexcept {
    return reinterpret_cast<std::uintptr_t>(p);
}

// A list may grow between asking for its length and getting it; not for ever.
constexpr int list_attempts = 8;

Result<statchan_source_req> source_request(std::string_view name, const std::string& params,
                                           Task task) {
    statchan_source_req req{};
    if (auto put = put_name(req.name, name, task); !put) return pass_on(put.error());
    if (auto checked = check_params(params, task); !checked) return pass_on(checked.error());
    if (!params.empty()) req.params = address(params.c_str());
    return req;
}

}  // namespace

Fail source_failed(const Device& device, int err, Task task) {
    auto failure = device.failed(err, task);
    if (err == ENOENT || err == ENODEV) failure.value().code = errc::no_such_source;
    return failure;
}

Result<std::vector<TransportInfo>> DeviceControl::transports() {
    const Task task{"list the kernel's transports"};
    std::vector<statchan_transport_info> room(16);
    for (int attempt = 0; attempt < list_attempts; ++attempt) {
        statchan_transports req{};
        req.count = static_cast<std::uint32_t>(room.size());
        req.buf = address(room.data());
        if (auto done = device_.call(STATCHAN_IOC_TRANSPORTS, req, task); !done)
            return pass_on(done.error());
        if (req.count <= room.size()) {
            std::vector<TransportInfo> list;
            for (std::uint32_t i = 0; i < req.count; ++i)
                list.push_back(to_transport_info(room[i]));
            return list;
        }
        if (req.count > 1024) break;
        room.resize(req.count);
    }
    return fail_data(task, "the list does not stop growing");
}

Result<std::vector<SourceInfo>> DeviceControl::sources() {
    const Task task{"list sources"};
    std::vector<SourceInfo> list;
    for (statchan_source_next next{};;) {
        const auto before = next.id;
        if (const int err = device_.try_call(STATCHAN_IOC_SOURCE_NEXT, next); err == ENOENT)
            return list;
        else if (err != 0)
            return device_.failed(err, task);
        if (next.id <= before) return fail_data(task, "ids do not increase");
        if (list.size() == max_listed) return fail_data(task, "there is no end of them");
        statchan_source_info info{};
        info.id = next.id;
        // It may be gone by now.
        if (const int err = device_.try_call(STATCHAN_IOC_SOURCE_INFO, info); err == 0)
            list.push_back(to_source_info(info));
        else if (err != ENOENT && err != ENODEV)
            return device_.failed(err, task);
    }
}

Result<SourceInfo> DeviceControl::source(std::string_view name) {
    const Task task{"look up source", name};
    statchan_source_info info{};
    if (auto put = put_name(info.name, name, task); !put) return pass_on(put.error());
    if (const int err = device_.try_call(STATCHAN_IOC_SOURCE_INFO, info); err != 0)
        return source_failed(device_, err, task);
    return to_source_info(info);
}

Result<void> DeviceControl::add_source(std::string_view name, std::string_view kind,
                                       std::string_view params) {
    const Task task{"add source", name};
    const std::string text{params};
    auto req = source_request(name, text, task);
    if (!req) return pass_on(req.error());
    if (auto put = put_name(req->kind, kind, task); !put) return pass_on(put.error());
    return device_.call(STATCHAN_IOC_SOURCE_ADD, *req, task);
}

Result<void> DeviceControl::remove_source(std::string_view name) {
    const Task task{"remove source", name};
    auto req = source_request(name, {}, task);
    if (!req) return pass_on(req.error());
    if (const int err = device_.try_call(STATCHAN_IOC_SOURCE_DEL, *req); err != 0)
        return source_failed(device_, err, task);
    return {};
}

Result<void> DeviceControl::set_source(std::string_view name, std::string_view params) {
    const Task task{"set params of source", name};
    const std::string text{params};
    auto req = source_request(name, text, task);
    if (!req) return pass_on(req.error());
    if (const int err = device_.try_call(STATCHAN_IOC_SOURCE_SET, *req); err != 0)
        return source_failed(device_, err, task);
    return {};
}

Result<std::vector<std::byte>> DeviceControl::schema(std::uint32_t source, std::string_view name,
                                                     std::uint64_t max_bytes) {
    const Task task{"get the schema of", name};
    std::vector<std::byte> blob(4096);
    for (int attempt = 0; attempt < list_attempts; ++attempt) {
        statchan_schema_req req{};
        req.source = source;
        req.buf = address(blob.data());
        req.len = blob.size();
        const int err = device_.try_call(STATCHAN_IOC_SCHEMA, req);
        if (err != 0 && err != EMSGSIZE) return source_failed(device_, err, task);
        if (req.len > max_bytes) break;
        if (err == 0 && req.len > blob.size()) break;
        blob.resize(req.len);
        if (err == 0) return blob;
    }
    return fail_data(task, "its length makes no sense");
}

Result<std::vector<ChannelInfo>> DeviceControl::channels() {
    const Task task{"list channels"};
    std::vector<ChannelInfo> list;
    for (statchan_channel_info info{};;) {
        const auto before = info.id;
        info = {};
        info.id = before;
        if (const int err = device_.try_call(STATCHAN_IOC_CHANNEL_NEXT, info); err == ENOENT)
            return list;
        else if (err != 0)
            return device_.failed(err, task);
        if (info.id <= before) return fail_data(task, "ids do not increase");
        if (list.size() == max_listed) return fail_data(task, "there is no end of them");
        list.push_back(to_channel_info(info));
    }
}

Result<std::vector<LedgerEntry>> DeviceControl::ledger(std::uint32_t channel) {
    const auto name = std::to_string(channel);
    auto read = read_ledger(device_, channel, {"read the ledger of channel", name});
    if (!read) return pass_on(read.error());
    return std::move(read->cpus);
}

Result<KernelLedger> read_ledger(const Device& device, std::uint32_t channel, Task task) {
    std::vector<statchan_ledger> room(std::max(device.version().nr_cpus, 1U));
    for (int attempt = 0; attempt < list_attempts; ++attempt) {
        statchan_ledger_req req{};
        req.channel = channel;
        req.count = static_cast<std::uint32_t>(room.size());
        req.buf = address(room.data());
        if (auto done = device.call(STATCHAN_IOC_LEDGER, req, task); !done)
            return pass_on(done.error());
        if (req.count <= room.size()) {
            KernelLedger ledger{.flags = req.flags};
            for (std::uint32_t i = 0; i < req.count; ++i)
                ledger.cpus.push_back(to_ledger_entry(room[i]));
            return ledger;
        }
        if (req.count > max_cpus) break;
        room.resize(req.count);
    }
    return fail_data(task, "the number of CPUs makes no sense");
}

}  // namespace statchan::detail
