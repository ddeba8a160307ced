// SPDX-License-Identifier: MIT
//
// What a program may do to a mapping of the kernel's memory, and what becomes of it: it stays
// read-only, it shows nothing else, its accounts balance, and it is there as long as it is mapped.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "support/fault.hpp"
#include "support/kernel.hpp"
#include "support/mappable.hpp"
#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"
#include "support/wait.hpp"

using namespace lab;

namespace {

class HostileMapping : public testing::TestWithParam<std::string> {
  protected:
    Synth synth{"size=64 " + synth_counters(2048)};
    Mappable target{GetParam(), synth.info().id};
    const std::size_t page = page_size();

    void expect_refused(std::uint64_t offset, std::size_t len, int prot, int flags,
                        const char* what) const {
        auto* const at = target.map(offset, len, prot, flags);
        EXPECT_EQ(at, MAP_FAILED) << what;
        if (at != MAP_FAILED) ::munmap(at, len);
    }
    /// Nothing of the target is left: no channel, and the modules have no users.
    static void expect_gone() {
        auto client = open_client("ioctl");
        EXPECT_TRUE(eventually([&] { return client.channels()->empty(); }));
        EXPECT_TRUE(eventually([] { return module_users("statchan_synth") == 0; }));
    }
};

class HostileWritable : public HostileMapping {};
class HostileSplit : public HostileMapping {};
class HostileFork : public HostileMapping {};
class HostileUseAfterClose : public HostileMapping {};
class HostileOffsets : public HostileMapping {};

// In a child, so that what dies is not the test: whether it can read there.
bool child_can_read(const std::byte* at) {
    return in_child([&]() -> std::string {
               int ends[2];
               if (::pipe(ends) != 0) return "no pipe";
               // the kernel's own copy faults and says so, where a load would kill
               return ::write(ends[1], at, 1) == 1 ? "read" : "not there";
           }) == "read";
}

}  // namespace

#define OVER_ALL_MAPPINGS(suite) \
    INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(mappables()), parameter_name)
OVER_ALL_MAPPINGS(HostileWritable);
OVER_ALL_MAPPINGS(HostileSplit);
OVER_ALL_MAPPINGS(HostileFork);
OVER_ALL_MAPPINGS(HostileUseAfterClose);
OVER_ALL_MAPPINGS(HostileOffsets);

TEST_P(HostileWritable, NeitherWhenItIsMapped) {
    const auto at = target.offset();
    expect_refused(at, target.len(), PROT_READ | PROT_WRITE, MAP_SHARED, "writable");
    expect_refused(at, target.len(), PROT_WRITE, MAP_SHARED, "only written");
    expect_refused(at, target.len(), PROT_READ | PROT_EXEC, MAP_SHARED, "executable");
    expect_refused(at, target.len(), PROT_READ, MAP_PRIVATE, "private");
    expect_refused(at, target.len(), PROT_READ | PROT_WRITE, MAP_PRIVATE, "private, writable");
    expect_refused(at, target.len(), PROT_NONE, MAP_PRIVATE, "private, nothing yet");
}

TEST_P(HostileWritable, NorLater) {
    for (const int first : {PROT_READ, PROT_NONE}) {
        auto* const at = target.map(first, MAP_SHARED);
        ASSERT_NE(at, MAP_FAILED) << std::strerror(errno);
        for (const int later : {PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC}) {
            EXPECT_EQ(::mprotect(at, target.len(), later), -1) << later;
            EXPECT_EQ(errno, EACCES);
            EXPECT_EQ(::mprotect(at, page, later), -1) << later;
        }
        EXPECT_EQ(::mprotect(at, target.len(), PROT_READ), 0);
        ::munmap(at, target.len());
    }
}

// Ways around the protection of one's own pages that work for other memory.
TEST_P(HostileWritable, NorByTheBackDoor) {
    auto* const at = target.map();
    const auto where = reinterpret_cast<std::uintptr_t>(at);
    const std::uint64_t poison = ~0ULL;
    const Descriptor memory{::open("/proc/self/mem", O_RDWR | O_CLOEXEC)};
    EXPECT_EQ(::pwrite(memory.get(), &poison, sizeof poison, static_cast<off_t>(where)), -1);
    iovec from{.iov_base = const_cast<std::uint64_t*>(&poison), .iov_len = sizeof poison};
    iovec to{.iov_base = at, .iov_len = sizeof poison};
    EXPECT_EQ(::process_vm_writev(::getpid(), &from, 1, &to, 1, 0), -1);
    EXPECT_EQ(::madvise(at, target.len(), MADV_REMOVE), -1) << "a hole";
    const Descriptor zero{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    EXPECT_EQ(::read(zero.get(), at, 8), -1) << "as a buffer of read()";
    ::munmap(at, target.len());
}

TEST_P(HostileSplit, LeavesNoAccountOpen) {
    auto* const at = target.map();
    auto* const other = target.map();
    const auto half = target.len() / 2 / page * page;
    EXPECT_EQ(::munmap(at + half, page), 0) << "a hole";
    EXPECT_NE(::mmap(at + page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              MAP_FAILED);
    // a part of one goes over the other, and elsewhere
    EXPECT_NE(::mremap(at, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, other + page), MAP_FAILED);
    EXPECT_NE(::mprotect(other + 2 * page, page, PROT_NONE), -1) << "three areas of one";
    if (target.has_pages()) {
        EXPECT_EQ(std::memcmp(other, other + page, 8), 0) << "the first page, moved";
    }
    target.close();
    ::munmap(at, target.len());
    ::munmap(other, target.len());
    expect_gone();
}

// A snapshot's memory goes back, while its source lives, once the kernel counts no mapping of it:
// one counted too often or too seldom is one that is never given back.
TEST(HostileAccounts, OfSplitAndOfRefusedMappings) {
    const Synth synth{synth_counters(2048)};
    const auto page = page_size();
    const auto before = kernel_areas();
    {
        Mappable target{"mmap_snapshot", synth.info().id};
        auto* const at = target.map();
        ASSERT_GE(target.len(), 4 * page);
        EXPECT_EQ(::munmap(at + page, page), 0) << "two areas of one";
        EXPECT_NE(::mremap(at + 2 * page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, at + page),
                  MAP_FAILED);
        for (int i = 0; i < 3; i++) {
            const Fault fault{"snapshot_map"};
            EXPECT_EQ(target.map(PROT_READ, MAP_SHARED), MAP_FAILED);
            EXPECT_EQ(errno, ENOMEM);
        }
        EXPECT_GT(kernel_areas().size(), before.size());
        ::munmap(at, target.len());
    }
    EXPECT_TRUE(eventually([&] { return kernel_areas() == before; }, 3 * patience));
}

TEST_P(HostileSplit, NeverGrows) {
    auto* const at = target.map();
    EXPECT_EQ(::mremap(at, target.len(), target.len() + page, MREMAP_MAYMOVE), MAP_FAILED);
    EXPECT_EQ(::mremap(at, page, 2 * page, MREMAP_MAYMOVE), MAP_FAILED);
    EXPECT_EQ(::mremap(at, 0, page, MREMAP_MAYMOVE), MAP_FAILED) << "a second one, of old size 0";
    EXPECT_EQ(::mremap(at, 0, 2 * target.len(), MREMAP_MAYMOVE), MAP_FAILED);
    EXPECT_EQ(::mremap(at, page, page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr), MAP_FAILED);
    ::munmap(at, target.len());
}

TEST_P(HostileFork, ChildDoesNotSeeIt) {
    auto* const first = target.map();
    auto* const second = target.map();
    EXPECT_FALSE(child_can_read(first));
    EXPECT_FALSE(child_can_read(second));
    ::munmap(first, target.len());
    ::munmap(second, target.len());
}

// MADV_DOFORK takes VM_DONTCOPY away. Then the child has a part in it, and in its life.
TEST_P(HostileFork, ChildThatSeesItKeepsIt) {
    auto* const at = target.map();
    ASSERT_EQ(::madvise(at, target.len(), MADV_DOFORK), 0) << std::strerror(errno);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const auto child = ::fork();
    if (child == 0) {
        ::close(ends[1]);
        target.close();
        char byte = 0;
        (void)!::read(ends[0], &byte, 1);  // until the parent has let go of all
        int own[2];
        const bool there = ::pipe(own) == 0 && ::write(own[1], at, 8) == 8;
        std::_Exit(there == target.has_pages() ? 0 : 1);
    }
    ::close(ends[0]);
    ::munmap(at, target.len());
    target.close();
    if (target.holds_channel()) {
        EXPECT_FALSE(open_client("ioctl").channels()->empty()) << "the child has it";
    } else {
        EXPECT_TRUE(eventually([] { return open_client("ioctl").channels()->empty(); }));
    }
    ::close(ends[1]);
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    expect_gone();
}

namespace {

constexpr char filling = '\xa5';

// Who gets freed memory first: others that fill it.
class OthersFillMemory {
  public:
    OthersFillMemory() : file_{::memfd_create("filler", MFD_CLOEXEC)} {
        const std::vector<char> filler(1U << 20, filling);
        for (int i = 0; i < 16; ++i)
            EXPECT_EQ(::write(file_.get(), filler.data(), filler.size()),
                      static_cast<ssize_t>(filler.size()));
    }

  private:
    Descriptor file_;
};

bool is_of_others(std::span<const std::byte> bytes) {
    const std::vector<std::byte> run(64, std::byte{static_cast<unsigned char>(filling)});
    return std::search(bytes.begin(), bytes.end(), run.begin(), run.end()) != bytes.end();
}

}  // namespace

TEST_P(HostileUseAfterClose, PagesStay) {
    synth.emit(5);
    auto* const at = target.map();
    target.close();
    std::ofstream{"/proc/sys/vm/drop_caches"} << 3;
    if (target.has_pages()) {
        synth.emit(5, "cpus=2");  // the ring that is mapped is of the last
        synth.remove();
        const OthersFillMemory others;
        EXPECT_FALSE(is_of_others({at, target.len()}));
    } else {
        EXPECT_FALSE(child_can_read(at));
    }
    ::munmap(at, target.len());
    expect_gone();
}

// A pipe has taken the pages themselves: they are not given to others while it has them.
TEST_P(HostileUseAfterClose, PagesInAPipeStay) {
    auto* const at = target.map();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    iovec part{.iov_base = at, .iov_len = page};
    const auto taken = ::vmsplice(ends[1], &part, 1, 0);
    EXPECT_EQ(taken, target.has_pages() ? static_cast<ssize_t>(page) : -1);
    std::vector<std::byte> before(page);
    if (taken > 0) std::memcpy(before.data(), at, page);
    ::munmap(at, target.len());
    target.close();
    synth.remove();
    expect_gone();
    const OthersFillMemory others;
    if (taken > 0) {
        std::vector<std::byte> after(page);
        EXPECT_EQ(::read(ends[0], after.data(), page), static_cast<ssize_t>(page));
        EXPECT_FALSE(is_of_others(after));
    }
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_P(HostileOffsets, AreChecked) {
    const auto at = target.offset();
    const auto refused = [&](std::uint64_t offset, std::size_t len, const char* what) {
        expect_refused(offset, len, PROT_READ, MAP_SHARED, what);
    };
    refused(at + target.len(), target.len(), "behind it");
    refused(at + target.len(), page, "a page behind it");
    refused(at + page, target.len(), "begins later, so ends later");
    refused(at, 256U << 20, "longer than it");
    refused(at, 1ULL << 46, "as long as all memory");
    for (unsigned bit = 13; bit < 63; ++bit) {
        const auto far = at + (1ULL << bit);
        if (far % page != 0 || (far >= at && far - at < 4 * target.len())) continue;
        // what else there is to map lies at offsets of its own
        auto* const found = target.map(far, target.len(), PROT_READ, MAP_SHARED);
        EXPECT_TRUE(found == MAP_FAILED || far == STATCHAN_MMAP_CALIBRATE) << "bit " << bit;
        if (found != MAP_FAILED) ::munmap(found, target.len());
    }
    for (const auto end : {0ULL, 1ULL << 63, 1ULL << 52, 1ULL << 44})
        refused(end - page, 2 * page, "over the end of what can be counted");
}
