// SPDX-License-Identifier: MIT
//
// What every command gets: the options that all commands share, and where output goes.
#pragma once

#include <functional>
#include <statchan/client.hpp>
#include <string>

#include "out.hpp"

namespace statctl {

using statchan::Error;
using statchan::Result;

struct Context {
    std::string transport;  ///< -t; empty: $STATCHAN_TRANSPORT or the library's default
    bool json = false;      ///< -j
    Out out{1};             ///< standard output

    /// What the command line asked for; set by the command that was named.
    std::function<Result<void>(Context&)> run;
};

/// A client over the transport that the user chose.
[[nodiscard]] inline Result<statchan::Client> open_client(const Context& context) {
    return statchan::Client::open({.transport = context.transport, .device = {}});
}

/// Hands the error of @p result to our caller.
template <class T>
[[nodiscard]] auto failure(Result<T>& result) {
    return tl::unexpected(std::move(result.error()));
}

/// An error that statctl itself found.
[[nodiscard]] inline auto failure(std::error_code code, std::string doing, std::string reason,
                                  std::string way_out = {}) {
    return tl::unexpected(Error{code, std::move(doing), std::move(reason), std::move(way_out)});
}

}  // namespace statctl
