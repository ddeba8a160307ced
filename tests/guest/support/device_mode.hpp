// SPDX-License-Identifier: MIT
//
// Who may open /dev/statchan is the administrator's choice: for a test it is another one.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lab {

/// While this lives the device has this group and mode; then again those from before.
class DeviceMode {
  public:
    explicit DeviceMode(mode_t mode, gid_t group = 0) {
        EXPECT_EQ(::stat(path, &before_), 0);
        set(group, mode);
    }
    DeviceMode(const DeviceMode&) = delete;
    DeviceMode& operator=(const DeviceMode&) = delete;
    ~DeviceMode() { set(before_.st_gid, before_.st_mode & 07777); }

  private:
    static constexpr const char* path = "/dev/statchan";
    static void set(gid_t group, mode_t mode) {
        EXPECT_EQ(::chown(path, 0, group), 0);
        EXPECT_EQ(::chmod(path, mode), 0);
    }
    struct stat before_ {};
};

}  // namespace lab
