// SPDX-License-Identifier: MIT
//
// Who takes his time, or asks for much, is in nobody else's way: what others want to know, change
// or remove meanwhile is done at once.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <list>
#include <thread>

#include "support/device.hpp"
#include "support/device_mode.hpp"
#include "support/kernel.hpp"
#include "support/process.hpp"
#include "support/raw_netlink.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

/// What must not wait for anybody.
void expect_others_go_on(statchan::Client& client) {
    EXPECT_OK(client.sources());
    Synth other{"size=64"};
    other.set("pps=5");
    EXPECT_OK(client.snapshot(other.name()));
}

/// A page that does not come until it is let.
class SlowPage {
  public:
    SlowPage() {
        place_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        uffdio_api api{};
        api.api = UFFD_API;
        if (::ioctl(faults_.get(), UFFDIO_API, &api) != 0) throw std::runtime_error{"userfaultfd"};
        uffdio_register where{};
        where.range = range();
        where.mode = UFFDIO_REGISTER_MODE_MISSING;
        if (::ioctl(faults_.get(), UFFDIO_REGISTER, &where) != 0)
            throw std::runtime_error{"UFFDIO_REGISTER"};
    }
    SlowPage(const SlowPage&) = delete;
    SlowPage& operator=(const SlowPage&) = delete;
    ~SlowPage() { ::munmap(place_, size_); }

    [[nodiscard]] void* place() const { return place_; }
    /// Returns when somebody waits for the page.
    void wait_for_who_waits() const {
        uffd_msg message{};
        ASSERT_EQ(::read(faults_.get(), &message, sizeof message), ssize_t{sizeof message});
        ASSERT_EQ(message.event, UFFD_EVENT_PAGEFAULT);
    }
    void let() const {
        uffdio_zeropage page{};
        page.range = range();
        EXPECT_EQ(::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &page), 0);
    }

  private:
    [[nodiscard]] uffdio_range range() const {
        return {.start = reinterpret_cast<std::uintptr_t>(place_), .len = size_};
    }
    std::size_t size_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* place_ = nullptr;
    Descriptor faults_{static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC))};
};

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

}  // namespace

// An emit of more packets than there is time for.
TEST(HostileHoldUp, BySettingASource) {
    auto client = open_client("ioctl");
    auto setter = open_client("netlink");
    ASSERT_OK(client.add_source("slow", "synth", "size=65535 context=hardirq cpus=1"));
    auto set = std::async(std::launch::async,
                          [&] { return setter.set_source("slow", "emit=1000000000"); });
    ASSERT_TRUE(eventually([] { return synth_producer() != 0; }));
    expect_others_go_on(client);
    EXPECT_OK(client.source("slow"));
    EXPECT_EQ(set.wait_for(0s), std::future_status::timeout) << "it goes on";
    // Who removes the source does not wait for the packets, either.
    EXPECT_OK(client.remove_source("slow"));
    const auto ended = set.get();
    ASSERT_FALSE(ended);
    EXPECT_NE(ended.error().message().find("is being deleted"), std::string::npos)
        << ended.error().message();
}

// Over netlink root of a namespace is not let wait for his own set over the device, either: he
// would have a lock of all families meanwhile.
TEST(HostileHoldUp, BySettingASourceTwice) {
    const DeviceMode open_to_all{0666};
    EXPECT_EQ(as_nobody([]() -> std::string {
                  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return "no namespace";
                  auto device = open_client("ioctl");
                  auto remover = open_client("ioctl");
                  auto netlink = open_client("netlink");
                  if (!device.add_source("mine", "synth", "size=65535 context=hardirq cpus=1"))
                      return "can not add its own";
                  auto set = std::async(std::launch::async, [&] {
                      return device.set_source("mine", "emit=1000000000");
                  });
                  const bool busy = eventually([&] {
                      const auto other = netlink.set_source("mine", "pps=5");
                      return !other && other.error().is(std::errc::device_or_resource_busy);
                  });
                  const bool goes_on = set.wait_for(0s) == std::future_status::timeout;
                  if (!remover.remove_source("mine")) return "can not remove its own";
                  (void)set.get();
                  if (!busy) return "was not refused";
                  return goes_on ? "" : "the other one had ended";
              }),
              "");
}

// Nobody removes it: the call ends by itself, and says what it has not done.
TEST(HostileHoldUp, NotForLong) {
    Synth synth{"size=65535 context=hardirq cpus=1"};
    auto client = open_client("netlink");
    const auto ended = client.set_source(synth.name(), "emit=1000000000");
    ASSERT_FALSE(ended);
    EXPECT_NE(ended.error().message().find("packets not offered"), std::string::npos)
        << ended.error().message();
}

// Each channel of a source is served with interrupts off.
TEST(HostileHoldUp, ByChannelsWithoutEnd) {
    Synth synth{"size=64"};
    std::list<Descriptor> held;
    int error = 0;
    while (error == 0 && held.size() < 1000) {
        auto req = channel_request(synth.info().id, STATCHAN_T_READ);
        req.want.buffer_size = 8192;
        held.emplace_back(::open("/dev/statchan", O_RDWR | O_CLOEXEC));
        error = ::ioctl(held.back().get(), STATCHAN_IOC_CHANNEL_OPEN, &req) == 0 ? 0 : errno;
    }
    EXPECT_EQ(error, EBUSY);
    EXPECT_EQ(held.size(), STATCHAN_CHANNELS_MAX + 1U);
    synth.emit(3);
    held.pop_front();
    auto client = open_client("mmap");
    EXPECT_OK(client.subscribe(synth.name())) << "one was closed";
}

// Each message goes to each socket that joined, past its filter, which may be long. Who ends or
// closes the channel does not wait until all are through; nor does who closes a socket, as the
// opener does here: that waits until no message is on its way.
TEST(HostileHoldUp, ByListenersWithFilters) {
    constexpr std::uint64_t emitted = 1500;
    constexpr std::uint32_t size = 4096;
    Synth synth{"size=" + std::to_string(size)};
    auto opener = std::make_unique<RawNetlink>();
    ASSERT_EQ(opener->ask(STATCHAN_CMD_CHANNEL_OPEN, 0,
                          [&](nlmsghdr* head) {
                              mnl_attr_put_u32(head, STATCHAN_A_SOURCE, synth.info().id);
                              auto* nest = mnl_attr_nest_start(head, STATCHAN_A_CONFIG);
                              mnl_attr_put_u32(head, STATCHAN_C_SNAPLEN, size);
                              // nothing is sent before the end
                              mnl_attr_put_u32(head, STATCHAN_C_WATERMARK_RECORDS, 2 * emitted);
                              mnl_attr_put_u64(head, STATCHAN_C_TIMEOUT, STATCHAN_TIMEOUT_NEVER);
                              mnl_attr_put_u64(head, STATCHAN_C_BUFFER_SIZE, 32U << 20);
                              mnl_attr_nest_end(head, nest);
                          }),
              0);
    ASSERT_GT(opener->receive(), 0);
    std::uint32_t channel = 0;
    each_attribute(reinterpret_cast<const nlmsghdr*>(opener->received().data()),
                   [&](const nlattr* attr) {
                       if (mnl_attr_get_type(attr) == STATCHAN_A_CHANNEL)
                           channel = mnl_attr_get_u32(attr);
                   });
    ASSERT_NE(channel, 0U);
    synth.emit(emitted);
    const auto client = open_client("netlink");
    const auto ledger = client.ledger(channel);
    ASSERT_OK(ledger);
    for (const auto& of_cpu : *ledger) ASSERT_EQ(of_cpu.lost_total(), 0U);
    const auto group = opener->group("samples0");
    const auto join = [group](RawNetlink& socket) {
        EXPECT_EQ(
            ::setsockopt(socket.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group),
            0);
    };
    // as many as a socket may be charged for, and of the slowest kind
    std::vector<sock_filter> instructions(2000, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 3));
    instructions.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    const sock_fprog filter{.len = static_cast<unsigned short>(instructions.size()),
                            .filter = instructions.data()};
    std::list<RawNetlink> crowd(100);
    for (auto& socket : crowd)
        ASSERT_EQ(::setsockopt(socket.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
                  0);
    RawNetlink listener;
    const int room = 64 << 20;
    ASSERT_EQ(::setsockopt(listener.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    join(listener);
    for (auto& socket : crowd) join(socket);

    ASSERT_EQ(
        opener->ask(STATCHAN_CMD_CHANNEL_STOP, NLM_F_ACK,
                    [&](nlmsghdr* head) { mnl_attr_put_u32(head, STATCHAN_A_CHANNEL, channel); }),
        0);
    EXPECT_EQ(opener->finish().error, 0);
    pollfd first{.fd = listener.fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&first, 1, static_cast<int>(patience / 1ms)), 1)
        << "nothing was on its way: the test shows nothing";
    opener.reset();
    EXPECT_OK(client.sources());
    std::uint64_t records = 0;
    while (listener.receive(1U << 17, MSG_DONTWAIT) > 0) records += records_in(listener.received());
    EXPECT_LT(records, emitted / 2) << "it was waited for";
}

class HostileSlowPage : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, HostileSlowPage, testing::Values("", "~legacy"), [](const auto& info) {
    return std::string{*info.param == 0 ? "text" : "legacy"};
});

// A reader of the text whose page does not come.
TEST_P(HostileSlowPage, HoldsUpOnlyItsReader) {
    auto client = open_client("ioctl");
    ASSERT_OK(client.add_source("slow", "synth", "size=64"));
    const Descriptor file{::open((std::string{"/proc/net/statchan/slow"} + GetParam()).c_str(),
                                 O_RDONLY | O_CLOEXEC)};
    ASSERT_GE(file.get(), 0);
    const SlowPage page;
    auto reading =
        std::async(std::launch::async, [&] { return ::read(file.get(), page.place(), 100); });
    page.wait_for_who_waits();
    expect_others_go_on(client);
    EXPECT_OK(client.remove_source("slow"));
    ASSERT_OK(client.add_source("slow", "synth", "size=64")) << "the name is free";
    EXPECT_EQ(reading.wait_for(0s), std::future_status::timeout);
    page.let();
    EXPECT_GT(reading.get(), 0) << "what was read already is delivered";
    char byte = 0;
    EXPECT_EQ(::read(file.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EIO) << "the next read finds no source";
    EXPECT_OK(client.remove_source("slow"));
}

// A reader of relay's file whose page does not come, while somebody else closes the channel: who
// closes it does not wait, nor who opens another or takes a CPU off line meanwhile.
TEST(HostileSlowPageOfRelay, HoldsUpOnlyItsReader) {
    Synth synth{"size=64"};
    const auto id = synth.info().id;
    auto channel = std::make_unique<RawChannel>(id, STATCHAN_T_RELAY);
    synth.emit(10);
    const auto path = std::string{channel->answer.path} + "/cpu0";
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    ASSERT_GE(file.get(), 0);
    const SlowPage page;
    auto reading =
        std::async(std::launch::async, [&] { return ::read(file.get(), page.place(), 100); });
    page.wait_for_who_waits();
    auto others = std::async(std::launch::async, [&] {
        channel.reset();
        const RawChannel another{id, STATCHAN_T_RELAY};
        return another.answer.id;
    });
    EXPECT_EQ(others.wait_for(patience), std::future_status::ready) << "the close waits";
    EXPECT_EQ(reading.wait_for(0s), std::future_status::timeout);
    page.let();
    EXPECT_EQ(reading.get(), 100) << "what was there is delivered";
    EXPECT_GT(others.get(), 0U);
}
