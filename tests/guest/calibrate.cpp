// SPDX-License-Identifier: MIT
//
// STATCHAN_IOC_CALIBRATE: every step is done and timed; what it is given is checked, and nothing
// of its mapping stays.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "support/process.hpp"

using namespace lab;

namespace {

constexpr std::size_t page = 4096;

class Calibrate : public testing::Test {
  protected:
    int device = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    std::vector<char> buffer = std::vector<char>(16U << 20U, 1);
    ~Calibrate() override { ::close(device); }

    [[nodiscard]] std::string sentence() const {
        statchan_error error{};
        error.size = sizeof error;
        EXPECT_EQ(::ioctl(device, STATCHAN_IOC_ERROR, &error), 0);
        return error.text;
    }
    [[nodiscard]] static statchan_calibrate request(std::uint32_t step, std::uint64_t bytes = 0,
                                                    const void* buf = nullptr) {
        statchan_calibrate request{};
        request.size = sizeof request;
        request.step = step;
        request.iterations = 100;
        request.bytes = bytes;
        request.buf = reinterpret_cast<std::uintptr_t>(buf);
        return request;
    }
    [[nodiscard]] int call(statchan_calibrate& request) const {
        return ::ioctl(device, STATCHAN_IOC_CALIBRATE, &request) == 0 ? 0 : errno;
    }
    [[nodiscard]] int call(statchan_calibrate&& wanted) const { return call(wanted); }
    [[nodiscard]] void* map(std::size_t size, int protection = PROT_READ,
                            int flags = MAP_SHARED) const {
        return ::mmap(nullptr, size, protection, flags, device, STATCHAN_MMAP_CALIBRATE);
    }
    void expect_done(statchan_calibrate wanted) const {
        ASSERT_EQ(call(wanted), 0) << wanted.step << ": " << sentence();
        EXPECT_GT(wanted.ns, 0U) << wanted.step;
        if (wanted.iterations == 100) return;
        // The kernel may stop, but not before it has taken long; a debug kernel does.
        EXPECT_GE(wanted.iterations, 1U) << wanted.step;
        EXPECT_GT(wanted.ns, 20'000'000U) << wanted.step;
    }
    void expect_refused(statchan_calibrate wanted, const std::string& because) const {
        EXPECT_EQ(call(wanted), EINVAL) << because;
        EXPECT_NE(sentence().find(because), std::string::npos) << sentence();
    }
};

TEST_F(Calibrate, EveryStepIsTimed) {
    for (const auto step : {STATCHAN_CAL_CLOCK, STATCHAN_CAL_VFS, STATCHAN_CAL_FOP,
                            STATCHAN_CAL_NOBODY, STATCHAN_CAL_UNHEARD})
        expect_done(request(step));
    for (const std::uint64_t bytes : {1U, 64U, 4096U}) {
        expect_done(request(STATCHAN_CAL_SKB, bytes));
        expect_done(request(STATCHAN_CAL_COPY, bytes, buffer.data()));
        EXPECT_EQ(buffer[bytes - 1], 0);
        EXPECT_EQ(buffer[bytes], 1) << "no more than was asked for";
    }
    void* const area = map(256 * page);
    ASSERT_NE(area, MAP_FAILED);
    expect_done(request(STATCHAN_CAL_REMAP, page, area));
    expect_done(request(STATCHAN_CAL_REMAP, 256 * page, area));
    ::munmap(area, 256 * page);
}

TEST_F(Calibrate, OneCallIsBounded) {
    for (const std::uint64_t bytes : {64U, 16U << 20U}) {
        auto most = request(STATCHAN_CAL_COPY, bytes, buffer.data());
        most.iterations = STATCHAN_CAL_ITERATIONS;
        ASSERT_EQ(call(most), 0) << sentence();
        EXPECT_LT(most.iterations, STATCHAN_CAL_ITERATIONS);
        EXPECT_GT(most.iterations, 0U);
        EXPECT_GT(most.ns, 30'000'000U);
    }
}

TEST_F(Calibrate, WhatMakesNoSenseIsRefused) {
    auto wrong = request(STATCHAN_CAL_CLOCK);
    wrong.size = sizeof wrong - 8;
    expect_refused(wrong, "too short");
    wrong = request(STATCHAN_CAL_CLOCK);
    wrong.flags = 1;
    expect_refused(wrong, "flags");
    wrong = request(STATCHAN_CAL_CLOCK);
    wrong.reserved = 1;
    expect_refused(wrong, "reserved");
    wrong = request(STATCHAN_CAL_CLOCK);
    for (const std::uint64_t bad : {0ULL, STATCHAN_CAL_ITERATIONS + 1, ~0ULL}) {
        wrong.iterations = bad;
        expect_refused(wrong, "iterations");
    }
    for (const std::uint32_t bad : {0U, STATCHAN_CAL_UNHEARD + 1U, 0x80000000U, 0xffffffffU})
        expect_refused(request(bad), "step " + std::to_string(bad));
    expect_refused(request(STATCHAN_CAL_CLOCK, 1), "bytes");
    expect_refused(request(STATCHAN_CAL_SKB), "bytes");
    expect_refused(request(STATCHAN_CAL_SKB, 32769), "bytes");
    expect_refused(request(STATCHAN_CAL_COPY, 0, buffer.data()), "bytes");
    expect_refused(request(STATCHAN_CAL_COPY, (16U << 20U) + 1, buffer.data()), "bytes");
    expect_refused(request(STATCHAN_CAL_COPY, ~0ULL, buffer.data()), "bytes");
    expect_refused(request(STATCHAN_CAL_COPY, 64), "needs a buffer");
    expect_refused(request(STATCHAN_CAL_CLOCK, 0, buffer.data()), "takes no buffer");
}

TEST_F(Calibrate, BadBuffersAreErrorsNotCrashes) {
    for (const std::uint64_t bad : {std::uint64_t{0x10}, ~std::uint64_t{4095}}) {
        auto wrong = request(STATCHAN_CAL_COPY, 4096);
        wrong.buf = bad;
        EXPECT_EQ(call(wrong), EFAULT);
        wrong.step = STATCHAN_CAL_REMAP;
        EXPECT_EQ(call(wrong), EINVAL);
    }
    void* const own =
        ::mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect_refused(request(STATCHAN_CAL_REMAP, page, own), "buffer");
    ::munmap(own, 4 * page);
    auto* const area = static_cast<char*>(map(4 * page));
    ASSERT_NE(area, MAP_FAILED);
    expect_refused(request(STATCHAN_CAL_REMAP, 5 * page, area), "buffer");
    expect_refused(request(STATCHAN_CAL_REMAP, page + 1, area), "buffer");
    expect_refused(request(STATCHAN_CAL_REMAP, page, area + 1), "buffer");
    EXPECT_EQ(call(request(STATCHAN_CAL_REMAP, 2 * page, area + 2 * page)), 0);
    ::munmap(area, 4 * page);
}

TEST_F(Calibrate, AreaIsSharedSmallAndNeverWritten) {
    EXPECT_EQ(map(page, PROT_READ | PROT_WRITE), MAP_FAILED);
    EXPECT_EQ(map(page, PROT_READ, MAP_PRIVATE), MAP_FAILED);
    EXPECT_EQ(map(257 * page), MAP_FAILED);
    void* const area = map(page);
    ASSERT_NE(area, MAP_FAILED);
    EXPECT_NE(::mprotect(area, page, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(::mremap(area, page, 2 * page, MREMAP_MAYMOVE), MAP_FAILED);
    ::munmap(area, page);
}

// Outside of the call there is no page, whoever looks.
TEST_F(Calibrate, NothingStaysMapped) {
    void* const area = map(page);
    ASSERT_NE(area, MAP_FAILED);
    ASSERT_EQ(call(request(STATCHAN_CAL_REMAP, page, area)), 0) << sentence();
    const auto look = [&] { return std::to_string(*static_cast<volatile char*>(area)); };
    EXPECT_EQ(in_child(look), "(died: status 139)") << "children have no copy";
    EXPECT_EQ(in_child([&]() -> std::string {
                  const int mine = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
                  const auto* at = static_cast<volatile char*>(
                      ::mmap(nullptr, page, PROT_READ, MAP_SHARED, mine, STATCHAN_MMAP_CALIBRATE));
                  auto wanted = request(STATCHAN_CAL_REMAP, page, const_cast<const char*>(at));
                  if (::ioctl(mine, STATCHAN_IOC_CALIBRATE, &wanted) != 0) return "no";
                  return std::to_string(*at);
              }),
              "(died: status 135)");
    ::munmap(area, page);
}

// Two at once on one area, while a third one maps and unmaps it: no page is freed that is mapped.
TEST_F(Calibrate, OneAreaForManyAtOnce) {
    constexpr std::size_t size = 256 * page;
    auto* const area = static_cast<char*>(map(size));
    ASSERT_NE(area, MAP_FAILED);
    const auto work = [&] {
        for (int i = 0; i < 200; ++i) {
            auto wanted = request(STATCHAN_CAL_REMAP, size, area);
            wanted.iterations = 1000;
            std::ignore = call(wanted);
        }
    };
    std::thread one{work}, two{work};
    for (int i = 0; i < 100; ++i) {
        ::munmap(area, size);
        ASSERT_EQ(
            ::mmap(area, size, PROT_READ, MAP_SHARED | MAP_FIXED, device, STATCHAN_MMAP_CALIBRATE),
            area);
        ::usleep(1000);
    }
    one.join();
    two.join();
    ::munmap(area, size);
}

TEST_F(Calibrate, NeedsTheCapability) {
    ::chmod("/dev/statchan", 0666);
    const auto answer = as_nobody([&]() -> std::string {
        const int mine = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
        if (::mmap(nullptr, page, PROT_READ, MAP_SHARED, mine, STATCHAN_MMAP_CALIBRATE) !=
                MAP_FAILED ||
            errno != EPERM)
            return "mapped";
        auto wanted = request(STATCHAN_CAL_CLOCK);
        if (::ioctl(mine, STATCHAN_IOC_CALIBRATE, &wanted) == 0 || errno != EPERM) return "done";
        statchan_error error{};
        error.size = sizeof error;
        ::ioctl(mine, STATCHAN_IOC_ERROR, &error);
        return error.text;
    });
    ::chmod("/dev/statchan", 0600);
    EXPECT_NE(answer.find("CAP_SYS_ADMIN"), std::string::npos) << answer;
}

}  // namespace
