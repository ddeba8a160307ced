// SPDX-License-Identifier: MIT
#include "fail_nth.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <random>
#include <stdexcept>
#include <utility>
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

std::string read_setting(const std::string& file_path) {
    std::ifstream file{file_path};
    std::string value;
    file >> value;
    if (!file) throw std::runtime_error{"can not read " + file_path};
    return value;
}

void write_setting(const std::string& file_path, const std::string& value) {
    std::ofstream file{file_path};
    file << value << std::flush;
    if (!file) throw std::runtime_error{"can not write " + value + " to " + file_path};
}

// As they come, the injectors spare all allocations that may sleep, and single pages.
void spare_nothing() {
    for (const auto& [name, value] :
         {std::pair{"failslab/ignore-gfp-wait", "N"}, std::pair{"failslab/verbose", "0"},
          std::pair{"fail_page_alloc/ignore-gfp-wait", "N"},
          std::pair{"fail_page_alloc/ignore-gfp-highmem", "N"},
          std::pair{"fail_page_alloc/min-order", "0"}, std::pair{"fail_page_alloc/verbose", "0"},
          std::pair{"fail_usercopy/verbose", "0"}})
        write_setting(std::string{"/sys/kernel/debug/"} + name, value);
}

void ready_injectors() {
    static const bool ready = (spare_nothing(), true);
    (void)ready;
}

// A setting of theirs, when all are as they should be.
std::string injector(const std::string& name) {
    ready_injectors();
    return "/sys/kernel/debug/" + name;
}

// So many failures, of which the kernel counts how many are left.
constexpr unsigned more_than_come = 1'000'000;

// At most so many of an operation's places are tried.
unsigned most_attempts(unsigned tries) {
    const char* given = std::getenv("STATCHAN_FAIL_ATTEMPTS");
    return std::max(1U, given == nullptr ? tries : static_cast<unsigned>(std::stoul(given)));
}

// Chooses the places, where not all are tried: else the same few would be tried for ever.
unsigned fail_seed() {
    static const unsigned seed = [] {
        const char* given = std::getenv("STATCHAN_FAIL_SEED");
        const auto chosen =
            given == nullptr ? std::random_device{}() : static_cast<unsigned>(std::stoul(given));
        // Now, as the kernel may not live to see the table.
        std::printf("the same places again: STATCHAN_FAIL_SEED=%u\n", chosen);
        std::fflush(stdout);
        return chosen;
    }();
    return seed;
}

// The program's own memory comes from the kernel, too.
Refusal try_it(const std::function<Refusal()>& attempt) {
    try {
        return attempt();
    } catch (const std::bad_alloc&) {
        return refusal_by(ENOMEM);
    }
}

// "ENOMEM"
std::string name_of(const statchan::Error& error) {
    const char* name = error.code.category() == std::generic_category()
                           ? ::strerrorname_np(error.code.value())
                           : nullptr;
    return name != nullptr ? name : error.code.message();
}

}  // namespace

Refusal refusal_by(int err) {
    if (err == 0) return std::nullopt;
    return statchan::Error{.code = {err, std::generic_category()}, .reason = std::strerror(err)};
}

bool is_one_of(const statchan::Error& error, const Errors& errors) {
    return std::any_of(errors.begin(), errors.end(),
                       [&](std::errc expected) { return error.is(expected); });
}

Setting::Setting(std::string path, const std::string& value)
    : path_{std::move(path)}, before_{read_setting(path_)} {
    write_setting(path_, value);
}

Setting::~Setting() {
    std::ofstream file{path_};
    file << before_ << std::flush;
    EXPECT_TRUE(file.good()) << path_ << " can not be set back to " << before_;
}

FailNth::FailNth(unsigned nth, int task) : nth_{nth} {
    ready_injectors();
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

FailPages::FailPages(unsigned order)
    : order_{injector("fail_page_alloc/min-order"), std::to_string(order)},
      times_{injector("fail_page_alloc/times"), std::to_string(more_than_come)},
      probability_{injector("fail_page_alloc/probability"), "100"} {}

unsigned FailPages::failed() const {
    return more_than_come -
           static_cast<unsigned>(std::stoul(read_setting(injector("fail_page_alloc/times"))));
}

namespace {

// All of n numbers from first on, or as many as wanted: one of each part of them, by chance. Not
// every k-th: what a debug kernel allocates beside each allocation, and can do without, is every
// second.
std::vector<unsigned> spread(unsigned first, unsigned n, unsigned most) {
    const auto parts = std::min(n, most);
    std::vector<unsigned> chosen;
    std::minstd_rand chance{parts < n ? fail_seed() : 1};
    for (std::uint64_t i = 0; i < parts; ++i) {
        const auto begin = static_cast<unsigned>(i * n / parts);
        const auto end = static_cast<unsigned>((i + 1) * n / parts);
        chosen.push_back(first + begin + static_cast<unsigned>(chance() % (end - begin)));
    }
    return chosen;
}

// Nothing fails, since it does not come so far.
unsigned places_of(const std::string& name, const Operation& operation) {
    operation.before();
    unsigned places = 0;
    {
        const FailNth fault{FailNth::far};
        const auto refused = try_it(operation.attempt);
        places = fault.passed();
        EXPECT_FALSE(refused) << name << ", without a fault: " << refused->message();
    }
    operation.after();
    return places;
}

}  // namespace

FaultCounts fail_every_place(const std::string& name, const Operation& operation) {
    const auto end = places_of(name, operation);
    const auto first = end - std::min(end, operation.last) + 1;
    FaultCounts counts{.places = end + 1 - first};
    const auto most = most_attempts(operation.tries);
    for (const auto nth : spread(first, counts.places, most)) {
        const auto place = name + ", place " + std::to_string(nth) + " of " + std::to_string(end);
        SCOPED_TRACE(most < counts.places
                         ? place + ", STATCHAN_FAIL_SEED=" + std::to_string(fail_seed())
                         : place);
        Refusal refused;
        operation.before();
        {
            const FailNth fault{nth};
            refused = try_it(operation.attempt);
            // It may be less far this time.
            if (fault.fired()) ++counts.failed;
        }
        if (refused) {
            EXPECT_TRUE(is_one_of(*refused, operation.errors))
                << place << ": " << name_of(*refused)
                << " is no error of it when something lacks: " << refused->message();
            ++counts.refused;
        }
        SCOPED_TRACE(refused ? "refused: " + refused->message() : "worked");
        operation.after();
        if (testing::Test::HasFailure()) break;
    }
    EXPECT_EQ(counts.failed == 0, operation.calls_nothing)
        << name << ": " << counts.failed << " places could be made to fail";
    EXPECT_LE(counts.refused, counts.failed) << name << ": refused, though nothing failed";
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
        "those are spread over all (STATCHAN_FAIL_ATTEMPTS), others each time "
        "(STATCHAN_FAIL_SEED).\n\n");
    std::fflush(stdout);
}

}  // namespace lab
