// SPDX-License-Identifier: MIT
//
// Transport procfs as a plain file: one generation however it is read, what may be written, who
// may read, when it ends. And the old way beside it, which cuts large sources off at one page.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include "support/device.hpp"
#include "support/fault.hpp"
#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

const std::string folder = "/proc/net/statchan/";

Descriptor open_text(const std::string& name, int mode = O_RDONLY) {
    return Descriptor{::open((folder + name).c_str(), mode | O_CLOEXEC)};
}

/// Reads to the end in pieces of so many bytes; ends with "errno N" where that fails.
std::string rest_of(const Descriptor& file, std::size_t piece = 4096) {
    std::string text;
    std::vector<char> room(piece);
    for (;;) {
        const auto got = ::read(file.get(), room.data(), room.size());
        if (got < 0) return text + "errno " + std::to_string(errno);
        if (got == 0) return text;
        text.append(room.data(), static_cast<std::size_t>(got));
    }
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

int write_errno(const Descriptor& file, const std::string& text) {
    return ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

}  // namespace

class ProcfsFile : public testing::Test {
  protected:
    static constexpr std::size_t counters = 4096;
    Synth synth{synth_counters(counters)};
    statchan::Client client = open_client("ioctl");

    [[nodiscard]] Descriptor open(int mode = O_RDONLY) const {
        auto file = open_text(synth.name(), mode);
        EXPECT_GE(file.get(), 0) << errno;
        return file;
    }
    [[nodiscard]] statchan::Snapshot newest() {
        return client.snapshot(synth.name(), {.max_age = 1h}).value();
    }
};

TEST_F(ProcfsFile, HasALineForEachCounter) {
    const auto text = rest_of(open());
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), counters + 1) << text.substr(0, 200);
    const auto snapshot = newest();
    EXPECT_EQ(lines[0].rfind("generation 1 begin ", 0), 0U) << lines[0];
    EXPECT_NE(lines[0].find(" flags 1 source "), std::string::npos) << lines[0];
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < counters; ++i)
        if (!lines[i + 1].ends_with(" " + std::to_string(snapshot.counters()[i]))) ++wrong;
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(lines[1].rfind("port/0/rx_packets ", 0), 0U) << lines[1];
}

// To find a place far behind the lines before it are written: others must get the CPU meanwhile,
// and who is killed must go.
TEST(ProcfsSeek, IsEndedByAKill) {
    constexpr std::size_t many = 4U << 20U;
    const Synth synth{synth_counters(many)};
    const auto child = ::fork();
    if (child == 0) {
        const auto file = open_text(synth.name());
        char byte = 0;
        std::_Exit(::pread(file.get(), &byte, 1, 1LL << 40U) < 0 ? 1 : 0);
    }
    EXPECT_TRUE(eventually([&] {
        return slurp("/proc/" + std::to_string(child) + "/stat").find(") R ") != std::string::npos;
    }));
    std::this_thread::sleep_for(500ms);  // into the text; nothing tells how far it is
    const auto begin = Clock::now();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_LT(Clock::now() - begin, 5s);
    EXPECT_TRUE(WIFSIGNALED(status)) << "done before it was killed";
}

// Others take snapshots between the pieces.
TEST_F(ProcfsFile, ReadInPiecesIsOfOneGeneration) {
    const auto file = open();
    std::array<char, 100> room{};
    const auto got = ::read(file.get(), room.data(), room.size());
    ASSERT_GT(got, 0);
    ASSERT_OK(client.snapshot(synth.name()));
    auto text = std::string{room.data(), static_cast<std::size_t>(got)} + rest_of(file, 777);
    ASSERT_OK(client.snapshot(synth.name()));
    ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    EXPECT_EQ(rest_of(file, 100'000), text);
    EXPECT_EQ(text.rfind("generation 1 ", 0), 0U);
    EXPECT_EQ(lines_of(rest_of(open()))[0].rfind("generation 4 ", 0), 0U);
}

TEST_F(ProcfsFile, TakesWhatIsWanted) {
    ASSERT_OK(client.snapshot(synth.name()));
    const auto shared = open(O_RDWR);
    EXPECT_EQ(write_errno(shared, "max_age 3600000000000 digest\n"), 0);
    const auto head = lines_of(rest_of(shared))[0];
    EXPECT_EQ(head.rfind("generation 1 ", 0), 0U) << head;
    EXPECT_TRUE(head.ends_with(" digest " + std::to_string(newest().digest()))) << head;
    EXPECT_EQ(write_errno(shared, "digest"), EBUSY) << "it is read already";

    const auto exact = open(O_RDWR);
    EXPECT_EQ(write_errno(exact, "generation 1"), 0);
    ASSERT_OK(client.snapshot(synth.name()));
    EXPECT_EQ(rest_of(exact), "errno " + std::to_string(ESTALE));
    const auto mine = std::to_string(synth.info().id);
    EXPECT_EQ(write_errno(open(O_RDWR), "source " + mine), 0);
    EXPECT_EQ(write_errno(open(O_RDWR), "source 1" + mine), ENOENT);
    for (const auto* nonsense : {"pigeon", "generation", "generation x", "max_age -1"})
        EXPECT_EQ(write_errno(open(O_RDWR), nonsense), EINVAL) << nonsense;
    EXPECT_EQ(write_errno(open(O_RDWR), std::string(500, ' ')), EINVAL);
}

TEST_F(ProcfsFile, GoesWithItsSource) {
    const auto read_already = open();
    std::array<char, 100> room{};
    ASSERT_GT(::read(read_already.get(), room.data(), room.size()), 0);
    const auto not_yet = open();
    synth.remove();
    EXPECT_EQ(rest_of(read_already), "errno " + std::to_string(EIO));
    EXPECT_EQ(rest_of(not_yet), "errno " + std::to_string(EIO));
    EXPECT_FALSE(std::filesystem::exists(folder + synth.name()));
    EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(ProcfsFile, IsNotSeenInOtherNamespaces) {
    EXPECT_EQ(in_child([]() -> std::string {
                  if (::unshare(CLONE_NEWNET) != 0) return "unshare";
                  if (!std::filesystem::is_directory("/proc/thread-self/net/statchan"))
                      return "no folder";
                  return std::filesystem::is_empty("/proc/thread-self/net/statchan") ? "empty"
                                                                                     : "seen";
              }),
              "empty");
}

// Who has no rights may read, but can not take all slots from the others.
TEST_F(ProcfsFile, ReadersWithoutRightsHoldOnlySome) {
    const auto answer = as_nobody([&]() -> std::string {
        std::vector<Descriptor> files;
        for (int i = 0; i < 9; ++i) {
            files.push_back(open_text(synth.name()));
            char byte = 0;
            if (::read(files.back().get(), &byte, 1) != 1)
                return std::to_string(i) + " and then errno " + std::to_string(errno);
        }
        return "no limit";
    });
    EXPECT_EQ(answer, "8 and then errno " + std::to_string(EBUSY));
    EXPECT_EQ(rest_of(open()).rfind("generation ", 0), 0U);
}

// It is those of who reads, and of who has opened: a file that root hands on is no way around.
TEST_F(ProcfsFile, ReadersOfRootsFilesHoldOnlySome) {
    std::vector<Descriptor> files;
    for (int i = 0; i < 9; ++i) files.push_back(open());
    const auto answer = as_nobody([&]() -> std::string {
        char byte = 0;
        for (const auto& file : files)
            if (::read(file.get(), &byte, 1) != 1) return "errno " + std::to_string(errno);
        return "no limit";
    });
    EXPECT_EQ(answer, "errno " + std::to_string(EBUSY));
    EXPECT_EQ(rest_of(files.back()).rfind("generation ", 0), 0U) << "root itself has no limit";
}

TEST_F(ProcfsFile, WithoutMemoryIsAnErrorAndThenWorks) {
    const auto file = open();
    {
        const Fault fault{"snapshot"};
        EXPECT_EQ(rest_of(file), "errno " + std::to_string(ENOMEM));
    }
    EXPECT_EQ(rest_of(file).rfind("generation 1 ", 0), 0U);
}

// The old way: what does not fit into a page is missing, and nothing says so.
TEST_F(ProcfsFile, OldWayIsCutOffAtOnePage) {
    const auto old = rest_of(open_text(synth.name() + "~legacy"), 1U << 20);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    EXPECT_EQ(old.size(), page);
    const auto text = rest_of(open());
    const auto body = text.substr(text.find('\n') + 1);
    EXPECT_GT(body.size(), 20 * page) << "so much there is to tell";
    EXPECT_NE(old.back(), '\n') << "within a line";
    EXPECT_EQ(old.rfind("port/0/rx_packets ", 0), 0U);
}

TEST(ProcfsNames, OldWayOfOneIsNotTheNameOfAnother) {
    Synth one{"", "a"};
    Synth other{"", "a.legacy"};
    EXPECT_LT(rest_of(open_text("a~legacy")).size(), 4096U) << "a small source fits";
    EXPECT_EQ(rest_of(open_text("a.legacy")).rfind("generation 1 ", 0), 0U);
    statchan_channel_req req{};
    req.size = sizeof req;
    req.source = one.info().id;
    req.transport = STATCHAN_T_PROCFS;
    req.kind = STATCHAN_CHANNEL_SNAPSHOT;
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    EXPECT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &req), -1);
    EXPECT_EQ(errno, EOPNOTSUPP) << "files need no channels";
}
