// SPDX-License-Identifier: MIT
#include "fault.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace lab {
namespace {

constexpr const char* path = "/sys/kernel/debug/statchan/faults";

// So far that no test comes there.
constexpr std::uint64_t far = 1ULL << 40;

void set(const std::string& place, std::uint64_t nth, std::uint64_t count) {
    const auto text = place + " " + std::to_string(nth) + " " + std::to_string(count);
    const int err = write_faults(text);
    EXPECT_EQ(err, 0) << text << ": " << std::strerror(err);
}

FaultState state_of(const std::string& place) {
    const auto places = fault_places();
    const auto found = places.find(place);
    EXPECT_NE(found, places.end()) << "no place " << place;
    return found == places.end() ? FaultState{} : found->second;
}

}  // namespace

std::map<std::string, FaultState> fault_places() {
    std::map<std::string, FaultState> places;
    std::ifstream file{path};
    std::string name;
    for (FaultState state; file >> name >> state.before >> state.left >> state.failed;)
        places[name] = state;
    EXPECT_TRUE(file.eof()) << path << " can not be read";
    return places;
}

int write_faults(const std::string& text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    const ssize_t written = ::write(fd, text.data(), text.size());
    const int err = written < 0 ? errno : 0;
    ::close(fd);
    return err;
}

Fault::Fault(std::string place, std::uint64_t nth, std::uint64_t count)
    : place_{std::move(place)}, count_{count}, fired_before_{state_of(place_).failed} {
    set(place_, nth, count);
}

Fault::~Fault() {
    if (count_ == always)
        EXPECT_GT(fired(), 0U) << place_ << " did not fail";
    else
        EXPECT_EQ(fired(), count_) << place_ << " did not fail as often";
    set(place_, 0, 1);
}

std::uint64_t Fault::fired() const { return state_of(place_).failed - fired_before_; }

FaultCount::FaultCount(std::string place) : place_{std::move(place)} { set(place_, far, 1); }

FaultCount::~FaultCount() { set(place_, 0, 1); }

std::uint64_t FaultCount::uses() const { return far - 1 - state_of(place_).before; }

void expect_no_memory(const std::optional<statchan::Error>& error, const std::string& object) {
    ASSERT_TRUE(error) << "it worked";
    const auto text = error->message();
    EXPECT_TRUE(error->is(std::errc::not_enough_memory)) << text;
    EXPECT_NE(text.find("'" + object + "'"), std::string::npos) << text;
}

}  // namespace lab
