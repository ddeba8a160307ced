// SPDX-License-Identifier: MIT
#include "fail_nth.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace lab {
namespace {

struct FaultRow {
    std::string operation;
    std::string transport;
    FaultCounts counts;
};

std::vector<FaultRow>& fault_rows() {
    static std::vector<FaultRow> all;
    return all;
}

void write_setting(const std::string& name, const std::string& value) {
    std::ofstream file{"/sys/kernel/debug/" + name};
    file << value << std::flush;
    if (!file) throw std::runtime_error{"can not write " + value + " to " + name};
}

// As they come, the injectors spare all allocations that may sleep, and single pages.
void spare_nothing() {
    write_setting("failslab/ignore-gfp-wait", "N");
    write_setting("failslab/verbose", "0");
    write_setting("fail_page_alloc/ignore-gfp-wait", "N");
    write_setting("fail_page_alloc/ignore-gfp-highmem", "N");
    write_setting("fail_page_alloc/min-order", "0");
    write_setting("fail_page_alloc/verbose", "0");
    write_setting("fail_usercopy/verbose", "0");
}

// At most so many of an operation's places are tried.
unsigned most_attempts(unsigned tries) {
    const char* given = std::getenv("STATCHAN_FAIL_ATTEMPTS");
    return given == nullptr ? tries : std::min(tries, static_cast<unsigned>(std::stoul(given)));
}

// The program's own memory comes from the kernel, too.
Refusal try_it(const std::function<Refusal()>& attempt) {
    try {
        return attempt();
    } catch (const std::bad_alloc&) {
        return statchan::Error{std::make_error_code(std::errc::not_enough_memory)};
    }
}

}  // namespace

bool is_fault(const statchan::Error& error) {
    return error.is(std::errc::not_enough_memory) || error.is(std::errc::no_buffer_space) ||
           error.is(std::errc::bad_address) ||
           error.is(std::errc::too_many_files_open_in_system) ||  // a socket without its file
           error.is(std::errc::no_space_on_device);  // BPF's verifier could not write its log
}

FailNth::FailNth(unsigned nth, int task) {
    static const bool ready = (spare_nothing(), true);
    (void)ready;
    const auto path =
        "/proc/" + (task == 0 ? std::string{"thread-self"} : std::to_string(task)) + "/fail-nth";
    fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const auto text = std::to_string(nth);
    if (fd_ < 0 || ::write(fd_, text.data(), text.size()) < 0)
        throw std::system_error{errno, std::generic_category(), path};
}

FailNth::~FailNth() {
    ::pwrite(fd_, "0", 1, 0);
    ::close(fd_);
}

// To read it is a copy to user space: it fails if that one was the n-th, so nothing else was.
unsigned FailNth::left() const {
    char text[16] = {};
    return ::pread(fd_, text, sizeof text - 1, 0) > 0 ? static_cast<unsigned>(std::stoul(text)) : 1;
}

namespace {

// Nothing fails, since it does not come so far.
unsigned places_of(const Operation& operation) {
    constexpr unsigned far = 1U << 30;
    operation.before();
    unsigned places = 0;
    {
        const FailNth fault{far};
        const auto refused = try_it(operation.attempt);
        places = far - fault.left();
        EXPECT_FALSE(refused) << "without a fault: " << refused->message();
    }
    operation.after();
    return places;
}

}  // namespace

FaultCounts fail_every_place(const Operation& operation) {
    FaultCounts counts{.places = places_of(operation)};
    const auto most = most_attempts(operation.tries);
    const auto stride = (counts.places + most - 1) / most;
    for (unsigned nth = 1; nth <= counts.places; nth += stride) {
        SCOPED_TRACE("place " + std::to_string(nth));
        Refusal refused;
        operation.before();
        {
            const FailNth fault{nth};
            refused = try_it(operation.attempt);
            // It may be less far this time.
            if (fault.fired()) ++counts.failed;
        }
        if (refused) {
            EXPECT_TRUE(is_fault(*refused)) << refused->code << ' ' << refused->message();
            ++counts.refused;
        }
        SCOPED_TRACE(refused ? "refused: " + refused->message() : "worked");
        operation.after();
        if (testing::Test::HasFailure()) break;
    }
    EXPECT_EQ(counts.failed == 0, operation.calls_nothing) << "nothing could be made to fail";
    EXPECT_LE(counts.refused, counts.failed) << "refused, though nothing failed";
    return counts;
}

void report_faults(const std::string& operation, const std::string& transport,
                   const FaultCounts& counts) {
    fault_rows().push_back({operation, transport, counts});
}

void FaultTable::OnTestIterationEnd(const testing::UnitTest&, int) {
    if (fault_rows().empty()) return;
    FaultCounts all;
    const auto print = [](const std::string& operation, const std::string& transport,
                          const FaultCounts& counts) {
        std::printf("%-30s%-12s%10u%10u%10u%10u%10u\n", operation.c_str(), transport.c_str(),
                    counts.places, counts.failed, counts.refused, counts.failed - counts.refused,
                    counts.kept);
    };
    std::printf("\n%-30s%-12s%10s%10s%10s%10s%10s\n", "failing memory", "transport", "places",
                "failed", "refused", "worked", "kept");
    for (const auto& [operation, transport, counts] : fault_rows()) {
        print(operation, transport, counts);
        all.places += counts.places;
        all.failed += counts.failed;
        all.refused += counts.refused;
        all.kept += counts.kept;
    }
    print(std::to_string(fault_rows().size()) + " operations", "", all);
    std::printf(
        "worked: all the same. kept: files, channels, sources and memory that an attempt left "
        "behind; "
        "more than 0 fails the test.\nOf an operation with more places than were made to fail, "
        "those are spread over all (STATCHAN_FAIL_ATTEMPTS).\n\n");
    std::fflush(stdout);
}

}  // namespace lab
