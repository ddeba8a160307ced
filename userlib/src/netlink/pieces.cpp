// SPDX-License-Identifier: MIT
#include "pieces.hpp"

#include <fmt/format.h>

namespace statchan::detail {

Result<void> Pieces::begin(const Attrs& attrs) {
    const auto generation = attrs.u64(STATCHAN_A_GENERATION);
    if (length_) {
        if (generation != generation_)
            return fail_data(task_, fmt::format("pieces of generations {} and {}",
                                                generation_.value_or(0), generation.value_or(0)));
        return {};
    }
    const auto length = attrs.u64(STATCHAN_A_LENGTH);
    if (!length || *length == 0 || *length > max_bytes_)
        return fail_data(task_,
                         fmt::format("its length of {} bytes makes no sense", length.value_or(0)));
    length_ = length;
    generation_ = generation;
    digest_ = attrs.u64(STATCHAN_A_DIGEST);
    return {};
}

Result<void> Pieces::copy(const Attrs& attrs) {
    const auto offset = attrs.u64(STATCHAN_A_OFFSET);
    const auto data = attrs.bytes(STATCHAN_A_DATA);
    if (!offset || *offset != filled_ || data.empty() || data.size() > *length_ - filled_) {
        return fail_data(task_, fmt::format("a piece of {} bytes at {} where {} of {} are there",
                                            data.size(), offset.value_or(0), filled_, *length_));
    }
    // A socket that knew the place has received it there.
    if (data.data() != place().data()) std::memcpy(place().data(), data.data(), data.size());
    filled_ += data.size();
    return {};
}

Result<std::span<const std::byte>> Pieces::finish() const {
    if (!length_ || filled_ != *length_)
        return fail_data(task_,
                         fmt::format("only {} of {} bytes came", filled_, length_.value_or(0)));
    return to_.first(static_cast<std::size_t>(filled_));
}

}  // namespace statchan::detail
