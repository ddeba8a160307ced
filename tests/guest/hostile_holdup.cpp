// SPDX-License-Identifier: MIT
//
// Who takes his time, or asks for much, is in nobody else's way: what others want to know, change
// or remove meanwhile is done at once.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <list>
#include <thread>

#include "support/device.hpp"
#include "support/device_mode.hpp"
#include "support/kernel.hpp"
#include "support/process.hpp"
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
