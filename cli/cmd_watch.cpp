// SPDX-License-Identifier: MIT
//
// statctl watch: how fast the counters of a source change.
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "clock.hpp"
#include "command.hpp"
#include "counter_columns.hpp"
#include "remark.hpp"
#include "signals.hpp"
#include "snapshot_text.hpp"

namespace statctl {

namespace {

using std::chrono::steady_clock;

struct WatchOptions {
    std::string source;
    CounterFilter filter;
    nanoseconds interval = std::chrono::seconds{1};
    std::uint64_t count = 0;  // 0: no end
    bool all = false;
    bool live = false;
};

struct RateRow {
    statchan::CounterRef ref;
    std::uint64_t value = 0;
    std::uint64_t before = 0;
    double seconds = 0;

    [[nodiscard]] bool changed() const noexcept { return value != before; }
    // Counters only grow, and wrap: a step of more than half of all numbers is a new start.
    [[nodiscard]] bool restarted() const noexcept {
        return ref.field->type == statchan::FieldType::counter && value - before > INT64_MAX;
    }
};

Cell change(const RateRow& row) {
    if (row.restarted()) return {nullptr, "restarted"};
    const auto step = static_cast<std::int64_t>(row.value - row.before);
    Cell cell{step, step == 0 ? "-" : fmt::format("{:+}", step)};
    cell.marked = row.changed();
    return cell;
}

Cell per_second(const RateRow& row) {
    if (row.restarted() || row.seconds <= 0) return std::nullopt;
    const auto step = static_cast<double>(static_cast<std::int64_t>(row.value - row.before));
    Cell cell{step / row.seconds, step == 0 ? "-" : format_rate(step / row.seconds)};
    cell.marked = row.changed();
    return cell;
}

constexpr std::array<Column<RateRow>, 8> rate_columns{{
    group_column<RateRow>,
    instance_column<RateRow>,
    field_column<RateRow>,
    {"value", Align::right, [](const RateRow& row) -> Cell { return row.value; }},
    {"change", Align::right, change},
    {"per_second", Align::right, per_second},
    type_column<RateRow>,
    unit_column<RateRow>,
}};

// Where snapshots come from: one request each, or the kernel's own refreshes.
class Feed {
  public:
    [[nodiscard]] static Result<Feed> open(const Context& context, const WatchOptions& options) {
        auto client = open_client(context);
        if (!client) return failure(client);
        Feed feed{std::move(*client), options.source};
        if (options.live) {
            auto live = feed.client_.live(options.source, options.interval);
            if (!live) return failure(live);
            feed.live_.emplace(std::move(*live));
        }
        return feed;
    }

    [[nodiscard]] Result<statchan::Snapshot> take() {
        auto snapshot = take_one();
        if (!snapshot) return snapshot;
        // the client finds another one of that name, whose counters are others
        if (snapshots_ != 0 && snapshot->info().source != id_)
            return failure(statchan::errc::end_of_stream, fmt::format("watch '{}'", source_),
                           "source is gone, and another one has its name");
        count(snapshot->info());
        return snapshot;
    }
    [[nodiscard]] std::string_view transport() const { return client_.transport(); }

    /// What became of all that was asked for.
    void print_account(Out& out, bool json) const;

  private:
    Feed(statchan::Client client, std::string source)
        : client_{std::move(client)}, source_{std::move(source)} {}

    [[nodiscard]] Result<statchan::Snapshot> take_one() {
        if (!live_) return client_.snapshot(source_);
        for (;;) {
            auto copy = live_->copy();
            const bool early = !copy && copy.error().is(std::errc::resource_unavailable_try_again);
            if (!early || stop_requested()) return copy;
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
    }
    void count(const statchan::SnapshotInfo& info) {
        if (snapshots_++ == 0) {
            first_ = info.generation;
            id_ = info.source;
        }
        last_ = info.generation;
        if (info.torn) ++torn_;
    }

    statchan::Client client_;
    std::string source_;
    std::optional<statchan::LiveSnapshot> live_;
    std::uint64_t snapshots_ = 0;
    std::uint32_t id_ = 0;     // of the source
    std::uint64_t first_ = 0;  // generation
    std::uint64_t last_ = 0;
    std::uint64_t torn_ = 0;
};

void Feed::print_account(Out& out, bool json) const {
    const auto retries = live_ ? live_->torn() : 0;
    const auto failed = live_ ? live_->errors() : 0;
    if (json) {
        JsonObject object;
        object.add("type", "ledger")
            .add("source", source_)
            .add("transport", transport())
            .add("snapshots", snapshots_)
            .add("first_generation", first_)
            .add("last_generation", last_)
            .add("torn", torn_)
            .add("retries", retries)
            .add("failed_refreshes", failed);
        return out.print("{}\n", object.done().text);
    }
    out.print("{} snapshots of {} over {}: generations {} to {}, {} torn", snapshots_, source_,
              transport(), first_, last_, torn_);
    if (live_) out.print(", {} read again, {} refreshes failed", retries, failed);
    out.write("\n");
}

// Compares each snapshot with the one before and prints what happened.
class Watcher {
  public:
    Watcher(Context& context, const WatchOptions& options, std::string_view transport,
            std::vector<statchan::CounterRef> counters)
        : context_{context},
          options_{options},
          transport_{transport},
          counters_{std::move(counters)},
          active_(counters_.size(), options.all),
          full_screen_{!context.json && context.out.is_terminal()} {}

    void show(const statchan::Snapshot& before, const statchan::Snapshot& now);

  private:
    [[nodiscard]] std::vector<RateRow> rows(const statchan::Snapshot& before,
                                            const statchan::Snapshot& now);
    void print_screen(const std::string& head, const TextTable& table);

    Context& context_;
    const WatchOptions& options_;
    std::string_view transport_;
    std::vector<statchan::CounterRef> counters_;
    std::vector<bool> active_;  // has changed since the start, or is to be shown anyway
    bool full_screen_;
};

// On a screen a row that changed once stays, so that the eye finds it again; in a log each
// block has just what changed.
std::vector<RateRow> Watcher::rows(const statchan::Snapshot& before,
                                   const statchan::Snapshot& now) {
    const std::chrono::duration<double> time = now.info().end - before.info().end;
    std::vector<RateRow> result;
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        const RateRow row{counters_[i], now[counters_[i]], before[counters_[i]], time.count()};
        if (full_screen_ && row.changed()) active_[i] = true;
        if (active_[i] || row.changed()) result.push_back(row);
    }
    return result;
}

void Watcher::show(const statchan::Snapshot& before, const statchan::Snapshot& now) {
    const SnapshotHead head{options_.source, transport_, now.info(), now.counters().size()};
    const Clock clock;  // anew: somebody may have set it
    const auto shown = rows(before, now);
    auto& out = context_.out;
    if (context_.json) {
        JsonObject object;
        object.add("unix_ns", clock.unix_ns(now.info().end)).add(to_json(head));
        object.add("interval_ns", (now.info().end - before.info().end).count());
        print_json_with_rows<RateRow>(out, object, "counters", rate_columns, shown,
                                      all_in_one_line);
        return;
    }
    const auto title = fmt::format("{} {}", clock.time_of_day(now.info().end), describe(head));
    const auto table = to_text<RateRow>(rate_columns, shown);
    if (full_screen_) return print_screen(title, table);
    out.print("{}\n", title);
    if (shown.empty()) {
        out.write("nothing changed\n");
    } else {
        table.print(out, false);
    }
    out.write("\n");
}

void Watcher::print_screen(const std::string& head, const TextTable& table) {
    constexpr unsigned lines_around = 4;  // title, head of the table, rest, prompt
    auto& out = context_.out;
    const auto size = terminal_size(1);
    const std::size_t room = size.rows > lines_around ? size.rows - lines_around : SIZE_MAX;
    out.print("\033[H\033[J{}\n", head);
    if (table.rows() == 0) {
        out.write("nothing has changed yet; --all shows every counter\n");
        return;
    }
    table.print(out, out.colour(), room);
    if (table.rows() > room) {
        out.print("... {} more; narrow with --group, --instance, --field\n", table.rows() - room);
    }
}

// Not by asking for the source again: it is in the list a little longer than it can be read.
Result<void> end_of_watch(const WatchOptions& options, Error error, std::uint64_t shown) {
    if (error != statchan::errc::no_such_source && error != statchan::errc::end_of_stream)
        return tl::unexpected(std::move(error));
    const auto doing = fmt::format("watch '{}'", options.source);
    if (options.count == 0) {
        remark("statctl: {}: source is gone\n", doing);
        return {};
    }
    return failure(statchan::errc::end_of_stream, doing,
                   fmt::format("source is gone after {} of {} intervals", shown, options.count));
}

// Until the user has seen enough, or the source is gone.
Result<void> watch(Context& context, const WatchOptions& options, Feed& feed,
                   statchan::Snapshot before, std::vector<statchan::CounterRef> counters) {
    Watcher watcher{context, options, feed.transport(), std::move(counters)};
    auto due = steady_clock::now();
    for (std::uint64_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
        due = std::max(due + options.interval, steady_clock::now());
        if (!sleep_until(due, context.out)) break;
        auto now = feed.take();
        if (!now) return end_of_watch(options, std::move(now.error()), shown);
        watcher.show(before, *now);
        if (!context.out.flush()) break;
        before = std::move(*now);
    }
    return {};
}

Result<void> run_watch(Context& context, const WatchOptions& options) {
    catch_stop_signals();
    auto feed = Feed::open(context, options);
    if (!feed) return failure(feed);
    auto before = feed->take();
    if (!before) return failure(before);
    auto counters = options.filter.select(before->schema(), options.source);
    if (!counters) return failure(counters);

    auto result = watch(context, options, *feed, std::move(*before), std::move(*counters));
    Out err{2};
    feed->print_account(context.json ? context.out : err, context.json);
    err.flush();
    return result;
}

}  // namespace

void set_up_watch(CommandLine& line) {
    auto options = std::make_shared<WatchOptions>();
    line.argument("SOURCE", options->source, source_help);
    options->filter.add_to(line);
    line.parsed("-i,--interval", options->interval, parse_interval, "TIME",
                "time between snapshots (1s)");
    line.count("-c,--count", options->count, "end after N intervals");
    line.flag("-a,--all", options->all, "also counters that do not change");
    line.flag("--live", options->live, "read the kernel's live snapshot in shared memory (mmap)");
    line.run([options](Context& context) { return run_watch(context, *options); });
}

}  // namespace statctl
