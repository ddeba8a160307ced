// SPDX-License-Identifier: MIT
//
// What the fuzzer knows of <linux/statchan.h>: the calls, and what their fields mean, so that
// most calls come further than the first check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fuzz {

/// What a field of a structure, or an attribute, holds.
enum class Kind {
    size,     ///< of the structure itself
    source,   ///< id of a source
    channel,  ///< id of a channel
    choice,   ///< one of a few: 0 to limit, and one beyond
    flags,    ///< bits below limit
    name,     ///< of a source
    kind,     ///< of sources: synth, netdev
    params,   ///< "key=value key=value"; in a structure a pointer to it
    buffer,   ///< pointer to memory of the caller
    length,   ///< of that memory
    count,    ///< of entries in it
    time,     ///< ns
    bytes,    ///< of a kernel buffer
    zero,     ///< reserved
    any,
};

struct Field {
    std::size_t offset;
    std::size_t size;
    Kind kind;
    std::uint64_t limit = 0;
    /// The kernel's answer holds an id here that later calls can use.
    bool answers = false;
};

struct Ioctl {
    std::string_view name;
    unsigned long request;
    std::size_t size;
    std::vector<Field> fields;
};

struct Attribute {
    std::uint16_t type;
    Kind kind;
    std::size_t size;  ///< 0: a string or a nest
    std::uint64_t limit = 0;
    bool nest = false;
};

struct Command {
    std::string_view name;
    std::uint8_t number;
    std::vector<Attribute> attributes;
};

const std::vector<Ioctl>& ioctls();
const std::vector<Command>& commands();
/// Attributes inside of STATCHAN_A_CONFIG.
const std::vector<Attribute>& config_attributes();

/// Names of sources that programs use, and of kinds, and parameters.
extern const std::vector<std::string_view> names;
extern const std::vector<std::string_view> kinds;
extern const std::vector<std::string_view> params;

}  // namespace fuzz
