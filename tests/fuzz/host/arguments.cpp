// SPDX-License-Identifier: MIT
//
// Numbers as people write them: durations, sizes, rates. What is read and printed again means the
// same. And what statctl prints of the kernel's numbers: accounts and configurations.
//
// Input: which; the text, or numbers.
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "channel_text.hpp"
#include "input.hpp"
#include "json.hpp"
#include "units.hpp"
#include "written.hpp"

namespace {

using fuzz::Input;
using fuzz::must;
using namespace statctl;

template <class T>
bool told(const Parsed<T>& parsed) {
    must(parsed.has_value() || !parsed.error().empty(), "an error has words");
    return parsed.has_value();
}

void durations(std::string_view text) {
    const auto duration = parse_duration(text);
    if (told(duration)) {
        must(duration->count() >= 0, "a duration is not negative");
        must(parse_duration(std::to_string(duration->count()) + "ns") == *duration ||
                 duration->count() > (1LL << 53),
             "the same in nanoseconds");
    }
    if (const auto interval = parse_interval(text); told(interval))
        must(*interval == *duration && interval->count() > 0, "an interval is a duration");
    if (const auto timeout = parse_timeout(text); told(timeout))
        must(timeout == statchan::never || *timeout == *duration, "a timeout is a duration");
    if (const auto seconds = parse_seconds(text); told(seconds))
        must(seconds->count() > 0, "seconds are more than none");
}

void numbers(std::string_view text) {
    if (const auto size = parse_size(text); told(size)) {
        must(*size > 0 && *size < (1ULL << 53), "a size has limits");
        must(parse_size(std::to_string(*size)) == *size, "the same in bytes");
    }
    if (const auto rate = parse_rate(text); told(rate))
        must(*rate > 0 && parse_rate("1:" + std::to_string(*rate)) == *rate, "the same as 1:N");
    if (const auto rate = parse_per_second(text); told(rate))
        must(*rate > 0 && *rate <= 1'000'000'000'000, "a rate per second has limits");
    if (const auto count = parse_count(text); told(count))
        must(*count > 0 && parse_count(std::to_string(*count)) == *count, "the same again");
    if (const auto number = parse_number(text); told(number))
        must(*number > 0, "a number is not 0");
}

void formats(Input& input) {
    const auto number = input.take<std::uint64_t>();
    const auto text = format_duration(nanoseconds{static_cast<std::int64_t>(number)});
    must(!text.empty() && text.size() < 32, "a duration has a few words");
    must(!format_size(number).empty(), "a size has words");
    double value = 0;
    std::memcpy(&value, &number, sizeof value);
    must(!format_rate(value).empty(), "a rate has words");
    must(!Json{value}.text.empty(), "a number is JSON");
}

statchan::Count count(Input& input) {
    const auto how = input.byte();
    if (how == 0xff) return {};
    return how == 0xfe ? input.take<std::uint64_t>() : how;
}

void accounts(Input& input) {
    statchan::Ledger ledger;
    for (auto cpus = input.byte() & 3U; cpus > 0; --cpus) {
        auto& entry = ledger.cpus.emplace_back();
        entry.cpu = input.byte();
        for (auto* const number :
             {&entry.first_seq, &entry.next_seq, &entry.produced, &entry.accepted, &entry.filtered,
              &entry.truncated, &entry.wakeups, &entry.consumed, &entry.bytes})
            *number = count(input);
        for (auto& lost : entry.lost) lost = count(input);
        entry.received = count(input).value_or(0);
    }
    const auto text = fuzz::written_by([&](Out& out) { print_ledger_text(out, ledger); });
    must(!text.empty(), "an account has words");
    must(nlohmann::json::accept(to_json(ledger).done().text), "an account is JSON");
    statchan::ChannelConfig config;
    config.timeout = nanoseconds{static_cast<std::int64_t>(input.take<std::uint64_t>() >> 1U)};
    config.buffer_size = input.take<std::uint64_t>();
    config.rate = input.take<std::uint32_t>();
    static_cast<void>(describe(config, {}));
    must(nlohmann::json::accept(to_json(config).done().text), "a configuration is JSON");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.byte() % 5) {
        case 0:
            durations(fuzz::text(input.rest()));
            break;
        case 1:
            numbers(fuzz::text(input.rest()));
            break;
        case 2:
            formats(input);
            break;
        case 3:
            accounts(input);
            break;
        default:
            must(!Json{fuzz::text(input.rest())}.text.empty(), "any text is JSON");
    }
    return 0;
}
