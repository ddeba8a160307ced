// SPDX-License-Identifier: MIT
#include "program.hpp"

#include <linux/statchan.h>

#include <algorithm>

#include "interface.hpp"

namespace fuzz {
namespace {

constexpr std::size_t longest = 24;
// The events' group, and those that the first channels get.
constexpr std::size_t genl_groups_used = 3;

// Some calls are worth more than others.
constexpr std::array likely{
    Op::open_device, Op::open_device, Op::ioctl,   Op::ioctl, Op::ioctl,   Op::ioctl, Op::ioctl,
    Op::ioctl,       Op::netlink,     Op::netlink, Op::map,   Op::receive, Op::read,  Op::poke,
};

Value random_value(Chance& chance) {
    return {.meant = !chance.one_in(8),
            .number = chance.one_in(3) ? chance.number() : chance.below(8)};
}

void change_call(Call& call, Chance& chance) {
    switch (chance.below(5)) {
        case 0:
            call.which = static_cast<std::uint32_t>(chance.any());
            break;
        case 1:
            call.on = static_cast<std::uint32_t>(chance.below(8));
            break;
        case 2:
            call.flags = static_cast<std::uint32_t>(chance.any());
            break;
        default:
            chance.of(call.values) = random_value(chance);
    }
}

// A call of that name, with arguments that it understands, on the first file that was opened.
template <class List>
Call call_of(Op op, const List& all, std::string_view name, Chance& chance) {
    auto call = random_call(chance);
    call.op = op;
    call.which = static_cast<std::uint32_t>(
        std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.name == name; }) -
        all.begin());
    for (auto& value : call.values) value.meant = true;
    call.on = 0;
    call.flags = ~0U;
    return call;
}

// A channel of samples that records come through: what most of the rest is about.
Program typical_device(Chance& chance) {
    const auto ioctl = [&](std::string_view name) {
        return call_of(Op::ioctl, ioctls(), name, chance);
    };
    auto open = ioctl("CHANNEL_OPEN");
    open.values[3].number = chance.one_in(3) ? chance.below(4) : 1;  // kind
    auto emit = ioctl("SOURCE_SET");
    emit.values[4].number = 3 + chance.below(6);
    Program program{{.op = Op::open_device}, ioctl("SOURCE_ADD"), open, emit};
    program[1].values[2].number = program[3].values[2].number = 0;  // name
    program[1].values[3].number = 0;                                // synth
    return program;
}

// A conversation, of which some is a dump.
Program typical_netlink(Chance& chance) {
    Program program{{.op = Op::open_socket}};
    auto add = call_of(Op::netlink, commands(), "SOURCE_ADD", chance);
    for (auto& value : add.values) value.number = 0;
    program.push_back(add);
    const auto questions = 1 + chance.below(6);
    for (std::size_t i = 0; i < questions; ++i) {
        program.push_back(call_of(Op::netlink, commands(), chance.of(commands()).name, chance));
        Call receive{.op = Op::receive};
        receive.values[0].number = chance.below(5);
        program.push_back(receive);
        if (chance.one_in(3)) program.push_back({.op = Op::join, .flags = 1});
    }
    return program;
}

std::uint64_t place_of(const std::vector<std::string_view>& list, std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::find(list, text) - list.begin());
}

// A channel over netlink that records come through, to who joins its group.
Program typical_subscription(Chance& chance) {
    const auto ask = [&](std::string_view name, std::uint32_t attributes) {
        auto call = call_of(Op::netlink, commands(), name, chance);
        call.flags = attributes;
        call.values.back().number = 0;  // no dump
        return call;
    };
    const Call receive{.op = Op::receive, .values = {Value{.number = 4}}};
    auto add = ask("SOURCE_ADD", 0b111);
    for (auto& value : add.values) value.number = 0;
    // that follows no other; of its configuration something, or nothing
    const auto configuration = chance.one_in(2) ? 0 : chance.below(64);
    auto open = ask("CHANNEL_OPEN", 0b101U | static_cast<std::uint32_t>(configuration << 8U));
    open.values[0].number = 0;
    auto emit = ask("SOURCE_SET", 0b11);
    emit.values[0].number = 0;
    emit.values[1].number = 3 + chance.below(6);
    const Call join{
        .op = Op::join, .flags = 1, .values = {Value{.number = chance.below(genl_groups_used)}}};
    return {{.op = Op::open_socket}, add, receive, open, receive, join, emit, receive, receive};
}

// The statistics of an interface, and its channels.
Program typical_interface(Chance& chance) {
    auto program = typical_device(chance);
    program[1].values[2].number = place_of(names, chance.one_in(2) ? "lo" : "dummy0");
    program[1].values[3].number = place_of(kinds, "netdev");
    program[1].values[4].number = place_of(params, "rate=1");
    program[3] = call_of(Op::ioctl, ioctls(), "SNAPSHOT", chance);
    program[3].values[1].number = 0;  // the newest source
    return program;
}

// The text of a source.
Program typical_text(Chance& chance) {
    auto program = typical_device(chance);
    Call open{.op = Op::open_text, .flags = 1};
    program.push_back(open);
    program.push_back({.op = Op::write, .on = 1});
    program.push_back({.op = Op::read, .on = 1});
    for (auto& call : program)
        if (call.op == Op::read) call.values[0].number = chance.below(1U << 16);
    return program;
}

// The files of a relay channel that has records.
Program typical_relay(Chance& chance) {
    auto program = typical_device(chance);
    auto& open = program[2];
    for (auto& value : open.values) value.number = 0;  // of its configuration nothing
    open.values[2].number = STATCHAN_T_RELAY;
    open.values[3].number = STATCHAN_CHANNEL_SAMPLES;
    program[3].values[4].number = place_of(params, "cpus=2 emit=20");
    program.push_back({.op = Op::open_relay, .values = {Value{.number = chance.below(2)}}});
    constexpr std::array uses{Op::read, Op::splice, Op::map, Op::poll, Op::ioctl, Op::close};
    const auto count = 1 + chance.below(6);
    for (std::size_t i = 0; i < count; ++i) {
        auto use = random_call(chance);
        use.op = chance.of(uses);
        use.on = 1 + static_cast<std::uint32_t>(chance.below(2));
        if (use.op == Op::ioctl) use = call_of(Op::ioctl, ioctls(), "RELAY_STATE", chance);
        program.push_back(use);
    }
    return program;
}

Program typical(Chance& chance) {
    switch (chance.below(7)) {
        case 0:
            return typical_netlink(chance);
        case 1:
            return typical_text(chance);
        case 2:
            return typical_subscription(chance);
        case 3:
            return typical_interface(chance);
        case 4:
            return typical_relay(chance);
        default:
            return typical_device(chance);
    }
}

}  // namespace

Call random_call(Chance& chance) {
    Call call;
    call.op = chance.one_in(2)
                  ? static_cast<Op>(chance.below(static_cast<std::size_t>(Op::last_op) + 1))
                  : chance.of(likely);
    call.which = static_cast<std::uint32_t>(chance.any());
    call.on = static_cast<std::uint32_t>(chance.below(4));
    call.flags = chance.one_in(4) ? static_cast<std::uint32_t>(chance.any()) : ~0U;
    for (auto& value : call.values) value = random_value(chance);
    return call;
}

Program random_program(Chance& chance) {
    Program program;
    if (!chance.one_in(3)) program = typical(chance);
    const auto calls = 1 + chance.below(8);
    for (std::size_t i = 0; i < calls; ++i) program.push_back(random_call(chance));
    return program;
}

Program changed(const Program& parent, const Program& other, Chance& chance) {
    auto program = parent;
    do {
        const auto place = static_cast<std::ptrdiff_t>(chance.below(program.size() + 1));
        switch (chance.below(6)) {
            case 0:
                program.insert(program.begin() + place, random_call(chance));
                break;
            case 1:
                if (program.size() > 1)
                    program.erase(program.begin() +
                                  static_cast<std::ptrdiff_t>(chance.below(program.size())));
                break;
            case 2:  // what comes after is somebody else's
                program.resize(static_cast<std::size_t>(place));
                program.insert(program.end(), other.begin(), other.end());
                break;
            case 3:
                std::swap(chance.of(program), chance.of(program));
                break;
            default:
                if (!program.empty()) change_call(chance.of(program), chance);
        }
        if (program.empty()) program.push_back(random_call(chance));
    } while (!chance.one_in(3));
    if (program.size() > longest) program.resize(longest);
    return program;
}

std::string describe(const Program& program) {
    static constexpr std::array op_names{
        "open_device", "open_text", "open_relay", "open_socket", "ioctl",     "netlink",
        "receive",     "join",      "set_rcvbuf", "read",        "pread",     "write",
        "poll",        "splice",    "map",        "unmap",       "protect",   "remap",
        "advise",      "poke",      "peek",       "fork",        "duplicate", "close"};
    static_assert(op_names.size() == static_cast<std::size_t>(Op::last_op) + 1);
    std::string text;
    for (const auto& call : program) {
        text += op_names.at(static_cast<std::size_t>(call.op));
        if (call.op == Op::ioctl)
            text += " " + std::string{ioctls()[call.which % ioctls().size()].name};
        if (call.op == Op::netlink)
            text += " " + std::string{commands()[call.which % commands().size()].name};
        text += " on " + std::to_string(call.on) + " flags " + std::to_string(call.flags) + ":";
        for (const auto& value : call.values)
            text += (value.meant ? " " : " =") + std::to_string(value.number);
        text += "\n";
    }
    return text;
}

}  // namespace fuzz
