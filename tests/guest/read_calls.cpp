// SPDX-License-Identifier: MIT
//
// Transport read by bare system calls: read() waits or says EAGAIN, ends with 0, takes no half
// records; pread() reads one snapshot in any pieces, and never two.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "support/device.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

constexpr std::size_t one_record = sizeof(statchan_record) + 64;

void stop(int device) {
    statchan_channel_run run{.size = sizeof run, .reserved = 0};
    EXPECT_EQ(::ioctl(device, STATCHAN_IOC_CHANNEL_STOP, &run), 0);
}

std::string sentence(int device) {
    statchan_error error{};
    error.size = sizeof error;
    EXPECT_EQ(::ioctl(device, STATCHAN_IOC_ERROR, &error), 0);
    return error.text;
}

/// errno of a call that failed, else 0.
int failure(::ssize_t got) { return got < 0 ? errno : 0; }

}  // namespace

class ReadSamples : public testing::Test {
  protected:
    Synth synth{"size=64"};
    RawChannel channel{synth.info().id, STATCHAN_T_READ};
    std::vector<char> room = std::vector<char>(65536);

    [[nodiscard]] int fd() const { return channel.device.get(); }
    void do_not_wait() const { ASSERT_EQ(::fcntl(fd(), F_SETFL, O_RDWR | O_NONBLOCK), 0); }
    ::ssize_t read() { return ::read(fd(), room.data(), room.size()); }
};

TEST_F(ReadSamples, WithoutWaitingNothingIsEagain) {
    do_not_wait();
    EXPECT_EQ(failure(read()), EAGAIN);
    synth.emit(3);
    EXPECT_EQ(read(), static_cast<::ssize_t>(3 * one_record));
    EXPECT_EQ(failure(read()), EAGAIN);
}

TEST_F(ReadSamples, WaitsUntilSomethingIsAnnounced) {
    std::thread later{[this] {
        std::this_thread::sleep_for(50ms);
        synth.emit(1);
    }};
    EXPECT_EQ(read(), static_cast<::ssize_t>(one_record));
    later.join();
}

TEST_F(ReadSamples, EndsWithZeroAfterTheLast) {
    synth.emit(2);
    stop(fd());
    EXPECT_EQ(read(), static_cast<::ssize_t>(2 * one_record));
    EXPECT_EQ(read(), 0);
    EXPECT_EQ(read(), 0);
}

TEST_F(ReadSamples, EndWakesTheReader) {
    std::thread later{[this] {
        std::this_thread::sleep_for(50ms);
        synth.remove();
    }};
    EXPECT_EQ(read(), 0);
    later.join();
}

TEST_F(ReadSamples, TakesWholeRecordsOnly) {
    synth.emit(3);
    EXPECT_EQ(failure(::read(fd(), room.data(), one_record - 1)), EMSGSIZE);
    EXPECT_NE(sentence(fd()).find("needs 112 bytes"), std::string::npos) << sentence(fd());
    EXPECT_EQ(::read(fd(), room.data(), 3 * one_record - 1),
              static_cast<::ssize_t>(2 * one_record));
    EXPECT_EQ(::read(fd(), room.data(), 0), 0);
    EXPECT_EQ(read(), static_cast<::ssize_t>(one_record));
}

// Memory that is not there takes nothing out of the stream.
TEST_F(ReadSamples, FaultLosesNothing) {
    synth.emit(2);
    EXPECT_EQ(failure(::read(fd(), nullptr, room.size())), EFAULT);
    EXPECT_EQ(read(), static_cast<::ssize_t>(2 * one_record));
}

TEST_F(ReadSamples, HasNoPositions) {
    synth.emit(1);
    EXPECT_EQ(failure(::lseek(fd(), 0, SEEK_SET)), ESPIPE);
    EXPECT_EQ(failure(::pread(fd(), room.data(), room.size(), 8)), ESPIPE);
    EXPECT_EQ(failure(::write(fd(), "x", 1)), EINVAL);
}

TEST(ReadCalls, NeedAChannelOfThisTransport) {
    Synth synth;
    char byte = 0;
    const Descriptor bare{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    EXPECT_EQ(failure(::read(bare.get(), &byte, 1)), EBADFD);
    const RawChannel other{synth.info().id, STATCHAN_T_IOCTL};
    EXPECT_EQ(failure(::read(other.device.get(), &byte, 1)), EOPNOTSUPP);
    EXPECT_NE(sentence(other.device.get()).find("transport ioctl"), std::string::npos);
    const RawChannel mine{synth.info().id, STATCHAN_T_READ};
    EXPECT_EQ(read_records(mine.device.get()), -1) << "STATCHAN_IOC_READ is transport ioctl's";
}

class ReadSnapshot : public testing::Test {
  protected:
    ReadSnapshot() {
        statchan_channel_req req{};
        req.size = sizeof req;
        req.source = synth.info().id;
        req.transport = STATCHAN_T_READ;
        req.kind = STATCHAN_CHANNEL_SNAPSHOT;
        EXPECT_EQ(::ioctl(fd(), STATCHAN_IOC_CHANNEL_OPEN, &req), 0) << std::strerror(errno);
    }
    [[nodiscard]] int fd() const { return device.get(); }
    ::ssize_t pread(std::size_t at, std::size_t len) {
        return ::pread(fd(), image.data() + at, len, static_cast<::off_t>(at));
    }
    [[nodiscard]] std::uint64_t generation() const { return head().generation; }
    [[nodiscard]] statchan_snapshot head() const {
        statchan_snapshot copy;
        std::memcpy(&copy, image.data(), sizeof copy);
        return copy;
    }
    void choose(std::uint64_t max_age_ns, std::uint64_t wanted = 0) const {
        statchan_snapshot_req req{};
        req.size = sizeof req;
        req.max_age_ns = max_age_ns;
        req.generation = wanted;
        EXPECT_EQ(::ioctl(fd(), STATCHAN_IOC_SNAPSHOT_MAP, &req), 0) << std::strerror(errno);
        EXPECT_EQ(req.len, bytes);
        EXPECT_EQ(req.offset, 0U);
    }
    void take_another() { EXPECT_OK(client.snapshot(synth.name())); }

    static constexpr std::size_t bytes = sizeof(statchan_snapshot) + 4096 * 8;
    Synth synth{synth_counters(4096)};
    statchan::Client client = open_client("ioctl");
    Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    std::vector<char> image = std::vector<char>(bytes + 64);
};

TEST_F(ReadSnapshot, EachReadOfTheWholeIsANewOne) {
    EXPECT_EQ(pread(0, image.size()), static_cast<::ssize_t>(bytes));
    EXPECT_EQ(generation(), 1U);
    EXPECT_EQ(pread(0, image.size()), static_cast<::ssize_t>(bytes));
    EXPECT_EQ(generation(), 2U);
    EXPECT_EQ(pread(bytes, 1), 0);
    EXPECT_EQ(failure(pread(8, 8)), ENODATA) << "nothing is held";
}

// Others take snapshots between the pieces.
TEST_F(ReadSnapshot, PiecesAreOfOneGeneration) {
    EXPECT_EQ(pread(0, 1000), 1000);
    for (std::size_t at = 1000; at < bytes;) {
        take_another();
        iovec parts[2]{{image.data() + at, 3000}, {image.data() + at + 3000, 4000}};
        const auto got =
            ::preadv(fd(), parts, at + 7000 <= image.size() ? 2 : 1, static_cast<::off_t>(at));
        ASSERT_GT(got, 0);
        at += static_cast<std::size_t>(got);
    }
    EXPECT_EQ(generation(), 1U);
    const auto whole = client.snapshot(synth.name());
    ASSERT_OK(whole);
    std::vector<std::uint64_t> counters(4096);
    std::memcpy(counters.data(), image.data() + sizeof(statchan_snapshot), 4096 * 8);
    EXPECT_EQ(head().n_counters, 4096U);
    // Counters of a synth are a function of the generation; field 7 of 8 is a gauge.
    Synth again{synth_counters(4096)};
    const auto first = client.snapshot(again.name());
    ASSERT_OK(first);
    ASSERT_EQ(first->generation(), 1U);
    EXPECT_TRUE(std::equal(counters.begin(), counters.end(), first->counters().begin()));
}

TEST_F(ReadSnapshot, ChosenOneStaysUntilTheNextChoice) {
    choose(0);
    take_another();
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(pread(0, image.size()), static_cast<::ssize_t>(bytes));
        EXPECT_EQ(generation(), 1U);
    }
    choose(3'600'000'000'000);
    EXPECT_EQ(pread(0, 64), 64);
    EXPECT_EQ(generation(), 2U);
    choose(0, 2);
    EXPECT_EQ(pread(0, 64), 64);
    EXPECT_EQ(generation(), 2U);
    synth.remove();
    EXPECT_EQ(pread(64, bytes), static_cast<::ssize_t>(bytes - 64)) << "held beyond the source";
}

// As a file: to the end, and then 0.
TEST_F(ReadSnapshot, ReadGoesOnWhereItWas) {
    std::size_t at = 0;
    for (;;) {
        const auto got =
            ::read(fd(), image.data() + at, std::min<std::size_t>(5000, bytes - at + 1));
        ASSERT_GE(got, 0);
        if (got == 0) break;
        at += static_cast<std::size_t>(got);
    }
    EXPECT_EQ(at, bytes);
    EXPECT_EQ(generation(), 1U);
}
