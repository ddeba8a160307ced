// SPDX-License-Identifier: MIT
//
// Whether what came is what a source of kind synth documents, in linux/statchan_synth.h.
#pragma once

#include <linux/statchan_synth.h>

#include <statchan/statchan.hpp>

namespace statctl::measure {

[[nodiscard]] inline bool is_genuine(const statchan::Sample& sample) {
    const auto payload = sample.payload();
    const auto size = static_cast<std::uint32_t>(payload.size());
    return statchan_synth_check(payload.data(), size, sample.cpu(), sample.seq()) == size;
}

[[nodiscard]] inline bool is_genuine(const statchan::SnapshotView& snapshot) {
    const auto generation = snapshot.generation();
    for (const auto& group : snapshot.schema().groups())
        for (std::size_t i = 0; i < group.instances * group.fields.size(); ++i) {
            const auto index = group.first_counter + i;
            const bool gauge =
                group.fields[i % group.fields.size()].type == statchan::FieldType::gauge;
            if (snapshot.counters()[index] != (gauge ? statchan_synth_gauge(generation, index)
                                                     : statchan_synth_counter(generation, index)))
                return false;
        }
    return true;
}

}  // namespace statctl::measure
