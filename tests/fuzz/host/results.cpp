// SPDX-License-Identifier: MIT
//
// Results files of somebody else: read, shown as text, compared, as JSON, as data of the page, and
// what advise makes of them.
//
// Input: what is done; then one file's bytes, or two of them.
#include <results.pb.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "input.hpp"
#include "measure/advise.hpp"
#include "measure/check_advice.hpp"
#include "measure/report_html.hpp"
#include "measure/report_text.hpp"
#include "measure/results_file.hpp"
#include "measure/verdict.hpp"
#include "written.hpp"

namespace {

using namespace statctl::measure;
using fuzz::Input;
using fuzz::must;
using statchan::results::Results;

// Through a file, as statctl reads it.
void read_file(Input& input) {
    static const fuzz::MemoryFile file;
    file.clear();
    const auto bytes = input.rest();
    must(::write(file.fd(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
         "the file can be written");
    const auto read = read_results("/proc/self/fd/" + std::to_string(file.fd()));
    if (!read) return fuzz::is_told(read.error());
    must(read->version() == 1, "a version that is known");
    Results again;
    must(again.ParseFromString(read->SerializeAsString()), "it can be written and read again");
}

// Nothing that the browser would take for the end of the script.
void check_page_data(const std::vector<Results>& runs, const std::vector<std::string>& names) {
    const auto data = report_data(runs, names);
    must(data.find('<') == data.npos, "no tag in the data");
    must(nlohmann::json::accept(data), "the data are JSON");
}

void give_advice(const Results& results, Input& input) {
    Need need;
    if ((input.byte() & 1U) != 0)
        need.snapshot_bytes = input.take<std::uint32_t>();
    else
        need.record_bytes = input.take<std::uint16_t>();
    need.every_ns = input.take<std::uint32_t>();
    need.rate = input.take<std::uint32_t>();
    need.no_loss = (input.byte() & 1U) != 0;
    for (const auto& verdict : advise(results, need))
        must(std::isfinite(verdict.cpu_share) || !verdict.excluded.empty(),
             "a prediction is a number");
    for (const auto* workload : {"snapshot", "producer"})
        static_cast<void>(sizes_between(results, workload));
    static_cast<void>(median_error(predictions(results, results)));
}

void conclude_all(const Results& results) {
    for (const auto& paragraph : conclude(results)) static_cast<void>(paragraph.text());
    static_cast<void>(caveats(results));
    static_cast<void>(describe(results.environment()));
}

void use(std::uint8_t how, const std::vector<Results>& runs, Input& input) {
    const std::vector<std::string> names(runs.size(), "</script>.pb");
    switch (how & 7U) {
        case 0:
            must(!fuzz::written_by([&](auto& out) { print_report(out, runs.front()); }).empty(),
                 "a report has words");
            break;
        case 1:
            static_cast<void>(
                fuzz::written_by([&](auto& out) { print_comparison(out, runs, names); }));
            break;
        case 2:
            check_page_data(runs, names);
            break;
        case 3: {
            const auto json = to_json(runs.front());
            must(json.empty() || nlohmann::json::accept(json), "the JSON is JSON");
            break;
        }
        case 4:
            give_advice(runs.front(), input);
            break;
        default:
            conclude_all(runs.front());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool silent = [] {
        google::protobuf::SetLogHandler(nullptr);
        return true;
    }();
    static_cast<void>(silent);
    Input input{data, size};
    const auto how = input.byte();
    if ((how & 0x30U) == 0x30U) {
        read_file(input);
        return 0;
    }
    std::vector<Results> runs;
    do {
        const auto file = input.block();
        if (!runs.emplace_back().ParseFromArray(file.data(), static_cast<int>(file.size())))
            return 0;
    } while ((how & 0x10U) != 0 && runs.size() < 2);
    use(how, runs, input);
    return 0;
}
