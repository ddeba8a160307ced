// SPDX-License-Identifier: MIT
#pragma once

#include <linux/statchan.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <statchan/digest.hpp>
#include <string>
#include <vector>

namespace test {

/// A schema as the kernel would write it; fields of the structs are open to lies.
struct SchemaBlob {
    statchan_schema head{};
    std::vector<statchan_group> groups;
    std::vector<statchan_field> fields;

    SchemaBlob& group(const std::string& name, std::uint32_t instances,
                      std::initializer_list<std::string> names) {
        statchan_group g{};
        std::strncpy(g.name, name.c_str(), sizeof g.name - 1);
        g.instances = instances;
        g.n_fields = static_cast<std::uint32_t>(names.size());
        g.first_field = static_cast<std::uint32_t>(fields.size());
        g.first_counter = static_cast<std::uint32_t>(head.n_counters);
        groups.push_back(g);
        for (const auto& n : names) {
            statchan_field f{};
            std::strncpy(f.name, n.c_str(), sizeof f.name - 1);
            f.type = STATCHAN_COUNTER;
            f.unit = STATCHAN_UNIT_PACKETS;
            fields.push_back(f);
        }
        head.n_counters += std::uint64_t{instances} * names.size();
        head.n_groups = static_cast<std::uint32_t>(groups.size());
        head.n_fields = static_cast<std::uint32_t>(fields.size());
        head.magic = STATCHAN_SCHEMA_MAGIC;
        head.len = static_cast<std::uint32_t>(sizeof head + groups.size() * sizeof(statchan_group) +
                                              fields.size() * sizeof(statchan_field));
        return *this;
    }

    /// With the right hash, if @p rehash.
    [[nodiscard]] std::vector<std::byte> bytes(bool rehash = true) {
        if (rehash) {
            head.hash = 0;
            head.hash = statchan::digest(flat());
        }
        return flat();
    }

    /// ports 4 x (rx_packets, rx_bytes, tx_packets), queues 2 x (depth)
    [[nodiscard]] static SchemaBlob ports() {
        SchemaBlob blob;
        blob.group("port", 4, {"rx_packets", "rx_bytes", "tx_packets"})
            .group("queue", 2, {"depth"});
        blob.fields.back().type = STATCHAN_GAUGE;
        return blob;
    }

  private:
    [[nodiscard]] std::vector<std::byte> flat() const {
        std::vector<std::byte> out(sizeof head + groups.size() * sizeof(statchan_group) +
                                   fields.size() * sizeof(statchan_field));
        auto* at = out.data();
        const auto put = [&](const void* p, std::size_t n) {
            if (n != 0) std::memcpy(at, p, n);
            at += n;
        };
        put(&head, sizeof head);
        put(groups.data(), groups.size() * sizeof(statchan_group));
        put(fields.data(), fields.size() * sizeof(statchan_field));
        return out;
    }
};

}  // namespace test
