// SPDX-License-Identifier: MIT
//
// Who listens to samples decides how long each message takes, with filters as long as he likes:
// others do not wait for more than the one that is on its way.
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "support/device.hpp"
#include "support/raw_netlink.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

/// Records in a message.
std::uint64_t records_in(const std::vector<char>& message) {
    std::uint64_t records = 0;
    each_attribute(reinterpret_cast<const nlmsghdr*>(message.data()), [&](const nlattr* attr) {
        if (mnl_attr_get_type(attr) != STATCHAN_A_DATA) return;
        const auto* data = static_cast<const char*>(mnl_attr_get_payload(attr));
        statchan_record record;
        for (std::size_t at = 0; at + sizeof record <= mnl_attr_get_payload_len(attr); ++records) {
            std::memcpy(&record, data + at, sizeof record);
            ASSERT_NE(record.len, 0U);
            at += record.len;
        }
    });
    return records;
}

/// With a filter as long as a socket may be charged for, of the slowest kind, that lets nothing
/// through.
void join_slowly(const RawNetlink& socket) {
    std::vector<sock_filter> instructions(2000, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 3));
    instructions.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    const sock_fprog filter{.len = static_cast<unsigned short>(instructions.size()),
                            .filter = instructions.data()};
    ASSERT_EQ(::setsockopt(socket.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter), 0);
    ASSERT_EQ(socket.join(socket.group("samples0")), 0);
}

/// A channel full of samples, none of them sent yet, and who will listen to them.
class SlowListeners {
  public:
    static constexpr std::uint64_t emitted = 1500;

    SlowListeners() {
        open();
        synth_.emit(emitted);
        const auto ledger = client_.ledger(channel_);
        if (!ledger) throw std::runtime_error{ledger.error().message()};
        for (const auto& of_cpu : *ledger) EXPECT_EQ(of_cpu.lost_total(), 0U);
        const int room = 64 << 20;
        EXPECT_EQ(::setsockopt(listener_.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
        EXPECT_EQ(listener_.join(listener_.group("samples0")), 0);
        for (const auto& socket : crowd_) join_slowly(socket);
    }

    /// Ends the channel: now all is sent. Returns when the first message is there.
    void end() {
        ASSERT_EQ(opener_->ask(STATCHAN_CMD_CHANNEL_STOP, NLM_F_ACK,
                               [&](nlmsghdr* head) {
                                   mnl_attr_put_u32(head, STATCHAN_A_CHANNEL, channel_);
                               }),
                  0);
        EXPECT_EQ(opener_->finish().error, 0);
        ASSERT_TRUE(wait_for_message()) << "nothing was on its way: the test shows nothing";
    }

    void close_opener() { opener_.reset(); }
    [[nodiscard]] const statchan::Client& client() const { return client_; }

    /// Is there a message for the listener, before patience ends?
    [[nodiscard]] bool wait_for_message() const {
        pollfd first{.fd = listener_.fd(), .events = POLLIN, .revents = 0};
        return ::poll(&first, 1, static_cast<int>(patience / 1ms)) == 1;
    }
    /// Records of a message; nothing: there is none.
    std::optional<std::uint64_t> take() {
        if (listener_.receive(1U << 17, MSG_DONTWAIT) <= 0) return {};
        return records_in(listener_.received());
    }

  private:
    void open() {
        ASSERT_EQ(
            opener_->ask(STATCHAN_CMD_CHANNEL_OPEN, 0,
                         [&](nlmsghdr* head) {
                             mnl_attr_put_u32(head, STATCHAN_A_SOURCE, synth_.info().id);
                             auto* nest = mnl_attr_nest_start(head, STATCHAN_A_CONFIG);
                             mnl_attr_put_u32(head, STATCHAN_C_SNAPLEN, size);
                             // nothing is sent before the end
                             mnl_attr_put_u32(head, STATCHAN_C_WATERMARK_RECORDS, 2 * emitted);
                             mnl_attr_put_u64(head, STATCHAN_C_TIMEOUT, STATCHAN_TIMEOUT_NEVER);
                             mnl_attr_put_u64(head, STATCHAN_C_BUFFER_SIZE, 32U << 20);
                             mnl_attr_nest_end(head, nest);
                         }),
            0);
        ASSERT_GT(opener_->receive(), 0);
        channel_ = opener_->received_u32(STATCHAN_A_CHANNEL);
        ASSERT_NE(channel_, 0U);
    }

    static constexpr std::uint32_t size = 4096;
    Synth synth_{"size=" + std::to_string(size)};
    std::unique_ptr<RawNetlink> opener_ = std::make_unique<RawNetlink>();
    statchan::Client client_ = open_client("netlink");
    std::uint32_t channel_ = 0;
    std::list<RawNetlink> crowd_{100};
    RawNetlink listener_;
};

/// How often each of the kernel's workers has gone to sleep of its own accord.
std::map<std::string, std::uint64_t> sleeps_of_workers() {
    std::map<std::string, std::uint64_t> sleeps;
    for (const auto& process : std::filesystem::directory_iterator{"/proc"}) {
        std::string name;
        std::ifstream comm{process.path() / "comm"};
        if (!std::getline(comm, name) || !name.starts_with("kworker/")) continue;
        std::ifstream status{process.path() / "status"};
        constexpr std::string_view wanted = "voluntary_ctxt_switches:";
        for (std::string line; std::getline(status, line);)
            if (line.starts_with(wanted))
                sleeps[process.path().filename()] = std::stoull(line.substr(wanted.size()));
    }
    return sleeps;
}

/// Of all together, since then.
std::uint64_t sleeps_since(const std::map<std::string, std::uint64_t>& then) {
    std::uint64_t sleeps = 0;
    for (const auto& [worker, now] : sleeps_of_workers()) {
        const auto known = then.find(worker);
        // another one may have its number by now
        const bool same = known != then.end() && known->second <= now;
        sleeps += now - (same ? known->second : 0);
    }
    return sleeps;
}

}  // namespace

// Who ends or closes the channel does not wait until all messages are through; nor does who closes
// a socket, as the opener does here: that waits until no message is on its way.
// Where that is so, all of them are through each time; else at times, since this thread may have
// waited for its CPU.
TEST(HostileHoldUp, ByListenersWithFilters) {
    std::uint64_t records = SlowListeners::emitted;
    for (int attempt = 0; attempt < 4 && records >= SlowListeners::emitted / 2; ++attempt) {
        SlowListeners listeners;
        listeners.end();
        listeners.close_opener();
        EXPECT_OK(listeners.client().sources());
        records = 0;
        while (const auto more = listeners.take()) records += *more;
    }
    EXPECT_LT(records, SlowListeners::emitted / 2) << "it was waited for";
}

// Who waits for that has his turn for certain: after each message the sender sleeps. (Without, it
// sleeps at one in seven.)
TEST(HostileHoldUp, TheSenderRests) {
    SlowListeners listeners;
    const auto before = sleeps_of_workers();
    const auto begin = std::chrono::steady_clock::now();
    listeners.end();
    std::uint64_t messages = 0;
    for (std::uint64_t records = 0; records < SlowListeners::emitted; ++messages) {
        ASSERT_TRUE(listeners.wait_for_message()) << records << " records";
        records += listeners.take().value_or(0);
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_GT(took / messages, 1ms) << "not for so short ones: the test shows nothing";
    // not all: who waits for his CPU until he may wake has not slept
    EXPECT_GE(sleeps_since(before), messages / 2);
}
