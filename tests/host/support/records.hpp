// SPDX-License-Identifier: MIT
#pragma once

#include <linux/statchan.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <statchan/record.hpp>
#include <vector>

namespace test {

/// A run of records as the kernel writes them. bytes() is memory of exactly the right size, so
/// that address sanitizer sees any step beyond.
class Records {
  public:
    Records& sample(std::uint16_t cpu, std::uint64_t seq, std::size_t payload = 8,
                    std::uint32_t rate = 1) {
        statchan_record r{};
        r.len = static_cast<std::uint32_t>(sizeof r + payload);
        r.type = STATCHAN_RECORD_SAMPLE;
        r.cpu = cpu;
        r.seq = seq;
        r.time_ns = 1000 + seq;
        r.orig_len = static_cast<std::uint32_t>(payload + 100);
        r.ifindex = 7;
        r.rate = rate;
        r.flags = STATCHAN_REC_INGRESS | STATCHAN_REC_TRUNCATED;
        r.protocol = 0x0800;
        r.queue = 3;
        put(r);
        for (std::size_t i = 0; i < payload; ++i) data_.push_back(static_cast<std::byte>(i));
        return pad();
    }

    Records& lost(std::uint16_t cpu, std::uint64_t first, std::uint64_t last, std::uint64_t count,
                  std::uint32_t reason = STATCHAN_LOST_RING_FULL) {
        statchan_lost l{};
        l.len = sizeof l;
        l.type = STATCHAN_RECORD_LOST;
        l.cpu = cpu;
        l.first_seq = first;
        l.last_seq = last;
        l.count = count;
        l.first_ns = 5;
        l.last_ns = 6;
        l.reason = reason;
        put(l);
        return pad();
    }

    /// Any head at all.
    Records& raw(std::uint32_t len, std::uint16_t type, std::uint16_t cpu, std::size_t bytes) {
        const struct {
            std::uint32_t len;
            std::uint16_t type, cpu;
        } head{len, type, cpu};
        put(head);
        data_.resize(data_.size() + bytes - sizeof head);
        return pad();
    }

    [[nodiscard]] statchan::Chunk bytes() {
        words_ = std::make_unique<std::uint64_t[]>(data_.size() / 8);
        if (!data_.empty()) std::memcpy(words_.get(), data_.data(), data_.size());
        return {reinterpret_cast<const std::byte*>(words_.get()), data_.size()};
    }

    /// To change; bytes() copies from here.
    [[nodiscard]] std::vector<std::byte>& data() { return data_; }

  private:
    template <class T>
    void put(const T& value) {
        const auto* p = reinterpret_cast<const std::byte*>(&value);
        data_.insert(data_.end(), p, p + sizeof value);
    }
    Records& pad() {
        data_.resize((data_.size() + 7) / 8 * 8);
        return *this;
    }
    std::vector<std::byte> data_;
    std::unique_ptr<std::uint64_t[]> words_;
};

}  // namespace test
