// SPDX-License-Identifier: MIT
//
// Writes first inputs for the search, from what an honest kernel sends: `fuzz_seeds FOLDER
// RESULTS.pb`. What is kept in corpus/ grew from these.
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/statchan.h>
#include <results.pb.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "cli/packets.hpp"
#include "netlink/wire.hpp"
#include "support/image_bytes.hpp"
#include "support/records.hpp"
#include "support/schema_blob.hpp"

namespace {

namespace fs = std::filesystem;
using test::Records;

/// An input, as the targets take it apart (input.hpp).
class Seed {
  public:
    template <class T>
    Seed& put(T value) {
        return raw(std::as_bytes(std::span{&value, 1}));
    }
    Seed& byte(unsigned value) { return put(static_cast<std::uint8_t>(value)); }
    Seed& raw(std::span<const std::byte> bytes) {
        bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return *this;
    }
    Seed& raw(std::string_view text) {
        bytes_ += text;
        return *this;
    }
    Seed& block(std::span<const std::byte> bytes) {
        return put(static_cast<std::uint16_t>(bytes.size())).raw(bytes);
    }
    Seed& block(std::string_view text) {
        return put(static_cast<std::uint16_t>(text.size())).raw(text);
    }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  private:
    std::string bytes_;
};

class Folder {
  public:
    Folder(const fs::path& base, const char* target) : path_{base / target} {
        fs::create_directories(path_);
    }
    void add(const Seed& seed) {
        std::ofstream{path_ / ("seed-" + std::to_string(count_++)), std::ios::binary}
            << seed.bytes();
    }

  private:
    fs::path path_;
    int count_ = 0;
};

Records stream_of_records() {
    return std::move(Records{}.sample(0, 0).sample(0, 1, 40).lost(0, 2, 4, 3).sample(0, 5, 1));
}

void records(Folder folder) {
    for (unsigned how = 0; how < 8; ++how) {
        for (unsigned flags = 0; flags < 4; ++flags) {
            auto a = stream_of_records();
            auto b = std::move(Records{}.sample(0, 6).lost(0, 7, 9, 1).raw(16, 3, 0, 16));
            Seed seed;
            seed.byte(flags).byte(1);
            seed.byte(how).block(a.bytes()).put(std::uint64_t{3}).put(std::uint64_t{2});
            seed.byte(how).block(b.bytes());
            folder.add(seed);
        }
    }
}

// Of struct statchan_ring_producer: head is moved by so many times 8 bytes.
void rings(Folder folder) {
    auto some = stream_of_records();
    const auto bytes = some.bytes();
    for (unsigned which = 0; which < 2; ++which) {
        Seed seed;
        seed.byte(which).byte(0);
        if (which == 1) seed.byte(64);
        seed.byte(64 | 1).byte(static_cast<unsigned>(bytes.size() / 8)).put(std::uint16_t{0});
        seed.byte(static_cast<unsigned>(bytes.size())).raw(bytes);
        folder.add(seed);
    }
    // Each record of a BPF ring has a head of 8 bytes before it.
    Records record;
    const auto sample = record.sample(0, 0, 8).bytes();
    Seed bpf;
    bpf.byte(2).byte(0).byte(static_cast<unsigned>((sample.size() + 8) / 8));
    bpf.put(std::uint16_t{0}).byte(static_cast<unsigned>(sample.size() + 8));
    bpf.put(static_cast<std::uint64_t>(sample.size())).raw(sample).byte(1).byte(0);
    folder.add(bpf);
    folder.add(Seed{}.byte(3).byte(1).byte(12).byte(0));
}

void snapshots(Folder folder) {
    auto ports = test::SchemaBlob::ports();
    const auto schema = ports.bytes();
    for (const auto* pattern : {"port/3/rx_*", "queue", "*/[0-2]/*", "port/*/rx_bytes/x"})
        folder.add(Seed{}.byte(2).byte(0).block(schema).block(pattern));
    folder.add(Seed{}.byte(0).block("p*t/[!a-c]?").raw("port/dx"));
    const test::ImageBytes image{ports.head.hash, 14};
    const auto words = image.words();
    folder.add(Seed{}.byte(1).raw(std::as_bytes(std::span{words})));
    for (unsigned which = 3; which < 5; ++which)
        for (unsigned patches = 0; patches < 3; ++patches)
            folder.add(Seed{}
                           .byte(which)
                           .byte(0)
                           .block(schema)
                           .byte(patches)
                           .put(std::uint16_t{16})
                           .byte(1)
                           .byte(0)
                           .byte(0)
                           .byte(2));
}

void ledgers(Folder folder) {
    statchan_ledger entry{};
    entry.produced = entry.next_seq = 8;
    entry.accepted = 6;
    entry.lost[0] = 2;
    Seed sums;
    sums.byte(0);
    for (int leg = 0; leg < 2; ++leg) {
        sums.byte(1).byte(0xff).put(entry).put(std::uint16_t{6}).byte(1).byte(0);
        sums.put(std::uint64_t{0}).byte(0).byte(0).byte(0);
    }
    folder.add(sums);
    folder.add(Seed{}
                   .byte(1)
                   .byte(0)
                   .byte(5)
                   .byte(7)
                   .byte(1)
                   .byte(5)
                   .put(2U)
                   .byte(1)
                   .byte(9)
                   .put(1U)
                   .byte(2)
                   .byte(12));
    statchan_source_info source{};
    std::strcpy(source.name, "sw0");
    statchan_channel_info channel{};
    channel.transport = STATCHAN_T_RELAY;
    channel.kind = STATCHAN_CHANNEL_LIVE;
    statchan_transport_info transport{};
    transport.caps = 0xff;
    folder.add(Seed{}
                   .byte(2)
                   .byte(0xff)
                   .put(source)
                   .byte(0xff)
                   .put(channel)
                   .byte(0xff)
                   .put(transport)
                   .put(1U)
                   .byte(2));
}

// Zeroes are honest answers; see HostileKernel::fails() and patch().
void devices(Folder folder) {
    auto some = stream_of_records();
    const auto bytes = some.bytes();
    for (unsigned transport = 0; transport < 5; ++transport) {
        for (unsigned operation = 0; operation < 8; ++operation) {
            Seed seed;
            seed.byte(transport);
            for (int i = 0; i < 3; ++i) seed.byte(0);  // opening
            seed.byte(operation);
            for (int i = 0; i < 48; ++i) seed.byte(0);
            folder.add(seed);
        }
        // A stream: batches of records, as read and ioctl give them.
        for (const int zeroes : {6, 8, 10, 12, 16}) {
            Seed seed;
            seed.byte(transport).byte(0).byte(0).byte(0).byte(6).byte(0);
            for (int i = 0; i < zeroes; ++i) seed.byte(0);
            for (int i = 0; i < 3; ++i) seed.block(bytes).byte(0).byte(0).byte(0);
            for (int i = 0; i < 16; ++i) seed.byte(0);
            folder.add(seed);
        }
    }
}

void netlink(Folder folder) {
    statchan::detail::Request request{33, STATCHAN_CMD_SAMPLES, 0, 1};
    request.put_u32(STATCHAN_A_CHANNEL, 4)
        .put_u32(STATCHAN_A_CPU, 0)
        .put_u64(STATCHAN_A_POSITION, 0);
    request.put_text(STATCHAN_A_TEXT, "a sentence").put_u64(STATCHAN_A_OFFSET, 0);
    request.put_text(STATCHAN_A_DATA, "0123456789abcdef");
    const auto message = request.finish(7);
    const auto attrs = message.subspan(NLMSG_HDRLEN + GENL_HDRLEN);
    folder.add(Seed{}.byte(0).raw(attrs));
    nlmsghdr header{};
    header.nlmsg_type = NLMSG_ERROR;
    header.nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
    statchan::detail::Request words{0, 0, 0, 0};
    words.put_text(NLMSGERR_ATTR_MSG, "no such source");
    const auto told = words.finish(0).subspan(NLMSG_HDRLEN + GENL_HDRLEN);
    folder.add(Seed{}.byte(1).put(header).put(-2).put(nlmsghdr{}).raw(told));
    header.nlmsg_type = NLMSG_DONE;
    folder.add(Seed{}.byte(1).put(header).put(-2).raw(told));
    const auto data_at = static_cast<unsigned>(message.size()) - 20;
    folder.add(Seed{}.byte(2).byte(data_at).byte(17).raw(message));
    folder.add(Seed{}.byte(2).byte(data_at).byte(64).raw(message).raw(message));
    statchan::detail::Request first{0, 0, 0, 0};
    first.put_u64(STATCHAN_A_LENGTH, 18).put_u64(STATCHAN_A_OFFSET, 0);
    first.put_text(STATCHAN_A_DATA, "12345678");
    statchan::detail::Request second{0, 0, 0, 0};
    second.put_u64(STATCHAN_A_OFFSET, 9).put_text(STATCHAN_A_DATA, "abcdefgh");
    folder.add(Seed{}
                   .byte(3)
                   .block(first.finish(0).subspan(NLMSG_HDRLEN + GENL_HDRLEN))
                   .block(second.finish(0).subspan(NLMSG_HDRLEN + GENL_HDRLEN)));
    auto some = stream_of_records();
    const auto bytes = some.bytes();
    for (const unsigned library : {4U, 6U}) {
        for (unsigned operation = 0; operation < 8; ++operation) {
            for (const int zeroes : {20, 40, 60, 80}) {
                Seed seed;
                seed.byte(library);
                for (int i = 0; i < zeroes; ++i) seed.byte(0);
                seed.byte(operation);
                for (int i = 0; i < zeroes; ++i) seed.byte(0);
                seed.byte(0).byte(0xc0).byte(0).byte(3).byte(0).block(bytes).byte(0);
                seed.byte(0).byte(0xb0).byte(1).put(std::uint64_t{9}).byte(0);
                seed.byte(0).byte(0xe3).block(message).byte(0);
                seed.byte(0).byte(0xc0).byte(0xff).byte(0).byte(0).byte(0);
                folder.add(seed);
            }
        }
    }
}

// A packet of each sort that the decoder knows, whole and cut.
void packets(Folder folder) {
    for (const auto& known : test::known_packets()) {
        const std::span<const std::byte> bytes{known.bytes};
        const auto length = static_cast<std::uint32_t>(bytes.size());
        for (const auto captured : {bytes.size(), bytes.size() / 2})
            folder.add(Seed{}.byte(4).byte(0).put(length).byte(0).raw(bytes.first(captured)));
        for (unsigned sink = 1; sink < 4; ++sink) {
            Seed seed;
            seed.byte(sink).byte(1).byte(0).put(std::uint64_t{5}).put(std::uint64_t{6});
            seed.put(length).byte(1).put(100U).byte(0xa).put(std::uint16_t{7});
            seed.put(std::uint16_t{0x8100}).put(2U).block(bytes);
            seed.byte(0).byte(1).put(std::uint64_t{6}).put(std::uint64_t{9}).put(std::uint64_t{4});
            seed.put(std::uint64_t{7}).put(0U);
            folder.add(seed);
        }
        Seed file;
        file.byte(0).block("eth0").block("a source").put(std::uint16_t{1}).put(128U);
        file.put(std::uint64_t{9}).put(length).byte(13).put(3U).put(std::uint64_t{2}).block("lost");
        file.block(bytes.first(bytes.size() / 2)).block(bytes.subspan(bytes.size() / 2));
        folder.add(file);
    }
}

template <class List>
void keep_first(List& list, int count) {
    if (list.size() > count) list.DeleteSubrange(count, list.size() - count);
}

// The first points of each workload of a file that was measured.
void results(Folder folder, const fs::path& measured) {
    std::ifstream file{measured, std::ios::binary};
    statchan::results::Results all;
    if (!all.ParseFromIstream(&file)) return;
    auto some = all;
    some.clear_points();
    keep_first(*some.mutable_primitives(), 2);
    some.mutable_environment()->clear_mitigations();
    for (const auto* workload :
         {"snapshot", "samples", "producer", "latency", "lossless", "control"}) {
        auto part = some;
        for (const auto& point : all.points())
            if (point.workload() == workload && part.points_size() < 6) *part.add_points() = point;
        for (auto& point : *part.mutable_points()) {
            keep_first(*point.mutable_metrics(), 2);
            point.mutable_latency()->Clear();
            point.clear_in_force();
        }
        const auto bytes = part.SerializeAsString();
        for (unsigned how = 0; how < 6; ++how)
            folder.add(Seed{}.byte(how).block(bytes).put(1U).put(1000U).put(20000U));
        folder.add(Seed{}.byte(0x11).block(bytes).block(bytes));
        folder.add(Seed{}.byte(0x30).raw(bytes));
    }
}

void arguments(Folder folder) {
    for (const auto* text : {"10ms", "1.5s", "500us", "2m", "3h", "7ns", "0", "never", "0.5"})
        folder.add(Seed{}.byte(0).raw(text));
    for (const auto* text : {"4096", "64K", "1.5M", "2G", "1:100", "200k/s", "2M/s", "7"})
        folder.add(Seed{}.byte(1).raw(text));
    for (const auto number : {0ULL, 1ULL, 65536ULL, 1ULL << 40, ~0ULL >> 1, ~0ULL})
        folder.add(Seed{}.byte(2).put(std::uint64_t{number}));
    folder.add(Seed{}.byte(4).raw("a\"\\\n\xc3\xa4\xff"));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: fuzz_seeds FOLDER RESULTS.pb\n");
        return 2;
    }
    const fs::path base{argv[1]};
    records({base, "records"});
    rings({base, "ring"});
    snapshots({base, "snapshot"});
    ledgers({base, "ledger"});
    devices({base, "device"});
    netlink({base, "netlink"});
    packets({base, "packet"});
    results({base, "results"}, argv[2]);
    arguments({base, "arguments"});
    return 0;
}
