// SPDX-License-Identifier: MIT
//
// Where the records of a stream go: lines for people, lines of JSON, a capture file, nowhere.
#pragma once

#include <memory>
#include <statchan/record.hpp>
#include <statchan/stream.hpp>
#include <string>

#include "out.hpp"

namespace statctl {

/// Takes the records of one stream, one after another.
class SampleSink {
  public:
    SampleSink() = default;
    SampleSink(const SampleSink&) = delete;
    SampleSink& operator=(const SampleSink&) = delete;
    virtual ~SampleSink() = default;

    virtual void sample(const statchan::Sample& sample) = 0;
    virtual void gap(const statchan::Gap& gap) = 0;
    /// Nothing follows.
    virtual void end(const statchan::Ledger& /*ledger*/) {}
};

struct SampleStyle {
    std::string source;     ///< name for records that come from no interface
    bool hexdump = false;   ///< with the captured bytes
    bool verbose = false;   ///< with CPU, sequence number, rate and queue
    std::string transport;  ///< for the words in a capture file
    statchan::ChannelConfig config;
};

[[nodiscard]] std::unique_ptr<SampleSink> make_text_sink(Out& out, const SampleStyle& style);
[[nodiscard]] std::unique_ptr<SampleSink> make_json_sink(Out& out, const SampleStyle& style);
[[nodiscard]] std::unique_ptr<SampleSink> make_pcapng_sink(Out& out, const SampleStyle& style);
[[nodiscard]] std::unique_ptr<SampleSink> make_quiet_sink();

}  // namespace statctl
