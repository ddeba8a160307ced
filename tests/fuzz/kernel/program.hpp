// SPDX-License-Identifier: MIT
//
// A program of the fuzzer: calls in a row. All that it says is numbers, so that it can be changed
// anywhere and is still a program.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "chance.hpp"

namespace fuzz {

enum class Op : std::uint8_t {
    open_device,
    open_text,   ///< a file in /proc/net/statchan
    open_relay,  ///< a file of a relay channel
    open_socket,
    ioctl,
    netlink,
    receive,
    join,
    set_receive_buffer,
    read,
    pread,
    write,
    poll,
    splice,
    map,
    unmap,
    protect,
    remap,
    advise,
    poke,
    peek,
    fork,
    duplicate,
    close,
    last_op = close,
};

/// An argument. Meant: what the call expects there, and the number chooses which. Else the number
/// itself.
struct Value {
    bool meant = true;
    std::uint64_t number = 0;
};

struct Call {
    static constexpr std::size_t n_values = 16;

    Op op{};
    std::uint32_t which = 0;  ///< which ioctl, which command, ...
    std::uint32_t on = 0;     ///< which open file, which mapping
    std::uint32_t flags = 0;  ///< of a netlink message; which of its attributes are there
    std::array<Value, n_values> values{};
};

using Program = std::vector<Call>;

Call random_call(Chance& chance);
Program random_program(Chance& chance);
/// A program like @p parent, with some of @p other.
Program changed(const Program& parent, const Program& other, Chance& chance);
/// One line per call, for whoever has to find out what it did.
std::string describe(const Program& program);

}  // namespace fuzz
