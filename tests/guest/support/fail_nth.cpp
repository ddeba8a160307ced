// SPDX-License-Identifier: MIT
#include "fail_nth.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace lab {
namespace {

struct Row {
    std::string operation;
    std::string transport;
    FaultCounts counts;
};

std::vector<Row>& rows() {
    static std::vector<Row> all;
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

// 1: every place.
unsigned stride() {
    const char* given = std::getenv("STATCHAN_FAIL_STRIDE");
    return given == nullptr ? 1 : static_cast<unsigned>(std::stoul(given));
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
bool FailNth::fired() const {
    char text[16] = {};
    return ::pread(fd_, text, sizeof text - 1, 0) > 0 && std::stoul(text) == 0;
}

FaultCounts fail_every_place(const Operation& operation) {
    constexpr unsigned no_end = 5000;
    FaultCounts counts;
    for (unsigned nth = 1; nth < no_end; nth += stride()) {
        SCOPED_TRACE("place " + std::to_string(nth));
        Refusal refused;
        bool fired = false;
        operation.before();
        {
            const FailNth fault{nth};
            refused = try_it(operation.attempt);
            fired = fault.fired();
        }
        if (refused) {
            EXPECT_TRUE(fired) << "nothing failed, but: " << refused->message();
            EXPECT_TRUE(is_fault(*refused)) << refused->code << ' ' << refused->message();
            ++counts.refused;
        }
        SCOPED_TRACE(refused ? "refused: " + refused->message() : "worked");
        operation.after();
        if (!fired || testing::Test::HasFailure()) return counts;
        ++counts.places;
    }
    ADD_FAILURE() << "it has no end";
    return counts;
}

void report_faults(const std::string& operation, const std::string& transport,
                   const FaultCounts& counts) {
    rows().push_back({operation, transport, counts});
}

void FaultTable::OnTestIterationEnd(const testing::UnitTest&, int) {
    if (rows().empty()) return;
    FaultCounts all;
    std::printf("\n%-30s%-12s%10s%10s%10s\n", "failing memory", "transport", "places", "refused",
                "worked");
    for (const auto& [operation, transport, counts] : rows()) {
        std::printf("%-30s%-12s%10u%10u%10u\n", operation.c_str(), transport.c_str(), counts.places,
                    counts.refused, counts.places - counts.refused);
        all.places += counts.places;
        all.refused += counts.refused;
    }
    if (stride() != 1) std::printf("1 place in %u (STATCHAN_FAIL_STRIDE)\n", stride());
    std::printf("%-42s%10u%10u%10u\n", (std::to_string(rows().size()) + " operations").c_str(),
                all.places, all.refused, all.places - all.refused);
    std::fflush(stdout);
}

}  // namespace lab
