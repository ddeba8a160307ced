// SPDX-License-Identifier: MIT
#include "stream.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "../abi.hpp"

namespace statchan::detail {
namespace {

constexpr std::size_t default_receive_buffer = std::size_t{8} << 20;
constexpr nanoseconds look_again{100'000'000};

void put_config(Request& request, const ChannelConfig& config) {
    const auto kernel = from_config(config);
    const auto nest = request.begin_nest(STATCHAN_A_CONFIG);
    request.put_u32(STATCHAN_C_RATE, kernel.rate)
        .put_u32(STATCHAN_C_SNAPLEN, kernel.snaplen)
        .put_u32(STATCHAN_C_WATERMARK_RECORDS, kernel.watermark_records)
        .put_u32(STATCHAN_C_WATERMARK_BYTES, kernel.watermark_bytes)
        .put_u64(STATCHAN_C_TIMEOUT, kernel.timeout_ns)
        .put_u64(STATCHAN_C_BUFFER_SIZE, kernel.buffer_size);
    request.end_nest(nest);
}

ChannelConfig get_config(std::span<const std::byte> nest) {
    Attrs attrs;
    if (!parse_attrs(nest, attrs)) return {};
    statchan_channel_config config{};
    config.rate = attrs.u32(STATCHAN_C_RATE).value_or(0);
    config.snaplen = attrs.u32(STATCHAN_C_SNAPLEN).value_or(0);
    config.watermark_records = attrs.u32(STATCHAN_C_WATERMARK_RECORDS).value_or(0);
    config.watermark_bytes = attrs.u32(STATCHAN_C_WATERMARK_BYTES).value_or(0);
    config.timeout_ns = attrs.u64(STATCHAN_C_TIMEOUT).value_or(0);
    config.buffer_size = attrs.u64(STATCHAN_C_BUFFER_SIZE).value_or(0);
    return to_config(config);
}

struct Opened {
    std::uint32_t channel = 0;
    std::string group;
    ChannelConfig effective;
    std::uint32_t step = 1;
    bool shared = false;  // others had opened it before
};

Result<Opened> open_channel(Link& link, const Subscription& wanted, Task task) {
    auto request = link.request(STATCHAN_CMD_CHANNEL_OPEN);
    request.put_id(STATCHAN_A_SOURCE, wanted.source.id);
    if (wanted.follows != 0) request.put_id(STATCHAN_A_FOLLOWS, wanted.follows);
    put_config(request, wanted.config);
    Opened opened;
    auto done = link.exchange(std::move(request), task, [&](const Message& m) -> Result<void> {
        opened.channel = m.attrs.u32(STATCHAN_A_CHANNEL).value_or(0);
        opened.group = m.attrs.text(STATCHAN_A_GROUP);
        opened.effective = get_config(m.attrs.bytes(STATCHAN_A_EFFECTIVE));
        opened.step = m.attrs.u32(STATCHAN_A_STEP).value_or(1);
        opened.shared = (m.attrs.u32(STATCHAN_A_FLAGS).value_or(0) & STATCHAN_CHAN_SHARED) != 0;
        return {};
    });
    if (!done) return source_failed(std::move(done.error()));
    if (opened.channel == 0 || opened.effective.snaplen > STATCHAN_SNAPLEN_MAX)
        return fail_data(task, "the kernel's answer makes no sense");
    return opened;
}

// The socket asks and then listens; blocking while it asks.
Result<void> join(Link& link, const std::string& name, Task task) {
    const auto group = link.family().groups.find(name);
    if (group == link.family().groups.end())
        return fail_data(task, fmt::format("there is no multicast group '{}'", name));
    return join_group(link.socket().fd(), group->second, task);
}

}  // namespace

Result<std::unique_ptr<StreamBackend>> open_netlink_stream(std::string_view transport,
                                                           SocketFactory factory,
                                                           const Family& family,
                                                           std::uint32_t nr_cpus,
                                                           const Subscription& wanted) {
    const auto& [source, config, follows] = wanted;
    const auto verb = fmt::format("subscribe over {} to", transport);
    const Task task{verb, source.name};
    const auto receive_buffer =
        config.receive_buffer != 0 ? config.receive_buffer : default_receive_buffer;
    auto link = Link::open(factory, family, {.receive_buffer = receive_buffer});
    if (!link) return pass_on(std::move(link.error()));
    auto opened = open_channel(*link, wanted, task);
    if (!opened) return pass_on(std::move(opened.error()));
    if (auto joined = join(*link, opened->group, task); !joined)
        return pass_on(std::move(joined.error()));
    if (auto set = set_nonblocking(link->socket().fd()); !set) return pass_on(set.error());
    // Now, because the thread may be in another network namespace when the ledger is asked for.
    auto asking = Link::open(factory, link->family(), {});
    if (!asking) return pass_on(std::move(asking.error()));
    auto ledger = read_ledger(*asking, opened->channel, task);
    if (!ledger) return pass_on(std::move(ledger.error()));
    Positions positions{nr_cpus};
    // Of a channel of our own everything is sent to us, also what came before we had joined.
    if (opened->shared)
        for (const auto& entry : ledger->cpus)
            positions.joined_at(entry.cpu, entry.accepted.value_or(0), entry.next_seq.value_or(0));

    // Its last message may have been sent before we were there.
    const bool ended = (ledger->flags & STATCHAN_CHAN_EOS) != 0;

    StreamIdentity identity{.transport = transport,
                            .source = std::string{source.name},
                            .channel = opened->channel,
                            .nr_cpus = nr_cpus,
                            .requested = config,
                            .effective = opened->effective,
                            .step = opened->step};
    identity.effective.batch_bytes = effective_batch_bytes(config, opened->effective.snaplen);
    identity.effective.receive_buffer = receive_buffer_of(link->socket().fd());
    return NetlinkStream::make(std::move(identity), std::move(*link), std::move(*asking),
                               std::move(positions), ended);
}

NetlinkStream::NetlinkStream(StreamIdentity identity, Link link, Link asking, Positions positions,
                             bool ended, Readiness readiness)
    : StreamBackend{std::move(identity)},
      link_{std::move(link)},
      asking_{std::move(asking)},
      positions_{std::move(positions)},
      readiness_{std::move(readiness)},
      end_{ended ? End::unsure : End::untroubled} {}

Result<std::unique_ptr<StreamBackend>> NetlinkStream::make(StreamIdentity identity, Link link,
                                                           Link asking, Positions positions,
                                                           bool ended) {
    const auto source = identity.source;
    const Task watch{"watch the netlink socket of", source};
    auto readiness = Readiness::of(link.socket().fd(), watch);
    if (!readiness) return pass_on(std::move(readiness.error()));
    std::unique_ptr<NetlinkStream> stream{new NetlinkStream{std::move(identity), std::move(link),
                                                            std::move(asking), std::move(positions),
                                                            ended, std::move(*readiness)}};
    if (auto set = stream->readiness_.set(stream->readable_from(), watch); !set)
        return pass_on(std::move(set.error()));
    return stream;
}

// ---- readiness ----

Result<Readiness> Readiness::of(int socket, Task task) {
    Fd both{::epoll_create1(EPOLL_CLOEXEC)};
    if (!both) return fail_errno(errno, task);
    Fd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (!timer) return fail_errno(errno, task);
    for (const int fd : {socket, timer.get()}) {
        epoll_event event{.events = EPOLLIN, .data = {}};
        if (::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event) < 0) return fail_errno(errno, task);
    }
    return Readiness{std::move(both), std::move(timer)};
}

Result<void> Readiness::set(Time from, Task task) {
    if (from == from_) return {};
    itimerspec when{};  // zeroes: never
    if (from != never) {
        const auto ns = std::max<nanoseconds>(from.time_since_epoch(), nanoseconds{1});
        when.it_value.tv_sec = ns.count() / 1'000'000'000;
        when.it_value.tv_nsec = ns.count() % 1'000'000'000;
    }
    if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) < 0)
        return fail_errno(errno, task);
    from_ = from;
    return {};
}

// Nothing while all is well, so that receiving costs no system call more.
Readiness::Time NetlinkStream::readable_from() const noexcept {
    if (has_to_tell()) return Readiness::at_once;
    if (end_ == End::untroubled) return Readiness::never;
    if (end_ == End::suspected) return suspected_ + look_again;
    // Once in a while, and not put off by messages that go on to come.
    const auto now = std::chrono::steady_clock::now();
    const auto set = readiness_.from();
    return set > now && set <= now + look_again ? set : now + look_again;
}

// ---- receiving ----

// Until the socket is empty or the batch is full. What was received goes out even if trouble
// follows; the trouble comes with the next call, and fd() says that there is one.
Result<StreamBackend::Flow> NetlinkStream::collect() {
    receive();
    std::optional<Error> told;
    if (!collected()) told = std::exchange(trouble_, std::nullopt);
    auto set = readiness_.set(readable_from(), task("watch the netlink socket of"));
    if (!set && !told && !trouble_) (collected() ? trouble_ : told) = std::move(set.error());
    if (told) return Fail{std::move(*told)};
    return end_ == End::reached ? Flow::ended : Flow::open;
}

void NetlinkStream::receive() {
    auto& socket = link_.socket();
    bool came = false;
    while (!trouble_ && end_ != End::told && end_ != End::reached &&
           socket.held() < batch_bytes()) {
        auto received = socket.receive(*this);
        if (!received) {  // what it was is as lost as if the socket had thrown it away
            received.error().doing = task().text();
            trouble_ = std::move(received.error());
            ++not_received_;
            overrun_ = true;
            end_ = End::unsure;
        } else if (*received == Received::nothing) {
            break;
        } else if (*received == Received::some) {
            came = true;
        } else {
            // Which records these were shows in the position of the next message. If they were
            // notices only, it shows in a seq; and the next message may have been queued before.
            if (*received == Received::truncated) ++not_received_;  // the kernel counts overruns
            overrun_ = true;
            end_ = End::unsure;
        }
    }
    if (came && end_ == End::suspected) end_ = End::unsure;
    if (!trouble_ && !came && (end_ == End::unsure || end_ == End::suspected))
        if (auto looked = look_for_end(); !looked) trouble_ = std::move(looked.error());
    if (!trouble_ && end_ == End::told)
        if (auto finished = finish(); !finished) trouble_ = std::move(finished.error());
}

bool NetlinkStream::on_message(const Message& message) {
    if (trouble_ || message.cmd != STATCHAN_CMD_SAMPLES) return false;
    // Groups are reused: a late message of the channel that had it before is none of ours.
    if (message.attrs.u32(STATCHAN_A_CHANNEL) != identity_.channel) return false;
    if (auto taken = samples(message.attrs); !taken) trouble_ = std::move(taken.error());
    return true;
}

Result<void> NetlinkStream::samples(const Attrs& attrs) {
    if ((attrs.u32(STATCHAN_A_FLAGS).value_or(0) & STATCHAN_CHAN_EOS) != 0) end_ = End::told;
    const auto records = attrs.bytes(STATCHAN_A_DATA);
    if (!attrs.has(STATCHAN_A_DATA)) return {};
    const auto cpu = attrs.u32(STATCHAN_A_CPU);
    const auto position = attrs.u64(STATCHAN_A_POSITION);
    const auto count = attrs.u32(STATCHAN_A_COUNT);
    if (!cpu || *cpu >= positions_.cpus() || !position || !count)
        return fail_data(task(), "a message without a CPU that exists, position or count");
    if (*position > std::numeric_limits<std::uint64_t>::max() - *count)
        return fail_data(task(), fmt::format("a position of {} records", *position));
    if (reinterpret_cast<std::uintptr_t>(records.data()) % STATCHAN_ALIGN != 0)
        return fail_data(task(), "records that are not aligned");

    const auto lost = positions_.message(*cpu, *position, *count);
    if (lost != 0 && !accounting().expected(*cpu))
        if (auto known = find_beginning(*cpu); !known) return known;
    if (lost != 0 || overrun_)
        if (auto added = add_gap_before(*cpu, lost, LostReason::socket_overrun, records); !added)
            return added;
    auto added = add_chunk(records, {.cpu = *cpu});
    if (!added) return pass_on(std::move(added.error()));
    return {};
}

// A loss before the first record: where the channel began, its ledger knows. On a channel that
// others opened before us we have no beginning.
Result<void> NetlinkStream::find_beginning(std::uint32_t cpu) {
    if (positions_.before(cpu) != 0) return {};
    auto ledger = ask_ledger();
    if (!ledger) return pass_on(std::move(ledger.error()));
    for (const auto& entry : ledger->cpus)
        if (entry.cpu == cpu && entry.first_seq) begin_at(cpu, *entry.first_seq);
    return {};
}

void NetlinkStream::give_back() noexcept { link_.socket().release(); }

// ---- the end ----

nanoseconds NetlinkStream::patience() const noexcept {
    return end_ == End::unsure || end_ == End::suspected ? look_again : never;
}

// The socket is empty after an overrun. If the kernel says that the channel has ended, what it
// sends until we look again still comes, however often we are called meanwhile; after that the end
// is ours to tell.
Result<void> NetlinkStream::look_for_end() {
    const auto now = std::chrono::steady_clock::now();
    if (end_ == End::suspected) {
        if (now - suspected_ >= look_again) end_ = End::told;
        return {};
    }
    suspected_ = now;
    auto ledger = ask_ledger();
    if (!ledger) return pass_on(std::move(ledger.error()));
    end_ = (ledger->flags & STATCHAN_CHAN_EOS) != 0 ? End::suspected : End::untroubled;
    return {};
}

// What the channel accepted after the last message that came was lost, too.
Result<void> NetlinkStream::finish() {
    auto ledger = ask_ledger();
    if (!ledger) return pass_on(std::move(ledger.error()));
    for (const auto& entry : ledger->cpus) {
        if (entry.cpu >= positions_.cpus() || !entry.accepted) continue;
        if (auto added = finish_cpu(entry); !added) return added;
    }
    end_ = End::reached;
    return {};
}

Result<void> NetlinkStream::finish_cpu(const LedgerEntry& entry) {
    // Where nothing came, what others received before we joined is not missing.
    const auto first = std::max(entry.first_seq.value_or(0), positions_.joined_seq(entry.cpu));
    const auto lost = positions_.end(entry.cpu, *entry.accepted);
    if (lost != 0) {
        auto added = add_gap_at_end(entry.cpu, lost, LostReason::socket_overrun, first);
        if (!added) return added;
    }
    // Losses of the kernel's whose notices were among what the socket lost, or found no memory.
    const auto expected = accounting().expected(entry.cpu).value_or(first);
    if (!entry.next_seq || accounting().missing(expected, *entry.next_seq) == 0) return {};
    return add_gap_at_end(entry.cpu, accounting().missing(expected, *entry.next_seq),
                          LostReason::unreported, first);
}

// Start or stop: by the other socket, as ours is busy receiving.
Result<void> NetlinkStream::run(std::uint8_t cmd, std::string_view verb) {
    const auto ask = [&] {
        auto request = asking_.request(cmd);
        request.put_id(STATCHAN_A_CHANNEL, identity_.channel);
        return asking_.exchange(std::move(request), task(verb),
                                [](const Message&) -> Result<void> { return {}; });
    };
    auto done = ask();
    // If no answer came it may have been done: then a second time it is "already", or done again.
    if (!done && asking_.unfinished()) {
        done = ask();
        if (!done && done.error().is(std::errc::connection_already_in_progress)) return {};
    }
    if (!done) return source_failed(std::move(done.error()));
    return {};
}

// ---- ledger ----

Result<NetlinkLedger> NetlinkStream::ask_ledger() {
    return read_ledger(asking_, identity_.channel, task("read the ledger of"));
}

Result<Ledger> NetlinkStream::kernel_ledger() {
    auto read = ask_ledger();
    if (!read) return pass_on(std::move(read.error()));
    Ledger ledger{.end_of_stream = (read->flags & STATCHAN_CHAN_EOS) != 0,
                  .socket_drops = drops_of(link_.socket().fd())};
    if (ledger.socket_drops) *ledger.socket_drops += not_received_;
    for (const auto& entry : read->cpus) {
        StreamLedgerEntry mine{entry};
        if (mine.cpu < positions_.cpus()) mine.accepted_before = positions_.before(mine.cpu);
        ledger.cpus.push_back(mine);
    }
    return ledger;
}

}  // namespace statchan::detail
