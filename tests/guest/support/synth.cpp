// SPDX-License-Identifier: MIT
#include "synth.hpp"

#include <gtest/gtest.h>
#include <linux/statchan_synth.h>

#include <filesystem>

#include "process.hpp"
#include "transport.hpp"

namespace lab {
namespace {

std::string next_name() {
    static int number = 0;
    return "synth" + std::to_string(++number);
}

std::uint64_t expected(const statchan::Field& field, std::uint64_t generation, std::size_t index) {
    return field.type == statchan::FieldType::gauge ? statchan_synth_gauge(generation, index)
                                                    : statchan_synth_counter(generation, index);
}

}  // namespace

Synth::Synth(std::string_view params, std::string_view name)
    : client_{open_client("ioctl")}, name_{name.empty() ? next_name() : std::string{name}} {
    const auto added = client_.add_source(name_, "synth",
                                          "run=0 ports=1 fields=8 queues=0 " + std::string{params});
    if (!added) throw std::runtime_error{added.error().message()};
}

Synth::~Synth() { remove(); }

statchan::SourceInfo Synth::info() const {
    auto info = client_.source(name_);
    EXPECT_OK(info);
    return info.value_or(statchan::SourceInfo{});
}

void Synth::set(std::string_view params) { EXPECT_OK(client_.set_source(name_, params)); }

void Synth::emit(std::uint64_t count, std::string_view params) {
    set(std::string{params} + " emit=" + std::to_string(count));
}

void Synth::remove() {
    if (removed_) return;
    removed_ = true;
    EXPECT_OK(client_.remove_source(name_));
}

int synth_producer() {
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"})
        if (slurp(entry.path().string() + "/comm").starts_with("statchan_synth/"))
            return std::stoi(entry.path().filename().string());
    return 0;
}

std::string synth_counters(std::uint64_t counters) {
    // 8 fields: the smallest group that has a gauge
    std::uint64_t ports = 1;
    std::uint64_t fields = 8;
    while (ports * fields < counters) (fields < 512 ? fields : ports) *= 2;
    return "ports=" + std::to_string(ports) + " fields=" + std::to_string(fields);
}

void expect_synth_counters(const statchan::SnapshotView& snapshot) {
    const auto generation = snapshot.generation();
    const auto counters = snapshot.counters();
    std::size_t index = 0;
    for (const auto& group : snapshot.schema().groups()) {
        for (std::uint32_t instance = 0; instance < group.instances; ++instance) {
            for (const auto& field : group.fields) {
                const auto wanted = expected(field, generation, index);
                ASSERT_EQ(counters[index], wanted)
                    << group.name << "/" << instance << "/" << field.name << ", value " << index
                    << " of generation " << generation;
                ++index;
            }
        }
    }
    ASSERT_EQ(index, counters.size());
}

}  // namespace lab
