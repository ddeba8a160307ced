// SPDX-License-Identifier: MIT
//
// statctl samples: packets of a source as they are sampled.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "channel_text.hpp"
#include "command.hpp"
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
};

// A capture file, or standard output.
class Destination {
  public:
    Destination() = default;
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;
    ~Destination() {
        if (fd_ >= 0) ::close(fd_);
    }

    [[nodiscard]] Result<Out*> open(Context& context, const std::string& name) {
        name_ = name;
        if (name.empty() || name == "-") return &context.out;
        fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd_ < 0)
            return failure(std::error_code{errno, std::generic_category()}, what(), why(errno));
        return &file_.emplace(fd_);
    }
    /// What went wrong with a file; standard output is looked after by main().
    [[nodiscard]] Result<void> check() const {
        if (!file_ || file_->error() == 0) return {};
        const int error = file_->error();
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
    Reader(const SamplesOptions& options, statchan::Stream& stream, SampleSink& sink, Out& out)
        : options_{options}, stream_{stream}, sink_{sink}, out_{out} {}

    /// Errors of the stream; its end is none.
    [[nodiscard]] Result<void> run();
    [[nodiscard]] std::uint64_t shown() const noexcept { return shown_; }
    [[nodiscard]] bool source_gone() const noexcept { return source_gone_; }

  private:
    [[nodiscard]] bool wants_more() const;
    [[nodiscard]] nanoseconds patience() const;
    void take(const statchan::Batch& batch);
    void show_progress();

    const SamplesOptions& options_;
    statchan::Stream& stream_;
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
        } else {
            sink_.sample(*item.sample());
            ++shown_;
        }
    }
}

// While nothing else is shown, people at a terminal see that something happens.
void Reader::show_progress() {
    const bool silent = options_.quiet || !options_.file.empty();
    const auto now = steady_clock::now();
    if (!silent || now < next_progress_ || ::isatty(2) != 1) return;
    next_progress_ = now + std::chrono::seconds{1};
    fmt::print(stderr, "\r{} samples, {} lost \033[K", shown_, lost_);
}

Result<void> Reader::run() {
    while (wants_more()) {
        const auto batch = stream_.next(patience());
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
        fmt::print(stderr, "statctl: {}: {}\n", doing, reason);
        return {};
    }
    return failure(statchan::errc::end_of_stream, doing,
                   fmt::format("{} after {} of {} samples", reason, shown, options.count));
}

Result<void> run_samples(Context& context, const SamplesOptions& options) {
    if (options.file == "-" && context.out.is_terminal()) {
        throw UsageError{
            "-w -: a terminal can not show a capture; name a file, or pipe into "
            "wireshark -k -i -"};
    }
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
    fmt::print(stderr, "statctl: reading samples of {} over {}: {}\n", options.source,
               stream->transport(), describe(stream->effective(), stream->requested()));

    Reader reader{options, *stream, *sink, **out};
    auto result = reader.run();
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
    if (result = destination.check(); !result) return result;
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
    add_channel_options(line, options->config);
    line.run([options](Context& context) { return run_samples(context, *options); });
}

}  // namespace statctl
