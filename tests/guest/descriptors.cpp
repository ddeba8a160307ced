// SPDX-License-Identifier: MIT
//
// Guarantee 8, seen from the descriptors: a channel lives as long as somebody has one of it, be it
// inherited, passed on or under way, or has it mapped; and not longer.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "support/device.hpp"
#include "support/kernel.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

/// A forked child that does nothing but live, or become another program, until it is let go.
class Child {
  public:
    explicit Child(const char* program = nullptr) {
        child_ = ::fork();
        if (child_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (program != nullptr) ::execl(program, program, "1000", nullptr);
        for (;;) ::pause();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { end(); }

    void end() {
        if (child_ < 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = -1;
    }
    [[nodiscard]] std::string proc(const std::string& name) const {
        return "/proc/" + std::to_string(child_) + "/" + name;
    }

  private:
    pid_t child_ = -1;
};

}  // namespace

class Descriptors : public OverTransport {
  protected:
    Synth synth{"size=64"};
    [[nodiscard]] std::size_t channels() const { return client.channels().value().size(); }
};
OVER_TRANSPORTS_WITH(Descriptors, statchan::Capability::samples);

TEST_P(Descriptors, ForkedChildThatEndsTakesNothingAlong) {
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    for (int i = 1; i <= 3; ++i) {
        synth.emit(10);
        EXPECT_EQ(in_child([] { return std::string{"lived"}; }), "lived");
        synth.emit(10);
        EXPECT_TRUE(reader.records(static_cast<std::uint64_t>(i) * 20));
    }
    EXPECT_EQ(channels(), 1U);
    EXPECT_EQ(reader.received(), 60U);
    expect_books_close(*stream);
}

TEST_P(Descriptors, ChannelLivesUntilTheForkedChildHasClosedToo) {
    std::optional<Child> child;
    {
        auto stream = client.subscribe(synth.name());
        ASSERT_OK(stream);
        child.emplace();
        Reader reader{*stream};
        synth.emit(10);
        EXPECT_TRUE(reader.records(10));
    }
    EXPECT_EQ(channels(), 1U) << "the child has it";
    EXPECT_EQ(synth.info().channels, 1U);
    synth.emit(10);  // nobody reads, nobody waits
    child->end();
    EXPECT_TRUE(eventually([&] { return channels() == 0; }));
    EXPECT_EQ(synth.info().channels, 0U);
}

TEST_P(Descriptors, NoneSurvivesExec) {
    std::optional<statchan::Stream> stream;
    {
        auto made = client.subscribe(synth.name());
        ASSERT_OK(made);
        stream.emplace(std::move(*made));
    }
    auto events = client.events();
    ASSERT_OK(events);
    const Child child{"/bin/sleep"};
    ASSERT_TRUE(eventually([&] { return slurp(child.proc("comm")) == "sleep\n"; }));
    for (const auto& entry : std::filesystem::directory_iterator{child.proc("fd")}) {
        std::error_code gone;  // the loader opens libraries and closes them again
        const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
        EXPECT_EQ(target.find("statchan"), std::string::npos) << target;
        EXPECT_FALSE(target.starts_with("socket:")) << target;
    }
    EXPECT_EQ(slurp(child.proc("maps")).find("statchan"), std::string::npos);
    stream.reset();
    EXPECT_TRUE(eventually([&] { return channels() == 0; })) << "the other program has it";
}

/// Of a channel of the device, which the receiver reads without the library.
class PassedOn : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    }
    void TearDown() override {
        ::close(ends[0]);
        ::close(ends[1]);
    }

    /// A child opens a channel, sends it here, and dies.
    void send_from_a_child(std::uint32_t transport) {
        const auto source = synth.info().id;
        const auto said = in_child([&]() -> std::string {
            const RawChannel channel{source, transport};
            return send_descriptor(ends[1], channel.device.get()) ? "sent" : "not sent";
        });
        ASSERT_EQ(said, "sent");
    }
    [[nodiscard]] std::size_t channels() const { return client.channels().value().size(); }

    Synth synth{"size=64"};
    statchan::Client client = open_client("ioctl");
    int ends[2] = {-1, -1};
};

TEST_F(PassedOn, ChannelStaysWithTheReceiver) {
    send_from_a_child(STATCHAN_T_IOCTL);
    EXPECT_EQ(channels(), 1U) << "under way";
    auto channel = receive_descriptor(ends[0]);
    ASSERT_GE(channel.get(), 0);
    EXPECT_EQ(channels(), 1U);
    EXPECT_EQ(read_records(channel.get()), 0);
    synth.emit(10);
    EXPECT_EQ(read_records(channel.get()), 10);
    synth.remove();
    EXPECT_EQ(read_records(channel.get()), 0);
    channel.reset();
    EXPECT_TRUE(eventually([&] { return channels() == 0; }));
}

TEST_F(PassedOn, RingCanBeMappedByTheReceiver) {
    send_from_a_child(STATCHAN_T_MMAP);
    auto channel = receive_descriptor(ends[0]);
    ASSERT_GE(channel.get(), 0);
    synth.emit(10);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    auto* producer = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, channel.get(),
                            static_cast<off_t>(STATCHAN_MMAP_RING + page));
    ASSERT_NE(producer, MAP_FAILED) << std::strerror(errno);
    EXPECT_EQ(static_cast<const statchan_ring_producer*>(producer)->head, 10U * (48 + 64));
    channel.reset();
    EXPECT_EQ(channels(), 1U) << "it is mapped";
    ::munmap(producer, page);
    EXPECT_TRUE(eventually([&] { return channels() == 0; }));
}

TEST_F(PassedOn, RelayFilesStayThere) {
    send_from_a_child(STATCHAN_T_RELAY);
    auto channel = receive_descriptor(ends[0]);
    ASSERT_GE(channel.get(), 0);
    ASSERT_EQ(relay_folders().size(), 1U);
    synth.emit(10);
    const Descriptor file{
        ::open((relay_folders().front() + "/cpu0").c_str(), O_RDONLY | O_CLOEXEC)};
    ASSERT_GE(file.get(), 0);
    char bytes[4096];
    EXPECT_EQ(::read(file.get(), bytes, sizeof bytes), 10 * (48 + 64));
    channel.reset();
    EXPECT_TRUE(eventually([&] { return channels() == 0 && relay_folders().empty(); }));
    EXPECT_LE(::read(file.get(), bytes, sizeof bytes), 0) << "the file is gone, though open here";
}

// Nobody ever takes it out of the socket.
TEST_F(PassedOn, ChannelDiesWithTheSocketThatHoldsIt) {
    for (const std::uint32_t transport :
         {STATCHAN_T_IOCTL, STATCHAN_T_READ, STATCHAN_T_MMAP, STATCHAN_T_RELAY})
        send_from_a_child(transport);
    EXPECT_EQ(channels(), 4U);
    synth.emit(10);
    for (auto& end : ends) {
        ::close(end);
        end = -1;
    }
    EXPECT_TRUE(eventually([&] { return channels() == 0; }));
    EXPECT_EQ(synth.info().channels, 0U);
}
