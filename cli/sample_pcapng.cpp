// SPDX-License-Identifier: MIT
//
// Samples as a capture file for Wireshark and its kind.
#include <array>
#include <map>
#include <utility>

#include "channel_text.hpp"
#include "clock.hpp"
#include "interfaces.hpp"
#include "pcapng.hpp"
#include "sample_sink.hpp"
#include "units.hpp"

namespace statctl {

namespace {

using statchan::Gap;
using statchan::Sample;

constexpr std::size_t max_comment = 4096;

std::uint16_t link_type(Link link) {
    switch (link) {
        case Link::ethernet:
            return PcapngWriter::link_ethernet;
        case Link::ip:
            return PcapngWriter::link_raw_ip;
        case Link::opaque:
            break;
    }
    return PcapngWriter::link_user0;
}

// Of a VLAN tag, which the kernel takes out of a packet and we put back.
constexpr std::size_t tag_bytes = 4;

// Of what is written of a packet; 0 if there is no limit.
std::uint32_t longest(Link link, std::uint32_t snaplen) {
    return link == Link::ethernet && snaplen != 0 ? snaplen + tag_bytes : snaplen;
}

PcapngWriter::Direction direction(const Sample& sample) {
    if (sample.ingress()) return PcapngWriter::Direction::in;
    if (sample.egress()) return PcapngWriter::Direction::out;
    return PcapngWriter::Direction::unknown;
}

class PcapngSink final : public SampleSink {
  public:
    PcapngSink(Out& out, const SampleStyle& style)
        : style_{style}, interfaces_{style.source}, writer_{out} {}

    void sample(const Sample& sample) override;
    void gap(const Gap& gap) override;
    void end(const statchan::Ledger& ledger) override;

  private:
    struct Seen {
        std::uint32_t number = 0;
        Link link = Link::opaque;
        std::uint64_t packets = 0;
    };
    Seen& seen(std::uint32_t ifindex);
    void write(const Sample& sample, const Seen& interface, PcapngWriter::Packet packet);

    SampleStyle style_;
    Clock clock_;
    Interfaces interfaces_;
    PcapngWriter writer_;
    std::map<std::uint32_t, Seen> seen_;
    std::uint64_t lost_ = 0;  // since the last packet
    std::string comment_;     // about these
};

PcapngSink::Seen& PcapngSink::seen(std::uint32_t ifindex) {
    const auto [place, is_new] = seen_.try_emplace(ifindex);
    if (!is_new) return place->second;
    const auto& interface = interfaces_.find(ifindex);
    const auto description = fmt::format("statchan source {} over {}: {}", style_.source,
                                         style_.transport, describe(style_.config, style_.config));
    place->second.link = interface.link;
    place->second.number =
        writer_.add_interface({.name = interface.name,
                               .description = description,
                               .link = link_type(interface.link),
                               .snaplen = longest(interface.link, style_.config.snaplen)});
    return place->second;
}

void PcapngSink::sample(const Sample& sample) {
    auto& interface = seen(sample.ifindex());
    PcapngWriter::Packet packet{.interface = interface.number,
                                .time_ns = clock_.unix_ns(sample.time()),
                                .length = sample.orig_len(),
                                .direction = direction(sample),
                                .queue = {},
                                .lost_before = std::exchange(lost_, 0),
                                .comment = comment_};
    if (sample.queue() != sample.queue_unknown) packet.queue = sample.queue();
    write(sample, interface, packet);
    comment_.clear();
    ++interface.packets;
}

// A tag that the kernel took out of the packet is put back, as libpcap does.
void PcapngSink::write(const Sample& sample, const Seen& interface, PcapngWriter::Packet packet) {
    constexpr std::size_t addresses = 12;
    const auto bytes = sample.payload();
    const auto vlan = sample.vlan();
    if (!vlan || interface.link != Link::ethernet || bytes.size() < addresses) {
        writer_.add_packet(packet, std::array{bytes});
        return;
    }
    const std::array<std::byte, tag_bytes> tag{
        static_cast<std::byte>(vlan->protocol >> 8U), static_cast<std::byte>(vlan->protocol),
        static_cast<std::byte>(vlan->tci >> 8U), static_cast<std::byte>(vlan->tci)};
    packet.length += static_cast<std::uint32_t>(tag.size());
    writer_.add_packet(packet, std::array{bytes.first(addresses), std::span<const std::byte>{tag},
                                          bytes.subspan(addresses)});
}

void PcapngSink::gap(const Gap& gap) {
    lost_ += gap.count;
    if (comment_.size() > max_comment) return;
    if (!comment_.empty()) comment_ += "\n";
    comment_ += to_string(gap);
}

void PcapngSink::end(const statchan::Ledger& ledger) {
    if (seen_.empty()) seen(interfaces_.of_source());
    const auto lost = lost_total(ledger.total());
    for (const auto& [ifindex, interface] : seen_) {
        // The ledger does not tell losses of one interface from those of another.
        PcapngWriter::Statistics statistics{
            .interface = interface.number,
            .time_ns = clock_.unix_ns(statchan::Time{std::chrono::steady_clock::now()}),
            .delivered = interface.packets,
            .lost = {},
            .comment = comment_};
        if (seen_.size() == 1) statistics.lost = lost;
        writer_.add_statistics(statistics);
    }
}

}  // namespace

std::unique_ptr<SampleSink> make_pcapng_sink(Out& out, const SampleStyle& style) {
    return std::make_unique<PcapngSink>(out, style);
}

}  // namespace statctl
