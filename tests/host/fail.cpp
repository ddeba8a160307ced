// SPDX-License-Identifier: MIT
#include "fail.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using statchan::errc;
using statchan::Error;
using namespace statchan::detail;

TEST(Error, IsOneSentence) {
    const auto error = fail(errc::module_not_loaded, {"open", "/dev/statchan"},
                            "statchan module is not loaded", "run modprobe statchan")
                           .value();
    EXPECT_EQ(error.message(),
              "open '/dev/statchan': statchan module is not loaded; run modprobe statchan");
    EXPECT_TRUE(error == errc::module_not_loaded);
    EXPECT_FALSE(error == errc::bad_data);
}

TEST(Error, KernelsSentenceComesFirst) {
    const auto error = fail_errno(EINVAL, {"subscribe to", "eth0"}, "rate is 0").value();
    EXPECT_EQ(error.message(), "subscribe to 'eth0': rate is 0 (Invalid argument)");
    EXPECT_TRUE(error.is(std::errc::invalid_argument));
}

TEST(Error, PermissionTellsTheCapability) {
    for (const int err : {EPERM, EACCES}) {
        const auto error = fail_errno(err, {"subscribe to", "eth0"}).value();
        EXPECT_TRUE(error == errc::permission_denied);
        EXPECT_NE(error.message().find("CAP_NET_ADMIN"), std::string::npos);
        EXPECT_TRUE(error.code == std::errc::operation_not_permitted);
    }
}

// The words of the kernel were made one: a program may ask for either.
TEST(Error, IsWhatTheKernelMayHaveCalledIt) {
    for (const int err : {EPERM, EACCES}) {
        const auto error = fail_errno(err, {"subscribe to", "eth0"}).value();
        EXPECT_TRUE(error.is(std::errc::operation_not_permitted));
        EXPECT_TRUE(error.is(std::errc::permission_denied));
        EXPECT_FALSE(error.is(std::errc::no_such_device));
    }
    const auto gone = fail(errc::no_such_source, {"look up source", "eth0"}, "it went").value();
    EXPECT_TRUE(gone.is(std::errc::no_such_file_or_directory));
    EXPECT_TRUE(gone.is(std::errc::no_such_device));
    EXPECT_FALSE(gone.is(std::errc::permission_denied));
    EXPECT_TRUE(gone.is(errc::no_such_source));
    const auto other = fail(errc::no_such_counter, {"find"}, "none").value();
    EXPECT_FALSE(other.is(std::errc::no_such_device));
}

TEST(Error, EveryCodeHasAName) {
    for (int code = 1; code <= static_cast<int>(errc::interrupted_dump); ++code)
        EXPECT_NE(std::error_code(static_cast<errc>(code)).message(), "unknown error") << code;
    EXPECT_STREQ(statchan::category().name(), "statchan");
}

}  // namespace
