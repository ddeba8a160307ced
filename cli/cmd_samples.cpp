// SPDX-License-Identifier: MIT
//
// statctl samples: packets of a source as they are sampled.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <statchan/ordered.hpp>
#include <thread>
#include <tuple>
#include <utility>

#include "channel_text.hpp"
#include "command.hpp"
#include "remark.hpp"
#include "sample_sink.hpp"
#include "signals.hpp"

namespace statctl {

namespace {

using std::chrono::steady_clock;

struct SamplesOptions {
    std::string source;
    statchan::ChannelConfig config;
    std::uint64_t count = 0;  // 0: no end
    nanoseconds seconds{0};   // 0: no end
    std::string file;         // -w; empty: none
    bool hexdump = false;
    bool verbose = false;
    bool quiet = false;
    bool strict = false;
    bool overwrite = false;
    nanoseconds last{0};  // of mode overwrite: 0 is all there is
    bool ordered = false;
    nanoseconds order_delay{0};  // 0: the library's choice
};

// A capture file, or standard output.
class Destination {
  public:
    Destination() = default;
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;
    ~Destination() { std::ignore = close(); }

    [[nodiscard]] Result<Out*> open(Context& context, const std::string& name) {
        name_ = name;
        if (name.empty() || name == "-") return &context.out;
        fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd_ < 0)
            return failure(std::error_code{errno, std::generic_category()}, what(), why(errno));
        return &file_.emplace(fd_);
    }
    /// What went wrong with a file: some disks say only now that they are full. Standard output is
    /// looked after by main().
    [[nodiscard]] Result<void> close() {
        const int fd = std::exchange(fd_, -1);
        if (fd < 0) return {};
        const int closing = ::close(fd) == 0 ? 0 : errno;
        const int error = file_->error() != 0 ? file_->error() : closing;
        if (error == 0) return {};
        return failure(std::error_code{error, std::generic_category()}, what(), why(error));
    }

  private:
    [[nodiscard]] std::string what() const { return fmt::format("write '{}'", name_); }
    [[nodiscard]] static std::string why(int error) {
        return std::generic_category().message(error);
    }

    int fd_ = -1;
    std::string name_;
    std::optional<Out> file_;
};

// Reads a stream to its end, or to the end that the user set.
class Reader {
  public:
    Reader(const SamplesOptions& options, statchan::Client& client, statchan::Stream& stream,
           SampleSink& sink, Out& out)
        : options_{options}, client_{client}, stream_{stream}, sink_{sink}, out_{out} {}

    /// Errors of the stream; its end is none.
    [[nodiscard]] Result<void> run();
    /// Shows what came before the end, but is held back to be put in order.
    [[nodiscard]] Result<void> show_held();
    /// Takes the stream off its source and counts what is still in it, so that the books can close.
    [[nodiscard]] Result<void> finish();
    [[nodiscard]] std::uint64_t shown() const noexcept { return shown_; }
    /// Samples that --ordered could not put in order.
    [[nodiscard]] std::uint64_t late() const noexcept { return ordered_ ? ordered_->late() : 0; }
    [[nodiscard]] bool source_gone() const noexcept { return source_gone_; }

  private:
    [[nodiscard]] bool wants_more() const;
    [[nodiscard]] nanoseconds patience() const;
    [[nodiscard]] Result<void> read();
    [[nodiscard]] Result<void> record();
    [[nodiscard]] Result<statchan::Batch> next(nanoseconds timeout);
    void take(const statchan::Batch& batch);
    void switch_transport();
    void show_progress();

    const SamplesOptions& options_;
    statchan::Client& client_;
    statchan::Stream& stream_;
    std::optional<statchan::OrderedStream> ordered_;
    statchan::Time from_{};                         // show no samples before
    statchan::Time until_ = statchan::Time::max();  // nor after
    SampleSink& sink_;
    Out& out_;
    steady_clock::time_point start_ = steady_clock::now();
    steady_clock::time_point next_progress_ = start_ + std::chrono::seconds{1};
    std::uint64_t shown_ = 0;
    std::uint64_t lost_ = 0;
    bool source_gone_ = false;
};

bool Reader::wants_more() const {
    if (stop_requested() || out_.error() != 0) return false;
    if (options_.count != 0 && shown_ >= options_.count) return false;
    return options_.seconds.count() == 0 || steady_clock::now() - start_ < options_.seconds;
}

nanoseconds Reader::patience() const {
    if (options_.seconds.count() == 0) return tick;
    const auto left = options_.seconds - (steady_clock::now() - start_);
    return std::clamp<nanoseconds>(left, nanoseconds{0}, tick);
}

void Reader::take(const statchan::Batch& batch) {
    for (const auto& item : batch) {
        if (options_.count != 0 && shown_ >= options_.count) return;
        if (const auto gap = item.gap()) {
            sink_.gap(*gap);
            lost_ += gap->count;
        } else if (const auto sample = item.sample();
                   sample->time() >= from_ && sample->time() <= until_) {
            sink_.sample(*sample);
            ++shown_;
        }
    }
}

// To the next in the list of those that can carry samples as these are asked for.
void Reader::switch_transport() {
    using statchan::Capability;
    const auto all = statchan::transports();
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const auto& t) { return t.name == stream_.transport(); });
    for (std::size_t i = 1; i < all.size(); ++i) {
        const auto& to = all[(static_cast<std::size_t>(at - all.begin()) + i) % all.size()];
        if (!to.capabilities.has(Capability::samples) || !to.unusable.empty()) continue;
        if (options_.overwrite && !to.capabilities.has(Capability::overwrite)) continue;
        const std::string from{stream_.transport()};
        const auto done = client_.switch_transport(stream_, to.name);
        if (done) {
            remark("statctl: switched from {} to {}: {}\n", from, to.name,
                   describe(stream_.effective(), stream_.requested()));
        } else {
            remark("statctl: {}; goes on over {}\n", done.error().message(), from);
        }
        return;
    }
}

Result<statchan::Batch> Reader::next(nanoseconds timeout) {
    return ordered_ ? ordered_->next(timeout) : stream_.next(timeout);
}

// While nothing else is shown, people at a terminal see that something happens.
void Reader::show_progress() {
    const bool silent = options_.quiet || !options_.file.empty();
    const auto now = steady_clock::now();
    if (!silent || now < next_progress_ || ::isatty(2) != 1) return;
    next_progress_ = now + std::chrono::seconds{1};
    remark("\r{} samples, {} lost \033[K", shown_, lost_);
}

Result<void> Reader::read() {
    while (wants_more()) {
        if (switch_requested()) switch_transport();
        const auto batch = next(patience());
        if (!batch && batch.error() == statchan::errc::end_of_stream) {
            source_gone_ = true;
            return {};
        }
        if (!batch) return tl::unexpected(batch.error());
        take(*batch);
        out_.flush();
        if (batch->empty() && out_.reader_gone()) return {};
        show_progress();
    }
    return {};
}

// Mode overwrite: nothing is read until the end is asked for; then what the buffers hold.
Result<void> Reader::record() {
    while (wants_more()) {
        if (switch_requested()) switch_transport();
        pollfd none{.fd = -1, .events = 0, .revents = 0};
        ::poll(&none, 1, static_cast<int>(patience() / std::chrono::milliseconds{1}));
        const auto info = client_.source(options_.source);
        source_gone_ = !info && info.error() == statchan::errc::no_such_source;
        if (source_gone_) break;
    }
    if (auto stopped = stream_.stop(); !stopped) return tl::unexpected(stopped.error());
    if (options_.last.count() != 0) from_ = steady_clock::now() - options_.last;
    for (;;) {
        const auto batch = next(nanoseconds{-1});
        if (!batch && batch.error() == statchan::errc::end_of_stream) return {};
        if (!batch) return tl::unexpected(batch.error());
        take(*batch);
        if (!out_.flush()) return {};
    }
}

Result<void> Reader::run() {
    if (options_.ordered) {
        const auto delay = options_.order_delay.count() != 0
                               ? options_.order_delay
                               : statchan::OrderedStream::default_delay(stream_.effective());
        auto ordered = statchan::OrderedStream::make(stream_, delay);
        if (!ordered) return tl::unexpected(ordered.error());
        ordered_.emplace(std::move(*ordered));
    }
    return options_.overwrite ? record() : read();
}

// Stopped, the stream ends and all comes at once; one that others share goes on, then it takes the
// delay.
Result<void> Reader::show_held() {
    if (!ordered_ || source_gone_ || (options_.count != 0 && shown_ >= options_.count)) return {};
    until_ = steady_clock::now();
    std::ignore = stream_.stop();
    while (steady_clock::now() <= until_ + ordered_->delay() + tick && out_.error() == 0) {
        const auto batch = next(tick);
        if (!batch && batch.error() == statchan::errc::end_of_stream) return {};
        if (!batch) return tl::unexpected(batch.error());
        take(*batch);
        out_.flush();
    }
    return {};
}

Result<void> Reader::finish() {
    if (auto stopped = stream_.stop(); !stopped) return tl::unexpected(stopped.error());
    for (;;) {
        const auto batch = stream_.next(nanoseconds{-1});
        if (!batch && batch.error() == statchan::errc::end_of_stream) return {};
        if (!batch) return tl::unexpected(batch.error());
    }
}

std::unique_ptr<SampleSink> make_sink(const Context& context, const SamplesOptions& options,
                                      const statchan::Stream& stream, Out& out) {
    const SampleStyle style{.source = options.source,
                            .hexdump = options.hexdump,
                            .verbose = options.verbose,
                            .transport = std::string{stream.transport()},
                            .config = stream.effective()};
    if (!options.file.empty()) return make_pcapng_sink(out, style);
    if (options.quiet) return make_quiet_sink();
    return context.json ? make_json_sink(out, style) : make_text_sink(out, style);
}

void print_account(Out& out, bool json, const SamplesOptions& options,
                   const statchan::Stream& stream, const statchan::Ledger& ledger,
                   std::uint64_t shown) {
    if (!json) {
        out.print("{} samples of {} over {}\n", shown, options.source, stream.transport());
        return print_ledger_text(out, ledger);
    }
    JsonObject account;
    account.add("type", "ledger")
        .add("source", options.source)
        .add("transport", stream.transport())
        .add("channel", stream.channel())
        .add("shown", shown)
        .add("requested", to_json(stream.requested()).done())
        .add("effective", to_json(stream.effective()).done())
        .add(to_json(ledger));
    out.print("{}\n", account.done().text);
}

// Streams also end when an interface goes down, which it does shortly before it is deleted: only
// a source that is still there after a moment was not on its way out.
bool source_stays(const statchan::Client& client, const std::string& source) {
    const auto deadline = steady_clock::now() + std::chrono::milliseconds{300};
    while (client.source(source)) {
        if (steady_clock::now() > deadline) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
}

// The stream ended by itself: say why, and whether that was too early.
Result<void> explain_end(const statchan::Client& client, const SamplesOptions& options,
                         std::uint64_t shown) {
    const std::string reason = source_stays(client, options.source)
                                   ? "end of stream: its interface went down"
                                   : "end of stream: source is gone";
    const auto doing = fmt::format("read samples of '{}'", options.source);
    if (options.count == 0 || shown >= options.count) {
        remark("statctl: {}: {}\n", doing, reason);
        return {};
    }
    return failure(statchan::errc::end_of_stream, doing,
                   fmt::format("{} after {} of {} samples", reason, shown, options.count));
}

Result<void> run_samples(Context& context, const SamplesOptions& options) {
    if (options.last.count() != 0 && !options.overwrite)
        throw UsageError{"--last: only with --overwrite, which keeps the last records"};
    if (options.file == "-" && context.out.is_terminal()) {
        throw UsageError{
            "-w -: a terminal can not show a capture; name a file, or pipe into "
            "wireshark -k -i -"};
    }
    if (options.order_delay.count() != 0 && !options.ordered)
        throw UsageError{"--order-delay: nothing is put in order without --ordered"};
    catch_stop_signals();
    auto client = open_client(context);
    if (!client) return failure(client);
    auto stream = client->subscribe(options.source, options.config);
    if (!stream) return failure(stream);

    Destination destination;
    const auto out = destination.open(context, options.file);
    if (!out) return tl::unexpected(out.error());
    const auto sink = make_sink(context, options, *stream, **out);
    (*out)->flush();  // the head of a capture file, for those who wait for it
    remark("statctl: reading samples of {} over {}: {}\n", options.source, stream->transport(),
           describe(stream->effective(), stream->requested()));

    const bool shows_nothing = options.quiet || (!options.file.empty() && options.file != "-");
    catch_switch_requests(shows_nothing || ::isatty(STDOUT_FILENO) == 1);
    Reader reader{options, *client, *stream, *sink, **out};
    auto result = reader.run();
    if (result) result = reader.show_held();
    if (options.strict && result) result = reader.finish();
    const auto ledger = stream->ledger();
    if (ledger) {
        if ((*out)->error() == 0) sink->end(*ledger);
        (*out)->flush();
        Out err{2};
        const bool to_stdout = context.json && options.file != "-";
        if (::isatty(2) == 1) err.write("\r\033[K");
        print_account(to_stdout ? context.out : err, context.json, options, *stream, *ledger,
                      reader.shown());
        err.flush();
    }
    if (!result) return result;
    if (!ledger) return tl::unexpected(ledger.error());
    if (reader.late() != 0)
        remark("statctl: {} samples came too late to be put in order\n", reader.late());
    if (result = destination.close(); !result) return result;
    if (options.strict && !ledger->closes()) {
        return failure(statchan::errc::bad_data,
                       fmt::format("close the books of '{}'", options.source),
                       "they do not: see the ledger above");
    }
    if (reader.source_gone()) return explain_end(*client, options, reader.shown());
    return {};
}

void add_channel_options(CommandLine& line, statchan::ChannelConfig& config) {
    line.title("Channel options");
    line.parsed("--rate", config.rate, parse_rate, "1:N",
                "take 1 in N packets (as the source does)");
    line.number("--snaplen", config.snaplen, "captured bytes of a packet (128)");
    line.number("--watermark", config.watermark_records, "wake up after so many records (64),");
    line.number("--watermark-bytes", config.watermark_bytes, "or so many bytes,");
    line.parsed("--timeout", config.timeout, parse_timeout, "TIME",
                "or when a record has waited so long; or never (10ms)");
    line.size("--buffer", config.buffer_size, "buffer per CPU (1M)");
    line.number("--subbufs", config.subbufs, "relay: sub-buffers per CPU (8)");
    line.size("--batch", config.batch_bytes, "bytes read at once (256K)");
    line.size("--receive-buffer", config.receive_buffer, "netlink: socket buffer (8M)");
    line.title("Options");
}

}  // namespace

void set_up_samples(CommandLine& line) {
    auto options = std::make_shared<SamplesOptions>();
    line.argument("SOURCE", options->source, source_help);
    line.count("-c,--count", options->count, "end after N samples");
    line.parsed("--seconds", options->seconds, parse_seconds, "N", "end after N seconds");
    line.option("-w,--write", options->file, "FILE",
                "write a pcapng capture; - is standard output");
    line.flag("-x,--hexdump", options->hexdump, "show the captured bytes");
    line.flag("-v,--verbose", options->verbose, "show CPU, sequence number, rate and queue");
    line.flag("-q,--quiet", options->quiet, "show no packets, only the ledger");
    line.flag("--strict", options->strict,
              "read all there is at the end; fail if the books do not close");
    line.flag("--ordered", options->ordered, "put the packets of all CPUs in the order of time");
    line.duration("--order-delay", options->order_delay,
                  "hold packets back so long for that (twice --timeout and 20ms)");
    line.flag("--overwrite", options->overwrite,
              "flight recorder: keep the newest, show them at the end");
    line.parsed("--last", options->last, parse_seconds, "N", "of those only the last N seconds");
    add_channel_options(line, options->config);
    line.run([options](Context& context) {
        if (options->overwrite) options->config.mode = statchan::Mode::overwrite;
        return run_samples(context, *options);
    });
}

}  // namespace statctl
