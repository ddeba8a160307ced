// SPDX-License-Identifier: MIT
//
// CPU 1 of the guest goes and comes.
#pragma once

namespace lab {

/// Takes CPU 1 offline; it is online again when this goes, whatever happens.
class CpuOffline {
  public:
    CpuOffline();
    CpuOffline(const CpuOffline&) = delete;
    CpuOffline& operator=(const CpuOffline&) = delete;
    ~CpuOffline();

    /// Now.
    void online();

  private:
    bool offline_ = false;
};

}  // namespace lab
