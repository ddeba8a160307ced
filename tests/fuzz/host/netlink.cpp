// SPDX-License-Identifier: MIT
//
// Generic netlink of a kernel that lies: the bytes of messages alone, and the whole transport over
// both socket libraries, from finding the family to the end of a stream, and the events.
//
// Input: which; then a datagram, or what is done and what the kernel makes of its answers.
#include <linux/genetlink.h>

#include <algorithm>
#include <array>
#include <vector>

#include "check.hpp"
#include "exercise.hpp"
#include "hostile_kernel.hpp"
#include "memory.hpp"
#include "netlink/pieces.hpp"
#include "netlink/scatter.hpp"
#include "netlink/wire.hpp"

namespace {

using namespace statchan;
using namespace statchan::detail;
using fuzz::Input;
using fuzz::must;

constexpr Task task{"read", "fuzz"};

// Each attribute lies in one of the places where it may.
void check(const Attrs& attrs, std::span<const std::byte> one, std::span<const std::byte> other) {
    for (std::uint16_t type = 0; type <= Attrs::max; ++type) {
        const auto bytes = attrs.bytes(type);
        if (bytes.empty()) continue;
        must(fuzz::inside(bytes, one) || fuzz::inside(bytes, other), "an attribute is there");
        fuzz::touch(bytes);
        must(attrs.text(type).size() <= bytes.size(), "a text ends in its attribute");
        static_cast<void>(attrs.u32(type));
        static_cast<void>(attrs.u64(type));
    }
}

void attributes(Input& input) {
    const fuzz::Exactly run{input.rest()};
    Attrs attrs;
    static_cast<void>(parse_attrs(run.bytes(), attrs));
    check(attrs, run.bytes(), {});
}

void verdict(Input& input) {
    const fuzz::Exactly message{input.rest()};
    if (message.bytes().size() < sizeof(nlmsghdr)) return;
    // Whoever calls knows that all of it is there.
    auto& header = *reinterpret_cast<nlmsghdr*>(message.bytes().data());
    header.nlmsg_len = static_cast<std::uint32_t>(message.bytes().size());
    const auto read = parse_verdict(header);
    must(read.error >= 0, "an errno is positive");
    must(read.text.empty() || fuzz::inside(std::as_bytes(std::span{read.text}), message.bytes()),
         "the sentence lies in the message");
}

// A datagram cut at two places: what is read is what the one message says.
void scattered(Input& input) {
    const std::size_t head_bytes = input.byte() / 4 * 4;
    const std::size_t place_bytes = input.byte();
    const auto datagram = input.rest();
    const fuzz::Exactly head{datagram.first(std::min(head_bytes, datagram.size()))};
    const auto rest = datagram.subspan(head.bytes().size());
    const fuzz::Exactly place{rest.first(std::min(place_bytes, rest.size()))};
    const fuzz::Exactly spill{rest.subspan(place.bytes().size())};
    const auto parts = cut_parts(head.bytes(), place.bytes(), spill.bytes(), datagram.size());
    must(parts.size() == datagram.size(), "nothing is lost by the cut");
    const auto all = gather(parts, 0);
    must(std::equal(all.begin(), all.end(), datagram.begin(), datagram.end()),
         "together again it is the same");
    const auto message = read_scattered(parts);
    if (!message) return;
    check(message->attrs, head.bytes(), place.bytes());
    const auto data = message->attrs.bytes(STATCHAN_A_DATA);
    must(data.data() == place.bytes().data(), "the bulk is in its place");
}

void pieces(Input& input) {
    constexpr std::size_t limit = 4096;
    std::vector<std::byte> memory;
    Pieces whole{limit, task};
    while (!input.empty()) {
        const fuzz::Exactly run{input.block()};
        Attrs attrs;
        if (!parse_attrs(run.bytes(), attrs)) continue;
        const auto added = whole.add(attrs, [&](std::size_t bytes) -> std::span<std::byte> {
            must(memory.empty() && bytes <= limit, "room is asked for once, and has a limit");
            memory.resize(bytes);
            return memory;
        });
        if (!added) return fuzz::is_told(added.error());
        must(fuzz::inside(whole.place(), memory), "the next piece has its place");
    }
    if (const auto all = whole.finish())
        must(all->size() == memory.size(), "all of it came");
    else
        fuzz::is_told(all.error());
}

void client(Input& input, const char* transport) {
    fuzz::HostileKernel kernel{input};
    auto opened = Client::open({.transport = transport});
    if (opened)
        fuzz::exercise(input, *opened);
    else
        fuzz::is_told(opened.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.byte() & 7U) {
        case 0:
            attributes(input);
            break;
        case 1:
            verdict(input);
            break;
        case 2:
            scattered(input);
            break;
        case 3:
            pieces(input);
            break;
        case 4:
        case 5:
            client(input, "netlink-nl");
            break;
        default:
            client(input, "netlink");
    }
    return 0;
}
