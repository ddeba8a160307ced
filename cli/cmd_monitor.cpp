// SPDX-License-Identifier: MIT
//
// statctl monitor: events of this network namespace as they happen.
#include <array>
#include <chrono>
#include <memory>

#include "clock.hpp"
#include "command.hpp"
#include "signals.hpp"
#include "table.hpp"

namespace statctl {

namespace {

using std::chrono::steady_clock;

struct MonitorOptions {
    std::uint64_t count = 0;  // 0: no end
    nanoseconds seconds{0};   // 0: no end
};

struct EventRow {
    const statchan::Event& event;
    const Clock& clock;
};

Cell source_name(const EventRow& row) {
    if (!row.event.source_name.empty()) return row.event.source_name;
    if (row.event.source == 0) return std::nullopt;
    return {nullptr, fmt::format("source {}", row.event.source)};
}

constexpr std::array<Column<EventRow>, 7> event_columns{{
    {"unix_ns", Align::right,
     [](const EventRow& r) -> Cell {
         return {r.clock.unix_ns(r.event.time), r.clock.time_of_day(r.event.time)};
     }},
    {"time_ns", Align::right,
     [](const EventRow& r) -> Cell { return statchan::to_ns(r.event.time); }, For::programs},
    {"event", Align::left, [](const EventRow& r) -> Cell { return to_string(r.event.type); }},
    {"source", Align::left, source_name},
    {"source_id", Align::right, [](const EventRow& r) -> Cell { return r.event.source; },
     For::programs},
    {"channel", Align::right,
     [](const EventRow& r) -> Cell {
         if (r.event.channel == 0) return std::nullopt;
         return {r.event.channel, fmt::format("channel {}", r.event.channel)};
     }},
    {"text", Align::left, [](const EventRow& r) -> Cell { return r.event.text; }},
}};

void show(Context& context, const EventRow& row) {
    if (context.json) {
        context.out.print("{}\n", to_json<EventRow>(event_columns, row).done().text);
        return;
    }
    std::string line;
    for (const auto& column : event_columns) {
        const auto text = column.cell(row).text;
        if (column.whom == For::programs || text.empty() || text == "-") continue;
        line += (line.empty() ? "" : " ") + text;
    }
    context.out.print("{}\n", line);
}

Result<void> run_monitor(Context& context, const MonitorOptions& options) {
    catch_stop_signals();
    auto client = open_client(context);
    if (!client) return failure(client);
    auto events = client->events();
    if (!events) return failure(events);
    const auto start = steady_clock::now();
    for (std::uint64_t shown = 0; options.count == 0 || shown < options.count;) {
        const auto passed = steady_clock::now() - start;
        const bool timed = options.seconds.count() != 0;
        if (stop_requested() || (timed && passed >= options.seconds)) break;
        auto event = events->next(timed ? std::min<nanoseconds>(tick, options.seconds - passed)
                                        : nanoseconds{tick});
        if (!event) return failure(event);
        if (!*event) {
            if (context.out.reader_gone()) break;
            continue;
        }
        show(context, {**event, Clock{}});  // anew: somebody may have set it
        ++shown;
        if (!context.out.flush()) break;
    }
    return {};
}

}  // namespace

void set_up_monitor(CommandLine& line) {
    auto options = std::make_shared<MonitorOptions>();
    line.count("-c,--count", options->count, "end after N events");
    line.parsed("--seconds", options->seconds, parse_seconds, "N", "end after N seconds");
    line.run([options](Context& context) { return run_monitor(context, *options); });
}

}  // namespace statctl
