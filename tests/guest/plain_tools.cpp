// SPDX-License-Identifier: MIT
//
// The files of relay serve plain tools: read(), splice and mmap show the records as they are.
#include <fcntl.h>
#include <linux/statchan.h>
#include <linux/statchan_synth.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "common/free_memory.hpp"
#include "support/device.hpp"
#include "support/fault.hpp"
#include "support/process.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

class PlainTools : public OverTransport {
  protected:
    Synth synth{"size=100 cpus=2"};
    int device = -1;
    statchan_channel_req channel{};

    // Without the library: the test is a plain tool itself.
    void SetUp() override {
        device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
        ASSERT_GE(device, 0);
    }
    void TearDown() override { ::close(device); }

    void open_channel(std::uint64_t buffer, std::uint32_t subbufs,
                      std::uint64_t timeout_ns = 1'000'000) {
        channel.size = sizeof channel;
        channel.source = synth.info().id;
        channel.transport = STATCHAN_T_RELAY;
        channel.kind = STATCHAN_CHANNEL_SAMPLES;
        channel.want.buffer_size = buffer;
        channel.want.subbufs = subbufs;
        channel.want.timeout_ns = timeout_ns;
        ASSERT_EQ(::ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &channel), 0) << std::strerror(errno);
    }
    [[nodiscard]] std::string file(unsigned cpu) const {
        return std::string{channel.path} + "/cpu" + std::to_string(cpu);
    }
    static constexpr std::size_t record_bytes = 48 + 104;  // 100 are padded

    // Bytes of whole records, the next being number `from`; how many there were.
    static std::uint64_t check(const std::string& bytes, unsigned cpu, std::uint64_t from) {
        std::uint64_t n = 0;
        for (std::size_t at = 0; at + sizeof(statchan_record) <= bytes.size();) {
            statchan_record record;
            std::memcpy(&record, bytes.data() + at, sizeof record);
            if (record.type == STATCHAN_RECORD_SAMPLE) {
                EXPECT_EQ(record.len, 148U);
                EXPECT_EQ(record.cpu, cpu);
                EXPECT_EQ(record.seq, from + n);
                EXPECT_EQ(
                    statchan_synth_check(bytes.data() + at + sizeof record, 100, cpu, record.seq),
                    100U);
                ++n;
            } else {
                EXPECT_EQ(record.type, STATCHAN_RECORD_PAD);
            }
            if (record.len == 0) {
                ADD_FAILURE() << "a record without length at " << at;
                break;
            }
            at += (record.len + 7) & ~std::size_t{7};
        }
        return n;
    }
};
OVER_TRANSPORTS_WITH(PlainTools, statchan::Capability::files);

TEST_P(PlainTools, CatShowsTheRecords) {
    open_channel(1 << 20, 8);
    synth.emit(500);
    for (const unsigned cpu : {0U, 1U}) {
        std::string bytes;
        EXPECT_TRUE(eventually([&] {
            bytes += sh("cat " + file(cpu));
            return bytes.size() >= 500 * record_bytes;
        }));
        EXPECT_EQ(bytes.size(), 500 * record_bytes) << "no padding through read()";
        EXPECT_EQ(check(bytes, cpu, 0), 500U);
    }
}

// One CPU reads while another goes from sub-buffer to sub-buffer, thousands of times in a second.
TEST_P(PlainTools, ReadGoesOnlyForward) {
    open_channel(32 * 4096, 32);
    std::atomic<bool> stop = false;
    std::thread completing{[&] {
        while (!stop) {
            statchan_relay_state state{};
            state.size = sizeof state;
            state.flags = STATCHAN_RELAY_FLUSH;
            EXPECT_EQ(::ioctl(device, STATCHAN_IOC_RELAY_STATE, &state), 0);
        }
    }};
    synth.set("cpus=1 mode=paced pps=30000 run=1");
    const int fd = ::open(file(0).c_str(), O_RDONLY | O_CLOEXEC);
    std::uint64_t next = 0;
    std::uint64_t samples = 0;
    std::string bytes;
    const auto begin = Clock::now();
    const auto more = [&] {
        const auto passed = Clock::now() - begin;
        return passed < 2s || (samples <= 1000 && passed < patience);
    };
    while (more() && !HasFailure()) {
        char part[65536];
        const auto got = ::read(fd, part, sizeof part);
        EXPECT_GE(got, 0) << std::strerror(errno);
        bytes.append(part, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        std::size_t at = 0;
        for (statchan_record record; bytes.size() - at >= sizeof record;) {
            std::memcpy(&record, bytes.data() + at, sizeof record);
            const auto room = (record.len + 7) & ~std::size_t{7};
            if (room == 0 || room > bytes.size() - at) break;
            // of a loss, which comes if the reader is slow, it is the first number lost
            EXPECT_GE(record.seq, next) << "after " << samples << " records";
            next = record.seq + 1;
            samples += record.type == STATCHAN_RECORD_SAMPLE ? 1 : 0;
            at += room;
        }
        bytes.erase(0, at);
    }
    stop = true;
    completing.join();
    ::close(fd);
    EXPECT_GT(samples, 1000U);
}

TEST_P(PlainTools, SplicePassesWholeRecordsOn) {
    open_channel(65536, 4);
    synth.emit(200);
    const int from = ::open(file(0).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ASSERT_GE(from, 0);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    std::string bytes;
    EXPECT_TRUE(eventually([&] {
        char part[65536];
        while (::splice(from, nullptr, ends[1], nullptr, sizeof part, SPLICE_F_NONBLOCK) > 0) {
            const auto got = ::read(ends[0], part, sizeof part);
            if (got > 0) bytes.append(part, static_cast<std::size_t>(got));
        }
        return bytes.size() >= 200 * record_bytes;
    })) << bytes.size();
    EXPECT_EQ(check(bytes, 0, 0), 200U);
    for (const int fd : {from, ends[0], ends[1]}) ::close(fd);
}

// Sub-buffers in shared memory, given back one after the other; PAD fills what is left of each.
TEST_P(PlainTools, MmapShowsSubBuffers) {
    open_channel(65536, 4);
    const int fd = ::open(file(0).c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    const auto size = static_cast<std::size_t>(channel.got.buffer_size);
    auto* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(map, MAP_FAILED) << std::strerror(errno);
    std::uint64_t seen = 0;
    for (int round = 0; round < 6; ++round) {
        synth.emit(150);
        statchan_relay_state state{};
        state.size = sizeof state;
        state.flags = STATCHAN_RELAY_FLUSH;
        ASSERT_EQ(::ioctl(device, STATCHAN_IOC_RELAY_STATE, &state), 0);
        EXPECT_EQ(state.subbufs, 4U);
        std::string bytes;
        for (auto i = state.consumed; i < state.produced; ++i)
            bytes.append(static_cast<const char*>(map) + i % state.subbufs * state.subbuf_size,
                         state.subbuf_size);
        seen += check(bytes, 0, seen);
        const auto consume = state.produced - state.consumed;
        state = {};
        state.size = sizeof state;
        state.consume = consume;
        ASSERT_EQ(::ioctl(device, STATCHAN_IOC_RELAY_STATE, &state), 0);
        EXPECT_EQ(state.consumed, state.produced);
        state = {};
        state.size = sizeof state;
        state.consume = 1;
        EXPECT_EQ(::ioctl(device, STATCHAN_IOC_RELAY_STATE, &state), -1) << "more than there is";
    }
    EXPECT_EQ(seen, 900U);
    ::munmap(map, size);
    ::close(fd);
}

// A tool that sleeps in poll() on the file is woken for a slow stream, too.
TEST_P(PlainTools, SleepingToolIsWoken) {
    open_channel(65536, 4);
    // a record at a time: the timeout may pass between two of them
    Process tool{"exec timeout 200 sh -c 'python3 -c \"import os,select;f=os.open(\\\"" + file(0) +
                 "\\\",os.O_RDONLY);p=select.poll();p.register(f,1);print(1,flush=True);print("
                 "sum(len(os.read(f," +
                 std::to_string(record_bytes) +
                 ")) for _ in range(3) if p.poll(15000)),flush=True)\"'"};
    ASSERT_TRUE(eventually([&] { return !tool.out().empty(); }, 3 * patience)) << tool.err();
    synth.emit(3);
    const auto outcome = tool.wait();
    EXPECT_EQ(outcome.out, "1\n" + std::to_string(3 * record_bytes) + "\n") << outcome.text();
}

// What the watermark announced while nobody slept on the file, and was not read: a tool that begins
// to wait after that hears of it with the timeout, not with the next record.
TEST_P(PlainTools, WhatWasAnnouncedIsNotForgotten) {
    channel.want.watermark_records = 1;
    open_channel(65536, 4, 50'000'000);
    const Descriptor tool{::open(file(0).c_str(), O_RDONLY | O_CLOEXEC)};
    ASSERT_GE(tool.get(), 0);
    synth.emit(1);
    std::this_thread::sleep_for(200ms);  // no condition: what must not have happened is the timeout
    pollfd p{.fd = tool.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&p, 1, 10'000), 1);
    std::string bytes(4096, 0);
    const auto got = ::read(tool.get(), bytes.data(), bytes.size());
    EXPECT_EQ(got, static_cast<ssize_t>(record_bytes));
}

TEST_P(PlainTools, WhoSleepsHearsOfTheEnd) {
    open_channel(65536, 4);
    const Descriptor tool{::open(file(0).c_str(), O_RDONLY | O_CLOEXEC)};
    std::atomic<pid_t> sleeper = 0;
    std::atomic<int> events = 0;
    std::thread waits{[&] {
        sleeper = ::gettid();
        pollfd p{.fd = tool.get(), .events = POLLIN, .revents = 0};
        const auto begin = Clock::now();
        // when its time is up it looks once more, and would see it, too
        if (::poll(&p, 1, 20'000) == 1 && Clock::now() - begin < 19s) events = p.revents;
    }};
    EXPECT_TRUE(eventually([&] {
        return sleeper != 0 &&
               slurp("/proc/self/task/" + std::to_string(sleeper) + "/syscall").starts_with("7 ");
    }));
    ::close(device);
    waits.join();
    device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    EXPECT_NE(events & POLLERR, 0) << events;
}

// relay forgets the buffer of CPU 0 if the file of another can't be made.
TEST_P(PlainTools, RefusedFileKeepsNoBuffer) {
    constexpr std::uint64_t size = 64U << 20;
    const auto before = free_memory();
    {
        const Fault fault{"relay_file", 2};
        EXPECT_FALSE(client.subscribe(synth.name(), {.buffer_size = size}));
    }
    EXPECT_LT(before, free_memory() + 32 * 1024) << "KiB";
}

// The end of the source shows the last, begun sub-buffer, too, and to a reader that was behind.
TEST_P(PlainTools, EndOfTheSourceShowsTheRest) {
    constexpr std::uint64_t long_timeout_ns = 60'000'000'000;  // only the end shows the rest
    open_channel(65536, 4, long_timeout_ns);
    synth.emit(200);
    synth.remove();
    const int fd = ::open(file(0).c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    statchan_relay_state state{};
    state.size = sizeof state;
    ASSERT_EQ(::ioctl(device, STATCHAN_IOC_RELAY_STATE, &state), 0);
    EXPECT_EQ(state.produced, 2U) << "of 200 records a sub-buffer holds 107";
    EXPECT_NE(state.flags & STATCHAN_CHAN_EOS, 0U);
    EXPECT_EQ(check(sh("cat " + file(0)), 0, 0), 200U);
    ::close(fd);
}

TEST_P(PlainTools, FilesAreForTheAdministrator) {
    open_channel(65536, 4);
    EXPECT_EQ(as_nobody([&] {
                  return ::open(file(0).c_str(), O_RDONLY) < 0 ? std::strerror(errno) : "opened";
              }),
              "Permission denied");
    // debugfs itself is root's, so that says little
    struct stat status {};
    ASSERT_EQ(::stat(file(0).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0400U);
    EXPECT_EQ(status.st_uid, 0U);
}

TEST_P(PlainTools, OpenFileHoldsNothingAfterTheChannel) {
    open_channel(65536, 4);
    const int fd = ::open(file(0).c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    synth.emit(10);
    ::close(device);
    device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    EXPECT_NE(::access(channel.path, F_OK), 0) << "the folder is still there";
    char part[4096];
    (void)!::read(fd, part, sizeof part);  // whatever it says, it must not crash
    ::close(fd);
}

TEST_P(PlainTools, GeometryIsTold) {
    auto stream = client.subscribe(synth.name(), {.buffer_size = 100'000, .subbufs = 3});
    ASSERT_OK(stream);
    EXPECT_EQ(stream->effective().subbufs, 3U);
    EXPECT_EQ(stream->effective().buffer_size % (3 * 4096), 0U);
    EXPECT_GE(stream->effective().buffer_size, 100'000U);
    for (const auto& [subbufs, word] : {std::pair{1U, "2"}, std::pair{5000U, "1024"}}) {
        const auto refused = client.subscribe(synth.name(), {.subbufs = subbufs});
        ASSERT_FALSE(refused.has_value());
        const auto text = refused.error().message();
        EXPECT_NE(text.find("sub-buffers"), std::string::npos) << text;
        EXPECT_NE(text.find(word), std::string::npos) << text;
    }
}
