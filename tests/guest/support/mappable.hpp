// SPDX-License-Identifier: MIT
//
// All that a program can map of statchan, without the library.
#pragma once

#include <gtest/gtest.h>
#include <linux/statchan.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device.hpp"

namespace lab {

/// Kernel memory that can be mapped to be read: descriptor, offset and length.
class Mappable {
  public:
    /// @p what: of mappables().
    Mappable(const std::string& what, std::uint32_t source);

    [[nodiscard]] int fd() const noexcept { return file_.get() >= 0 ? file_.get() : device_.get(); }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::size_t len() const noexcept { return len_; }
    /// Whether there is something to read in it.
    [[nodiscard]] bool has_pages() const noexcept { return has_pages_; }

    /// Whether the channel lives as long as the mapping, and not only the memory.
    [[nodiscard]] bool holds_channel() const noexcept { return holds_channel_; }

    /// mmap() of all of it, or as told; MAP_FAILED if it is refused.
    [[nodiscard]] void* map(int prot, int flags) const { return map(offset_, len_, prot, flags); }
    [[nodiscard]] void* map(std::uint64_t offset, std::size_t len, int prot, int flags) const;
    /// As it should be mapped; the test fails if it can not be.
    [[nodiscard]] std::byte* map() const;

    /// Closes all descriptors.
    void close();

  private:
    Descriptor device_{-1};
    Descriptor file_{-1};
    std::uint64_t offset_ = 0;
    std::size_t len_ = 0;
    bool has_pages_ = true;
    bool holds_channel_ = true;
};

/// Names of all there are: transport and part.
std::vector<std::string> mappables();

std::size_t page_size();

}  // namespace lab
