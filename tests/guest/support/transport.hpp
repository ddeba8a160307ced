// SPDX-License-Identifier: MIT
//
// The parameter of the suite: one test source, every transport of the library.
#pragma once

#include <gtest/gtest.h>

#include <statchan/statchan.hpp>
#include <string>
#include <vector>

#include "../../host/support/ok.hpp"

namespace lab {

/// Names of the library's transports that can do this, so that a new transport is tested without
/// a line here. TransportTable.IsAsPromised sees to it that none goes missing.
inline std::vector<std::string> transports_with(statchan::Capability capability) {
    std::vector<std::string> names;
    for (const auto& transport : statchan::transports())
        if (transport.capabilities.has(capability)) names.push_back(transport.name);
    return names;
}

inline std::vector<std::string> transports_without(statchan::Capability capability,
                                                   statchan::Capability lacking) {
    std::vector<std::string> names;
    for (const auto& transport : statchan::transports())
        if (transport.capabilities.has(capability) && !transport.capabilities.has(lacking))
            names.push_back(transport.name);
    return names;
}

inline std::vector<std::string> all_transports() {
    std::vector<std::string> names;
    for (const auto& transport : statchan::transports()) names.push_back(transport.name);
    return names;
}

/// Opens a client; a test can do nothing without.
inline statchan::Client open_client(const std::string& transport) {
    auto client = statchan::Client::open({.transport = transport});
    if (!client) throw std::runtime_error{client.error().message()};
    return std::move(*client);
}

/// Ends the test as skipped where the machine can't do it, e.g. has no BPF. In our own guest
/// nothing may be skipped: see run.
inline void skip_if_unusable(const std::string& transport) {
    for (const auto& info : statchan::transports())
        if (info.name == transport && !info.unusable.empty())
            GTEST_SKIP() << transport << ": " << info.unusable;
}

/// A test that runs once per transport. A guarantee's test file derives its fixture from this,
/// under the guarantee's name, and the report lists it by that name.
class OverTransport : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override { skip_if_unusable(transport()); }

    [[nodiscard]] const std::string& transport() const { return GetParam(); }
    [[nodiscard]] bool is_netlink() const { return transport().starts_with("netlink"); }

    statchan::Client client = open_client(GetParam());
};

/// "netlink-nl" is no legal name of a test.
inline std::string parameter_name(const testing::TestParamInfo<std::string>& info) {
    auto name = info.param;
    for (auto& c : name)
        if (c == '-') c = '_';
    return name;
}

}  // namespace lab

/// Runs the tests of @p suite over the transports that are capable of @p capability.
#define OVER_TRANSPORTS_WITH(suite, capability)                                            \
    INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(lab::transports_with(capability)), \
                             lab::parameter_name)

/// The same, but only over those that are not capable of @p lacking.
#define OVER_TRANSPORTS_WITHOUT(suite, capability, lacking)                                   \
    INSTANTIATE_TEST_SUITE_P(, suite,                                                         \
                             testing::ValuesIn(lab::transports_without(capability, lacking)), \
                             lab::parameter_name)

/// Runs the tests of @p suite over all transports.
#define OVER_ALL_TRANSPORTS(suite) \
    INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(lab::all_transports()), lab::parameter_name)
