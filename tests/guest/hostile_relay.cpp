// SPDX-License-Identifier: MIT
//
// relay's own accidents: its files read while another CPU goes on to the next sub-buffer, channels
// for which there is not enough memory, and pages in a pipe that nobody counts.
#include <fcntl.h>
#include <linux/statchan_synth.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "support/device.hpp"
#include "support/fault.hpp"
#include "support/kernel.hpp"
#include "support/meanwhile.hpp"
#include "support/reader.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

// Over all transports that are files.
class HostileRelayRead : public OverTransport {
  protected:
    static Descriptor open_file(const RawChannel& channel, unsigned cpu) {
        const auto path = std::string{channel.answer.path} + "/cpu" + std::to_string(cpu);
        Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        EXPECT_GE(file.get(), 0) << path;
        return file;
    }
    /// Reads until there are so many bytes.
    static std::string read_all(const Descriptor& file, std::size_t bytes, std::size_t piece) {
        std::string text;
        std::vector<char> room(piece);
        EXPECT_TRUE(eventually([&] {
            for (ssize_t got = 0; (got = ::read(file.get(), room.data(), piece)) > 0;)
                text.append(room.data(), static_cast<std::size_t>(got));
            return text.size() >= bytes;
        }));
        return text;
    }
    static constexpr std::size_t record_bytes = sizeof(statchan_record) + 64;
};
OVER_TRANSPORTS_WITH(HostileRelayRead, statchan::Capability::files);

// By odd pieces, so that reads end and begin at the edges; the producer never waits in softirq.
TEST_P(HostileRelayRead, WhileASoftirqCrossesSubBuffers) {
    Synth synth{"size=64 cpus=2 mode=back-to-back context=softirq"};
    auto stream = client.subscribe(synth.name(), {.buffer_size = 8192, .subbufs = 2});
    ASSERT_OK(stream);
    Reader reader{*stream};
    reader.expect_from(0);
    synth.set("run=1");
    EXPECT_TRUE(reader.until([&] { return reader.received() > 3000; }));
    synth.set("run=0");
    EXPECT_TRUE(settle(reader, synth));
    expect_books_close(*stream);
}

TEST_P(HostileRelayRead, ByPiecesOfAnySize) {
    Synth synth{"size=64"};
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4095},
                                    std::size_t{4097}, std::size_t{1} << 20}) {
        SCOPED_TRACE(piece);
        const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
        const auto file = open_file(channel, 0);
        synth.emit(100);
        const auto bytes = read_all(file, 100 * record_bytes, piece);
        EXPECT_EQ(bytes.size(), 100 * record_bytes);
        std::uint64_t first = 0;
        for (std::size_t at = 0; at + record_bytes <= bytes.size(); at += record_bytes) {
            statchan_record record;
            std::memcpy(&record, bytes.data() + at, sizeof record);
            if (at == 0) first = record.seq;
            ASSERT_EQ(record.seq, first + at / record_bytes);
            ASSERT_EQ(statchan_synth_check(bytes.data() + at + sizeof record, 64, 0, record.seq),
                      64U);
        }
    }
}

// What is in the pipe stays what it was, after the file and the channel are closed and the memory
// is somebody else's.
TEST_P(HostileRelayRead, SpliceOutlivesTheChannel) {
    Synth synth{"size=64"};
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ssize_t taken = 0;
    {
        const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
        const auto file = open_file(channel, 0);
        synth.emit(400);
        taken = ::splice(file.get(), nullptr, ends[1], nullptr, 8192, SPLICE_F_NONBLOCK);
        ASSERT_GT(taken, 0) << std::strerror(errno);
    }
    synth.remove();
    const std::vector<char> filler(1U << 20, '\xa5');
    const Descriptor other{::memfd_create("filler", MFD_CLOEXEC)};
    for (int i = 0; i < 16; ++i)
        EXPECT_EQ(::write(other.get(), filler.data(), filler.size()),
                  static_cast<ssize_t>(filler.size()));
    std::vector<char> bytes(static_cast<std::size_t>(taken));
    EXPECT_EQ(::read(ends[0], bytes.data(), bytes.size()), taken);
    for (std::size_t at = 0; at + record_bytes <= bytes.size(); at += record_bytes) {
        statchan_record record;
        std::memcpy(&record, bytes.data() + at, sizeof record);
        ASSERT_EQ(record.seq, at / record_bytes) << "memory of somebody else";
    }
    ::close(ends[0]);
    ::close(ends[1]);
}

// All sub-buffers are full when the stream ends: what the begun one holds is polled for, too.
TEST_P(HostileRelayRead, TheRestOfAFullBufferIsPolledFor) {
    Synth synth{"size=64"};
    const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
    const auto file = open_file(channel, 0);
    synth.emit(4000);
    statchan_channel_run run{};
    run.size = sizeof run;
    ASSERT_EQ(::ioctl(channel.device.get(), STATCHAN_IOC_CHANNEL_STOP, &run), 0)
        << std::strerror(errno);
    std::vector<statchan_ledger> cpus(channel.answer.nr_cpus);
    statchan_ledger_req req{};
    req.size = sizeof req;
    req.channel = channel.answer.id;
    req.buf = reinterpret_cast<std::uintptr_t>(cpus.data());
    req.count = channel.answer.nr_cpus;
    ASSERT_EQ(::ioctl(channel.device.get(), STATCHAN_IOC_LEDGER, &req), 0) << std::strerror(errno);
    ASSERT_LT(cpus[0].accepted, 4000U) << "the buffer was not full";

    pollfd ready{.fd = file.get(), .events = POLLIN, .revents = 0};
    std::string bytes;
    std::vector<char> room(4096);
    while (::poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
        const auto got = ::read(file.get(), room.data(), room.size());
        ASSERT_GT(got, 0) << "readable, and nothing there";
        bytes.append(room.data(), static_cast<std::size_t>(got));
    }
    std::uint64_t samples = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        statchan_record record;
        ASSERT_LE(at + sizeof record, bytes.size());
        std::memcpy(&record, bytes.data() + at, sizeof record);
        samples += record.type == STATCHAN_RECORD_SAMPLE ? 1U : 0U;
        at += record.len;
    }
    EXPECT_EQ(samples, cpus[0].accepted);
}

// A large buffer costs no more memory than there is to read.
TEST_P(HostileRelayRead, TouchesWhatItFills) {
    constexpr std::size_t size = 64U << 20;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    Synth synth{"size=64"};
    const RawChannel channel{synth.info().id, STATCHAN_T_RELAY};
    const auto file = open_file(channel, 0);
    synth.emit(20);
    auto* const room =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(room, MAP_FAILED);
    (void)::madvise(room, size, MADV_NOHUGEPAGE);  // some kernels have none
    EXPECT_EQ(::read(file.get(), room, size), static_cast<ssize_t>(20 * record_bytes));
    std::vector<unsigned char> resident(size / page);
    ASSERT_EQ(::mincore(room, size, resident.data()), 0);
    EXPECT_LE(std::count(resident.begin(), resident.end(), 1), 4);
    ::munmap(room, size);
}

class HostileRelayOpen : public OverTransport {};
OVER_TRANSPORTS_WITH(HostileRelayOpen, statchan::Capability::files);

// relay makes the file before it counts the buffer's users: who opens it by then is told that it is
// not there yet, and is not forgotten.
TEST_P(HostileRelayOpen, OfAFileThatIsBeingMade) {
    Synth synth{"size=64"};
    const auto source = synth.info().id;
    std::atomic<std::uint32_t> next{RawChannel{source, STATCHAN_T_RELAY}.answer.id + 1};
    std::atomic<std::uint64_t> opened{0};
    const Meanwhile opens{[&, last = std::string{}]() mutable {
        const auto path =
            "/sys/kernel/debug/statchan/" + std::to_string(next) + "-" + synth.name() + "/cpu0";
        const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (file.get() < 0) return;
        char byte = 0;
        EXPECT_LE(::read(file.get(), &byte, 1), 0);
        opened += path != last ? 1U : 0U;
        last = path;
    }};
    for (int i = 0; i < 30; ++i) {
        const RawChannel channel{source, STATCHAN_T_RELAY};
        EXPECT_TRUE(eventually([&, wanted = i + 1U] { return opened >= wanted; }));
        next = channel.answer.id + 1;
    }
}

// Each allocation in turn, and then more than there is: refused, nothing is left, the next works.
TEST_P(HostileRelayOpen, WithoutMemory) {
    Synth synth{"size=64"};
    for (const auto* place : {"channel", "relay", "relay_folder", "relay_file"}) {
        const Fault fault{place};
        expect_no_memory(client.subscribe(synth.name()), synth.name());
        EXPECT_TRUE(relay_folders().empty());
        EXPECT_TRUE(kernel_areas().empty());
    }
    auto stream = client.subscribe(synth.name());
    ASSERT_OK(stream);
    Reader reader{*stream};
    synth.emit(5);
    EXPECT_TRUE(reader.records(5));
}
