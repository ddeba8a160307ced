// SPDX-License-Identifier: MIT
#include "packet_bytes.hpp"

namespace statctl::detail {

namespace {

constexpr std::size_t tcp_bytes = 20;

std::string flag_letters(unsigned flags) {
    constexpr std::string_view letters = "FSRP.UEW";  // from bit 0 on
    std::string text;
    for (std::size_t bit = 0; bit < letters.size(); ++bit) {
        if ((flags >> bit & 1U) != 0) text += letters[bit];
    }
    return text.empty() ? "none" : text;
}

void describe_sack(std::string& text, const Bytes& option, std::size_t size) {
    constexpr std::size_t block = 8;
    say(text, "sack {} ", (size - 2) / block);
    for (std::size_t at = 2; at + block <= size; at += block) {
        say(text, "{{{}:{}}}", option.get<std::uint32_t>(at), option.get<std::uint32_t>(at + 4));
    }
}

// An option that has a length: all but end and nop.
void describe_option(std::string& text, const Bytes& option, std::size_t size) {
    const unsigned kind = option.byte(0);
    if (kind == 2 && size == 4) return say(text, "mss {}", option.get<std::uint16_t>(2));
    if (kind == 3 && size == 3) return say(text, "wscale {}", option.byte(2));
    if (kind == 4 && size == 2) return say(text, "sackOK");
    if (kind == 5) return describe_sack(text, option, size);
    if (kind == 8 && size == 10) {
        return say(text, "TS val {} ecr {}", option.get<std::uint32_t>(2),
                   option.get<std::uint32_t>(6));
    }
    say(text, "unknown-{}", kind);
}

// @p options: captured bytes of them, at most 40.
void describe_options(std::string& text, const Bytes& options) {
    text += ", options [";
    const char* separator = "";
    for (std::size_t at = 0; at < options.length();) {
        text += separator;
        separator = ",";
        const auto option = options.from(at);
        if (option.size() == 0) {
            text += "|tcp";
            break;
        }
        if (option.byte(0) == 0) {
            text += "eol";
            break;
        }
        if (option.byte(0) == 1) {
            text += "nop";
            ++at;
            continue;
        }
        const std::size_t size = option.byte(1);
        if (size < 2 || !option.has(size)) {
            text += option.size() < option.length() ? "|tcp" : "bad option";
            break;
        }
        describe_option(text, option, size);
        at += size;
    }
    text += "]";
}

}  // namespace

void describe_tcp(std::string& text, const Bytes& bytes) {
    if (!bytes.has(tcp_bytes)) return say(text, "[|tcp], length {}", bytes.length());
    constexpr unsigned fin = 0x01;
    constexpr unsigned syn = 0x02;
    constexpr unsigned rst = 0x04;
    constexpr unsigned ack = 0x10;
    constexpr unsigned urg = 0x20;
    const std::size_t header = (bytes.byte(12) >> 4U) * std::size_t{4};
    if (header < tcp_bytes || header > bytes.length()) {
        return say(text, "tcp, bad header of {} bytes, length {}", header, bytes.length());
    }
    const unsigned flags = bytes.byte(13);
    const auto sequence = bytes.get<std::uint32_t>(4);
    const auto length = bytes.length() - header;
    say(text, "Flags [{}]", flag_letters(flags));
    if (length != 0) {
        say(text, ", seq {}:{}", sequence, sequence + static_cast<std::uint32_t>(length));
    } else if ((flags & (fin | syn | rst)) != 0) {
        say(text, ", seq {}", sequence);
    }
    if ((flags & ack) != 0) say(text, ", ack {}", bytes.get<std::uint32_t>(8));
    say(text, ", win {}", bytes.get<std::uint16_t>(14));
    if ((flags & urg) != 0) say(text, ", urg {}", bytes.get<std::uint16_t>(18));
    if (header > tcp_bytes) {
        describe_options(text, bytes.ended_at(header).from(tcp_bytes));
    }
    say(text, ", length {}", length);
}

}  // namespace statctl::detail
