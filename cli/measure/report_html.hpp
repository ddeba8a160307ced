// SPDX-License-Identifier: MIT
//
// Results as one page that needs nothing else. Its parts are in cli/report/, for whoever wants to
// change how it looks; here is only what they are given.
#pragma once

#include <results.pb.h>

#include <span>
#include <string>

namespace statctl::measure {

/// The page. @p names: of the files, one for each run; what they contain is not trusted.
[[nodiscard]] std::string html_report(std::span<const statchan::results::Results> runs,
                                      std::span<const std::string> names);

/// The data of the page, as JSON that is safe inside <script>.
[[nodiscard]] std::string report_data(std::span<const statchan::results::Results> runs,
                                      std::span<const std::string> names);

}  // namespace statctl::measure
