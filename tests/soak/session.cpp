// SPDX-License-Identifier: MIT
#include "session.hpp"

namespace soak {

using statchan::Capability;
using statchan::Error;

namespace {

// A stream that has ended, or reached its end meanwhile, is read to it; so long at most.
constexpr auto patience = 60s;

// The source may be gone, or have other settings, at any time.
bool may_refuse_open(const Error& error) {
    return error.is(statchan::errc::no_such_source) || error.is(std::errc::no_such_device) ||
           error.is(std::errc::invalid_argument) ||         // a buffer too small for the snaplen
           error.is(std::errc::device_or_resource_busy) ||  // a rate that does not fit
           error.is(std::errc::no_space_on_device);         // no multicast group is free
}

bool may_refuse_switch(const Error& error) {
    return may_refuse_open(error) || error.is(statchan::errc::not_supported) ||
           error.is(std::errc::no_such_file_or_directory);
}

}  // namespace

std::string only_transport;

std::string any_transport(Chance& chance, Capability capability) {
    std::vector<std::string> names;
    for (const auto& transport : statchan::transports()) {
        if (!transport.capabilities.has(capability) || !transport.unusable.empty()) continue;
        if (transport.name == only_transport) return only_transport;
        names.push_back(transport.name);
    }
    return chance.of(names);
}

// A third are plain, so that sockets share a channel at times.
statchan::ChannelConfig Session::any_config() {
    statchan::ChannelConfig config;
    if (chance_.one_in(3)) return config;
    config.snaplen = chance_.of<std::uint32_t>({0, 1, 16, 64, 200, 1500});
    config.buffer_size = chance_.of<std::uint64_t>({0, 4096, 8192, 32768, 131072, 1 << 20});
    config.watermark_records = chance_.of<std::uint32_t>({0, 1, 10, 1000});
    config.timeout = chance_.of<statchan::nanoseconds>({0ns, 50us, 1ms, 50ms, statchan::never});
    config.subbufs = chance_.of<std::uint32_t>({0, 2, 5, 16});
    config.batch_bytes = chance_.of<std::size_t>({0, 4096, 65536});
    config.receive_buffer = chance_.of<std::size_t>({0, 4096, 16384, 262144});
    if (chance_.one_in(5)) config.rate = chance_.of<std::uint32_t>({1, 2, 4});
    if (chance_.one_in(5)) config.mode = statchan::Mode::overwrite;
    return config;
}

bool Session::open() {
    const auto config = any_config();
    const auto transport =
        any_transport(chance_, config.mode == statchan::Mode::overwrite ? Capability::overwrite
                                                                        : Capability::samples);
    auto client = statchan::Client::open({.transport = transport});
    if (!client) throw Fault{client.error().message()};
    const auto source = source_name(chance_.between(0, n_sources - 1));
    auto stream = client->subscribe(source, config);
    if (!stream) {
        if (!may_refuse_open(stream.error())) throw Fault{stream.error().message()};
        ++tally_[Op::refused];
        return false;
    }
    ++tally_[Op::open];
    const auto& got = stream->effective();
    story_ = "channel " + std::to_string(stream->channel()) + " of " + source + " over " +
             transport + ", snaplen " + std::to_string(got.snaplen) + ", buffer " +
             std::to_string(got.buffer_size) + ", rate " + std::to_string(config.rate) + ", " +
             std::string{to_string(config.mode)};
    client_.emplace(std::move(*client));
    check_.emplace(config.rate == 0 ? 0 : got.rate);
    stream_.emplace(std::move(*stream));
    return true;
}

// False at the end of the stream.
bool Session::read(statchan::nanoseconds timeout) {
    const auto batch = stream_->next(timeout);
    if (!batch && batch.error() == statchan::errc::end_of_stream) return false;
    if (!batch) throw Fault{batch.error().message()};
    check_->take(*batch);
    if (chance_.one_in(2)) stream_->release();
    return true;
}

// The reader does something else, with a batch in hand or without.
void Session::pause() {
    if (chance_.one_in(2)) stream_->release();
    ++tally_[Op::overload];
    chance_.sleep_ms(5, 150);
}

void Session::change_transport() {
    const auto to = any_transport(chance_, Capability::samples);
    const auto switched = client_->switch_transport(*stream_, to);
    if (!switched && !may_refuse_switch(switched.error())) throw Fault{switched.error().message()};
    ++tally_[switched ? Op::switched : Op::unswitched];
    story_ += (switched ? ", to " : ", not to ") + to;
}

// False when the stream has come to its end.
bool Session::step() {
    if (chance_.one_in(12)) pause();
    if (chance_.one_in(15)) change_transport();
    return read(chance_.of<statchan::nanoseconds>({0ns, 1ms, 20ms}));
}

// False if it can not be stopped, because others share it.
bool Session::stop_stream() {
    const auto stopped = stream_->stop();
    if (stopped) story_ += ", stopped";
    if (stopped) return true;
    if (!stopped.error().is(std::errc::device_or_resource_busy))
        throw Fault{stopped.error().message()};
    return false;
}

void Session::read_to_the_end() {
    const auto deadline = Clock::now() + patience;
    while (read(20ms))
        if (Clock::now() >= deadline) throw Fault{"the end of the stream does not come"};
}

void Session::close_books() {
    const auto ledger = stream_->ledger();
    if (!ledger) throw Fault{ledger.error().message()};
    check_->close(*ledger, tally_);
    ++tally_[Op::closed];
    if (stream_->requested().mode == statchan::Mode::overwrite) ++tally_[Op::overwrite];
}

void Session::run() {
    story_.clear();
    if (!open()) return chance_.sleep_ms(1, 20);
    const auto until = Clock::now() + chance_.ms(5, 1000);
    bool going = true;
    while (going && !stop_ && Clock::now() < until) going = step();
    if (going && !stop_ && chance_.one_in(6)) {
        ++tally_[Op::abandoned];
    } else if (going && !stop_stream()) {
        ++tally_[Op::abandoned];
    } else {
        if (going) read_to_the_end();
        close_books();
    }
    stream_.reset();
    client_.reset();
}

}  // namespace soak
