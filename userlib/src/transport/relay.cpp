// SPDX-License-Identifier: MIT
//
// relay: per-CPU files in debugfs that any program can read. Here they are read into a buffer
// per CPU; what is cut at the end of a read waits there for the next.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../abi.hpp"
#include "../buffer.hpp"
#include "../device_transport.hpp"

namespace statchan::detail {
namespace {

constexpr std::string_view debugfs = "/sys/kernel/debug/";

// debugfs, mounted where only this descriptor sees it: under `ip netns exec`, which mounts its own
// /sys, and in containers, the usual place is empty.
Fd mount_debugfs() {
    const Fd context{::fsopen("debugfs", FSOPEN_CLOEXEC)};
    if (!context) return {};
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
    return Fd{::fsmount(context.get(), FSMOUNT_CLOEXEC, 0)};
}

// The folder that the kernel named; errno tells why there is none.
Fd open_folder(const std::string& path) {
    constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    Fd folder{::open(path.c_str(), flags)};
    if (folder || errno != ENOENT || !path.starts_with(debugfs)) return folder;
    const Fd mounted = mount_debugfs();
    if (!mounted) return {};
    return Fd{::openat(mounted.get(), path.c_str() + debugfs.size(), flags)};
}

// How often to look whether a CPU has come online that had no file before.
constexpr std::chrono::milliseconds look_again{50};

// One CPU's file and what was read from it.
struct RelayFile {
    std::uint32_t cpu;
    Fd fd;
    Buffer buffer;
    std::size_t filled = 0;  // bytes in the buffer
    std::size_t used = 0;    // of those, in the batch that is out
    std::uint64_t lost = 0;  // overwritten before the first record; not told yet
};

class RelayStream final : public DeviceStream {
  public:
    [[nodiscard]] static Result<std::unique_ptr<StreamBackend>> make(const SourceRef& source,
                                                                     const ChannelConfig& config,
                                                                     DeviceChannel channel);

  protected:
    using DeviceStream::DeviceStream;
    [[nodiscard]] Result<Flow> collect() override;
    [[nodiscard]] bool announced() const noexcept override { return more_; }
    void give_back() noexcept override;

  private:
    [[nodiscard]] Result<void> open_files();
    [[nodiscard]] Result<void> look_for_files();
    [[nodiscard]] Result<bool> may_read();
    [[nodiscard]] static Result<void> no_files(int reason, const std::string& path);
    [[nodiscard]] Result<bool> fill(RelayFile& file);
    [[nodiscard]] Result<bool> fill_all();
    [[nodiscard]] Result<bool> ended() const;

    Fd folder_;
    std::vector<std::uint32_t> missing_;  // CPUs without a file: they were never online
    std::chrono::steady_clock::time_point looked_{};
    bool frozen_ = false;  // mode overwrite: the stream was stopped
    std::vector<RelayFile> files_;
    std::size_t turn_ = 0;  // the file that comes first next time
    bool more_ = false;     // a read filled its buffer: the next need not wait
};

Result<std::unique_ptr<StreamBackend>> RelayStream::make(const SourceRef& source,
                                                         const ChannelConfig& config,
                                                         DeviceChannel channel) {
    std::unique_ptr<RelayStream> stream{
        new RelayStream{"relay", source, config, std::move(channel)}};
    if (auto opened = stream->open_files(); !opened) return pass_on(std::move(opened.error()));
    return stream;
}

Result<void> RelayStream::open_files() {
    const std::string path{text(answer().path)};
    folder_ = open_folder(path);
    if (!folder_) return no_files(errno, path);
    for (std::uint32_t cpu = 0; cpu < answer().nr_cpus; ++cpu) missing_.push_back(cpu);
    if (auto found = look_for_files(); !found) return found;
    if (!files_.empty()) return {};
    return no_files(ENOENT, path + "/cpu*");
}

// Opens the files that are there by now: all of them or, after a failure, none.
Result<void> RelayStream::look_for_files() {
    looked_ = std::chrono::steady_clock::now();
    std::vector<RelayFile> found;
    std::vector<std::uint32_t> still_missing;
    for (const auto cpu : missing_) {
        const auto name = "cpu" + std::to_string(cpu);
        Fd fd{::openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
        if (!fd && errno != ENOENT)
            return no_files(errno, std::string{text(answer().path)} + "/" + name);
        if (fd)
            found.push_back({cpu, std::move(fd), Buffer{batch_bytes()}});
        else
            still_missing.push_back(cpu);
    }
    std::ranges::move(found, std::back_inserter(files_));
    missing_ = std::move(still_missing);
    return {};
}

Result<void> RelayStream::no_files(int reason, const std::string& path) {
    auto failure = fail_errno(reason, {"open", path});
    failure.value().way_out = "relay files are in debugfs, for root only: run as root";
    return failure;
}

// Whether something came.
Result<bool> RelayStream::fill(RelayFile& file) {
    const auto room = file.buffer.bytes().subspan(file.filled);
    ssize_t got = 0;
    do {
        got = ::read(file.fd.get(), room.data(), room.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno != EAGAIN) return fail_errno(errno, task("read the relay file of"));
    if (got <= 0) return false;
    const auto bytes = static_cast<std::size_t>(got);
    file.filled += bytes;
    if (bytes == room.size()) more_ = true;
    if (file.lost != 0) {
        auto told = add_gap_before(file.cpu, std::exchange(file.lost, 0), LostReason::overwritten,
                                   file.buffer.bytes().first(file.filled));
        if (!told) return pass_on(std::move(told.error()));
    }
    auto added = add_chunk(file.buffer.bytes().first(file.filled),
                           {.cpu = file.cpu, .longest_cut = file.buffer.size()});
    if (!added) return pass_on(std::move(added.error()));
    file.used = *added;
    return true;
}

// Whether something came from any file.
Result<bool> RelayStream::fill_all() {
    bool came = false;
    for (std::size_t i = 0, at = turn_; i < files_.size(); ++i) {
        auto filled = fill(files_[at]);
        if (!filled) return filled;
        came |= *filled;
        if (++at == files_.size()) at = 0;
    }
    if (++turn_ >= files_.size()) turn_ = 0;
    return came;
}

// In mode overwrite the kernel moves what read() relies on, until the stream is stopped. By then it
// knows how many records went.
Result<bool> RelayStream::may_read() {
    if (identity().effective.mode != Mode::overwrite || frozen_) return true;
    auto over = ended();
    if (!over || !*over) return over;
    // A CPU that came a moment ago may have lost some, too.
    if (auto found = look_for_files(); !found) return pass_on(std::move(found.error()));
    auto ledger = kernel_ledger();
    if (!ledger) return pass_on(std::move(ledger.error()));
    for (auto& file : files_)
        for (const auto& entry : ledger->cpus)
            if (entry.cpu == file.cpu)
                file.lost =
                    entry.lost[static_cast<std::size_t>(LostReason::overwritten)].value_or(0);
    frozen_ = true;
    return true;
}

Result<StreamBackend::Flow> RelayStream::collect() {
    more_ = false;
    if (!missing_.empty() && std::chrono::steady_clock::now() - looked_ >= look_again)
        if (auto found = look_for_files(); !found) return pass_on(std::move(found.error()));
    auto may = may_read();
    if (!may) return pass_on(std::move(may.error()));
    if (!*may) return Flow::open;
    auto came = fill_all();
    if (!came) return pass_on(std::move(came.error()));
    if (*came) return Flow::open;
    auto over = ended();
    if (!over) return pass_on(std::move(over.error()));
    if (!*over) return Flow::open;
    // Once more, for what came between the reads and the question, also from a CPU that is new.
    if (auto found = look_for_files(); !found) return pass_on(std::move(found.error()));
    came = fill_all();
    if (!came) return pass_on(std::move(came.error()));
    return *came ? Flow::open : Flow::ended;
}

Result<bool> RelayStream::ended() const {
    statchan_relay_state state{};
    state.cpu = files_.front().cpu;
    const auto asked = device().call(STATCHAN_IOC_RELAY_STATE, state, task("ask for the state of"));
    if (!asked) return pass_on(asked.error());
    return (state.flags & STATCHAN_CHAN_EOS) != 0;
}

// A record that was cut moves to the front, where the next read completes it.
void RelayStream::give_back() noexcept {
    for (auto& file : files_) {
        if (file.used == 0) continue;
        file.filled -= file.used;
        std::memmove(file.buffer.bytes().data(), file.buffer.bytes().data() + file.used,
                     file.filled);
        file.used = 0;
    }
}

class Relay final : public DeviceTransport {
  public:
    using DeviceTransport::DeviceTransport;

    Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                     const ChannelConfig& config,
                                                     std::uint32_t follows) override {
        auto channel = open_channel(device(), STATCHAN_T_RELAY, STATCHAN_CHANNEL_SAMPLES, source,
                                    config, {"subscribe over relay to", source.name}, follows);
        if (!channel) return pass_on(std::move(channel.error()));
        return RelayStream::make(source, config, std::move(*channel));
    }
};

}  // namespace

Result<std::unique_ptr<Transport>> open_relay(const ClientOptions& options) {
    return open_device_transport<Relay>(options);
}

}  // namespace statchan::detail
