// SPDX-License-Identifier: MIT
//
// Samples as lines: tcpdump's words for people, an object per line for programs.
#include <array>

#include "clock.hpp"
#include "interfaces.hpp"
#include "packet.hpp"
#include "sample_sink.hpp"
#include "table.hpp"

namespace statctl {

namespace {

using statchan::Gap;
using statchan::Sample;

struct SampleRow {
    const Sample& sample;
    const Clock& clock;
    const Interface& interface;
    bool payload;
};

Cell direction(const SampleRow& row) {
    if (row.sample.ingress()) return {"in", "In"};
    if (row.sample.egress()) return {"out", "Out"};
    return {nullptr, "?"};
}

std::string summary(const SampleRow& row) {
    return describe(Packet{.captured = row.sample.payload(),
                           .length = row.sample.orig_len(),
                           .link = row.interface.link,
                           .vlan = row.sample.vlan()});
}

Cell queue(const SampleRow& row) {
    if (row.sample.queue() == Sample::queue_unknown) return {nullptr, "?"};
    return row.sample.queue();
}

Cell vlan(const SampleRow& row) {
    const auto tag = row.sample.vlan();
    if (!tag) return std::nullopt;
    JsonObject object;
    object.add("id", tag->tci & 0xfff)
        .add("priority", tag->tci >> 13)
        .add("protocol", tag->protocol);
    return {object.done(), {}};
}

Cell payload(const SampleRow& row) {
    if (!row.payload) return std::nullopt;
    std::string hex;
    for (const auto byte : row.sample.payload()) {
        fmt::format_to(std::back_inserter(hex), "{:02x}", std::to_integer<unsigned>(byte));
    }
    return hex;
}

constexpr std::array<Column<SampleRow>, 16> sample_columns{{
    {"type", Align::left, [](const SampleRow&) -> Cell { return "sample"; }},
    {"unix_ns", Align::right,
     [](const SampleRow& r) -> Cell {
         return {r.clock.unix_ns(r.sample.time()), r.clock.time_of_day(r.sample.time())};
     }},
    {"time_ns", Align::right,
     [](const SampleRow& r) -> Cell { return statchan::to_ns(r.sample.time()); }},
    {"cpu", Align::right, [](const SampleRow& r) -> Cell { return r.sample.cpu(); }},
    {"seq", Align::right, [](const SampleRow& r) -> Cell { return r.sample.seq(); }},
    {"interface", Align::left, [](const SampleRow& r) -> Cell { return r.interface.name; }},
    {"ifindex", Align::right, [](const SampleRow& r) -> Cell { return r.sample.ifindex(); }},
    {"direction", Align::left, direction},
    {"queue", Align::right, queue},
    {"rate", Align::right, [](const SampleRow& r) -> Cell { return r.sample.rate(); }},
    {"protocol", Align::right, [](const SampleRow& r) -> Cell { return r.sample.protocol(); }},
    {"vlan", Align::left, vlan},
    {"length", Align::right, [](const SampleRow& r) -> Cell { return r.sample.orig_len(); }},
    {"captured", Align::right,
     [](const SampleRow& r) -> Cell { return r.sample.payload().size(); }},
    {"summary", Align::left, [](const SampleRow& r) -> Cell { return summary(r); }},
    {"payload", Align::left, payload},
}};

struct GapRow {
    const Gap& gap;
    const Clock& clock;
};

constexpr std::array<Column<GapRow>, 9> gap_columns{{
    {"type", Align::left, [](const GapRow&) -> Cell { return "gap"; }},
    {"unix_ns", Align::right,
     [](const GapRow& r) -> Cell { return r.clock.unix_ns(r.gap.first_time); }},
    {"time_ns", Align::right,
     [](const GapRow& r) -> Cell { return statchan::to_ns(r.gap.first_time); }},
    {"last_time_ns", Align::right,
     [](const GapRow& r) -> Cell { return statchan::to_ns(r.gap.last_time); }},
    {"cpu", Align::right, [](const GapRow& r) -> Cell { return r.gap.cpu; }},
    {"first_seq", Align::right, [](const GapRow& r) -> Cell { return r.gap.first_seq; }},
    {"last_seq", Align::right, [](const GapRow& r) -> Cell { return r.gap.last_seq; }},
    {"count", Align::right, [](const GapRow& r) -> Cell { return r.gap.count; }},
    {"reason", Align::left, [](const GapRow& r) -> Cell { return to_string(r.gap.reason); }},
}};

// What both kinds of lines need to know.
class LineSink : public SampleSink {
  public:
    LineSink(Out& out, const SampleStyle& style)
        : out_{out}, style_{style}, interfaces_{style.source} {}

  protected:
    [[nodiscard]] SampleRow row(const Sample& sample) {
        return {sample, clock_, interfaces_.find(sample.ifindex()), style_.hexdump};
    }

    Out& out_;
    SampleStyle style_;
    Clock clock_;
    Interfaces interfaces_;
};

class TextSink final : public LineSink {
  public:
    TextSink(Out& out, const SampleStyle& style) : LineSink{out, style}, colour_{out.colour()} {}

    void sample(const Sample& sample) override {
        const auto line = row(sample);
        out_.print("{} {:<5} {:<3} {}", clock_.time_of_day(sample.time()),
                   printable(line.interface.name), direction(line).text, summary(line));
        if (style_.verbose) {
            out_.print(" [cpu {} seq {} 1:{} queue {} captured {}]", sample.cpu(), sample.seq(),
                       sample.rate(), queue(line).text, sample.payload().size());
        }
        out_.write("\n");
        if (style_.hexdump) out_.write(hexdump(sample.payload()));
    }

    void gap(const Gap& gap) override {
        out_.print("{}{} {:<5} --- {}{}\n", colour_ ? "\033[1m" : "",
                   clock_.time_of_day(gap.first_time), style_.source, to_string(gap),
                   colour_ ? "\033[0m" : "");
    }

  private:
    bool colour_;
};

class JsonSink final : public LineSink {
  public:
    using LineSink::LineSink;

    void sample(const Sample& sample) override {
        out_.print("{}\n", to_json<SampleRow>(sample_columns, row(sample)).done().text);
    }
    void gap(const Gap& gap) override {
        out_.print("{}\n", to_json<GapRow>(gap_columns, {gap, clock_}).done().text);
    }
};

class QuietSink final : public SampleSink {
    void sample(const Sample& /*sample*/) override {}
    void gap(const Gap& /*gap*/) override {}
};

}  // namespace

std::unique_ptr<SampleSink> make_text_sink(Out& out, const SampleStyle& style) {
    return std::make_unique<TextSink>(out, style);
}

std::unique_ptr<SampleSink> make_json_sink(Out& out, const SampleStyle& style) {
    return std::make_unique<JsonSink>(out, style);
}

std::unique_ptr<SampleSink> make_quiet_sink() { return std::make_unique<QuietSink>(); }

}  // namespace statctl
