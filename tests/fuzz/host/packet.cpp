// SPDX-License-Identifier: MIT
//
// Packets as the wire brought them: the decoder, the lines of text and of JSON, the capture file.
//
// Input: what is done, link, tag; a record's head and its payload, or the words in a capture file.
#include "packet.hpp"

#include <linux/statchan.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "input.hpp"
#include "memory.hpp"
#include "pcapng.hpp"
#include "sample_sink.hpp"
#include "written.hpp"

namespace {

using fuzz::Input;
using fuzz::must;
using statctl::PcapngWriter;

using Bytes = std::vector<std::byte>;

// A packet must not be able to speak to the terminal.
void is_harmless(std::string_view text, std::string_view allowed) {
    for (const char c : text)
        must((c >= 0x20 && c < 0x7f) || allowed.find(c) != allowed.npos, "it can be printed");
}

void describe(Input& input) {
    const auto link = static_cast<statctl::Link>(input.byte() % 3);
    statctl::Packet packet{
        .captured = {}, .length = input.take<std::uint32_t>(), .link = link, .vlan = {}};
    if ((input.byte() & 1U) != 0)
        packet.vlan = statchan::Vlan{.tci = input.take<std::uint16_t>(), .protocol = 0x8100};
    const fuzz::Exactly captured{input.rest()};
    packet.captured = captured.bytes();
    const auto text = statctl::describe(packet);
    must(!text.empty(), "a packet has words");
    must(text.size() < 256 + 64 * captured.bytes().size(), "a line has an end");
    is_harmless(text, "");
    const auto dump = statctl::hexdump(packet.captured);
    is_harmless(dump, "\t\n");
    must(static_cast<std::size_t>(std::count(dump.begin(), dump.end(), '\n')) ==
             (captured.bytes().size() + 15) / 16,
         "a line for 16 bytes");
}

// ---- capture files ----

std::uint32_t number(std::span<const std::byte> bytes, std::size_t at) {
    std::uint32_t value = 0;
    must(at + sizeof value <= bytes.size(), "a number lies in its block");
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

// Options from @p at to the end of a block's body.
void check_options(std::span<const std::byte> body, std::size_t at) {
    for (;;) {
        const auto head = number(body, at);
        const std::size_t length = head >> 16U;
        at += 4 + (length + 3) / 4 * 4;
        must(at <= body.size(), "an option lies in its block");
        if ((head & 0xffffU) == 0) break;
    }
    must(at == body.size(), "the options end with the block");
}

struct Captured {
    std::vector<Bytes> packets;
    std::size_t interfaces = 0;
};

Captured read_capture(std::span<const std::byte> file) {
    Captured found;
    while (!file.empty()) {
        const auto type = number(file, 0);
        const auto length = number(file, 4);
        must(length >= 12 && length % 4 == 0 && length <= file.size(), "a block lies in the file");
        must(number(file, length - 4) == length, "a block ends with its length");
        const auto body = file.subspan(8, length - 12);
        file = file.subspan(length);
        if (type == 1) {
            ++found.interfaces;
            check_options(body, 8);
        } else if (type == 6) {
            must(number(body, 0) < found.interfaces, "a packet has an interface");
            const std::size_t captured = number(body, 12);
            must(20 + captured <= body.size(), "a packet lies in its block");
            const auto bytes = body.subspan(20, captured);
            found.packets.emplace_back(bytes.begin(), bytes.end());
            check_options(body, 20 + (captured + 3) / 4 * 4);
        } else if (type == 5) {
            check_options(body, 12);
        }
    }
    return found;
}

// The writer alone, with any words.
void write_capture(Input& input) {
    std::vector<Bytes> sent;
    const auto file = fuzz::written_by([&](statctl::Out& out) {
        PcapngWriter writer{out};
        const auto name = fuzz::text(input.block());
        writer.add_interface({.name = name,
                              .description = fuzz::text(input.block()),
                              .link = input.take<std::uint16_t>(),
                              .snaplen = input.take<std::uint32_t>()});
        while (!input.empty()) {
            PcapngWriter::Packet packet;
            packet.time_ns = input.take<std::uint64_t>();
            packet.length = input.take<std::uint32_t>();
            const auto how = input.byte();
            packet.direction = static_cast<PcapngWriter::Direction>(how % 3);
            if ((how & 4U) != 0) packet.queue = input.take<std::uint32_t>();
            if ((how & 8U) != 0) packet.lost_before = input.take<std::uint64_t>();
            packet.comment = fuzz::text(input.block());
            const auto first = input.block();
            const auto second = input.block();
            auto& bytes = sent.emplace_back(first.begin(), first.end());
            bytes.insert(bytes.end(), second.begin(), second.end());
            writer.add_packet(packet, std::array{first, second});
        }
        writer.add_statistics(
            {.interface = 0, .time_ns = 0, .delivered = sent.size(), .lost = {}, .comment = name});
    });
    must(read_capture(file).packets == sent, "what was captured is in the file");
}

// ---- samples ----

// Head and payload of a record. The interface is none, or one that there is not.
Bytes record_of(Input& input) {
    statchan_record head{};
    head.type = statchan::wire::type_sample;
    head.cpu = input.byte();
    head.seq = input.take<std::uint64_t>();
    head.time_ns = input.take<std::uint64_t>();
    head.orig_len = input.take<std::uint32_t>();
    head.ifindex = (input.byte() & 1U) != 0 ? 0x7fffffffU : 0;
    head.rate = input.take<std::uint32_t>();
    head.flags = input.byte();
    head.vlan_tci = input.take<std::uint16_t>();
    head.vlan_proto = input.take<std::uint16_t>();
    head.queue = input.take<std::uint32_t>();
    const auto payload = input.block();
    head.len = static_cast<std::uint32_t>(sizeof head + payload.size());
    Bytes record(sizeof head);
    std::memcpy(record.data(), &head, sizeof head);
    record.insert(record.end(), payload.begin(), payload.end());
    return record;
}

statchan::Gap gap_of(Input& input) {
    return {.cpu = input.byte(),
            .first_seq = input.take<std::uint64_t>(),
            .last_seq = input.take<std::uint64_t>(),
            .count = input.take<std::uint64_t>(),
            .first_time = statchan::time_from_ns(input.take<std::uint64_t>()),
            .last_time = {},
            .reason = static_cast<statchan::LostReason>(input.take<std::uint32_t>())};
}

using MakeSink = std::unique_ptr<statctl::SampleSink> (*)(statctl::Out&,
                                                          const statctl::SampleStyle&);

struct Shown {
    std::size_t lines = 0;
    std::vector<Bytes> packets;
    Bytes output;
};

Shown show(Input& input, MakeSink make, bool hexdump) {
    Shown shown;
    shown.output = fuzz::written_by([&](statctl::Out& out) {
        statctl::SampleStyle style;
        style.source = "sw0";
        style.hexdump = hexdump;
        style.verbose = true;
        const auto sink = make(out, style);
        while (!input.empty()) {
            ++shown.lines;
            if ((input.byte() & 3U) == 0) {
                sink->gap(gap_of(input));
                continue;
            }
            const fuzz::Exactly record{record_of(input)};
            const statchan::Sample sample{record.bytes().data(),
                                          static_cast<std::uint32_t>(record.bytes().size())};
            sink->sample(sample);
            shown.packets.emplace_back(sample.payload().begin(), sample.payload().end());
        }
        sink->end({});
    });
    return shown;
}

void show_text(Input& input) {
    const auto shown = show(input, statctl::make_text_sink, false);
    const auto text = fuzz::text(shown.output);
    is_harmless(text, "\n");
    must(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == shown.lines,
         "a line for each");
}

void show_json(Input& input) {
    const auto shown = show(input, statctl::make_json_sink, true);
    auto text = fuzz::text(shown.output);
    std::size_t lines = 0;
    for (; !text.empty(); ++lines) {
        const auto end = text.find('\n');
        must(end != text.npos, "a line ends");
        must(nlohmann::json::accept(text.substr(0, end)), "a line is JSON");
        text.remove_prefix(end + 1);
    }
    must(lines == shown.lines, "a line for each");
}

void show_pcapng(Input& input) {
    const auto shown = show(input, statctl::make_pcapng_sink, false);
    const auto file = read_capture(shown.output);
    must(file.packets.size() == shown.packets.size(), "each packet is in the file");
    for (std::size_t i = 0; i < file.packets.size(); ++i) {
        const auto& in_file = file.packets[i];
        const auto& sent = shown.packets[i];
        if (in_file.size() == sent.size()) {
            must(in_file == sent, "with its bytes");
        } else {
            // The tag is back, after the two addresses.
            must(in_file.size() == sent.size() + 4, "a tag has 4 bytes");
            must(std::equal(sent.begin() + 12, sent.end(), in_file.begin() + 16),
                 "what follows the tag is what was there");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.byte() & 15U) {
        case 0:
            write_capture(input);
            break;
        case 1:
            show_text(input);
            break;
        case 2:
            show_json(input);
            break;
        case 3:
            show_pcapng(input);
            break;
        default:
            describe(input);
    }
    return 0;
}
