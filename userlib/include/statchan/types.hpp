// SPDX-License-Identifier: MIT
//
// The nouns of statchan as values: transports, sources, channels and their configuration.
// Each means what the struct of the like name in <linux/statchan.h> means.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <statchan/export.hpp>
#include <statchan/time.hpp>
#include <string>
#include <string_view>

namespace statchan {

/// What a transport can do; a set of bits.
enum class Capability : std::uint32_t {
    snapshot = 0x01,   ///< snapshots on request
    live = 0x02,       ///< snapshots refreshed by the kernel
    samples = 0x04,    ///< streams of samples
    events = 0x08,     ///< rare notifications
    multicast = 0x10,  ///< many subscribers share one send
    zerocopy = 0x20,   ///< the reader sees the kernel's memory
    overwrite = 0x40,  ///< Mode::overwrite
    files = 0x80,      ///< plain tools can read it
};

/// A set of Capability.
class Capabilities {
  public:
    constexpr Capabilities() noexcept = default;
    constexpr explicit Capabilities(std::uint32_t bits) noexcept : bits_{bits} {}
    constexpr Capabilities(Capability c) noexcept  // NOLINT(google-explicit-constructor)
        : bits_{static_cast<std::uint32_t>(c)} {}

    [[nodiscard]] constexpr bool has(Capability c) const noexcept {
        return (bits_ & static_cast<std::uint32_t>(c)) != 0;
    }
    [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }

    friend constexpr Capabilities operator|(Capabilities a, Capabilities b) noexcept {
        return Capabilities{a.bits_ | b.bits_};
    }
    friend constexpr bool operator==(Capabilities, Capabilities) noexcept = default;

  private:
    std::uint32_t bits_ = 0;
};

constexpr Capabilities operator|(Capability a, Capability b) noexcept {
    return Capabilities{a} | Capabilities{b};
}

/// "snapshot", "live", ...
[[nodiscard]] STATCHAN_API std::string_view to_string(Capability c) noexcept;
/// "snapshot, samples, zerocopy"; "none" for the empty set.
[[nodiscard]] STATCHAN_API std::string to_string(Capabilities c);

/// A transport as the library or the kernel offers it.
struct TransportInfo {
    std::string name{};
    Capabilities capabilities{};
    /// Why it can not do that here and for this process, and the way out. Empty: it can, if the
    /// module is loaded. Of the library's transports only.
    std::string unusable{};
};

/// What the kernel module says about itself.
struct Version {
    std::uint32_t abi = 0;      ///< protocol spoken by the module
    std::uint32_t nr_cpus = 0;  ///< possible CPUs, highest number + 1
};

/// The protocol number this library was built for.
[[nodiscard]] STATCHAN_API std::uint32_t abi_version() noexcept;
/// Version of the library, "0.1.0".
[[nodiscard]] STATCHAN_API std::string_view library_version() noexcept;

/// A source of counters and samples, in this network namespace.
struct SourceInfo {
    std::uint32_t id = 0;
    std::string name{};
    std::string kind{};    ///< "synth", "netdev", ...
    std::string params{};  ///< in force: "key=value key=value"
    std::uint64_t n_counters = 0;
    std::uint64_t schema_hash = 0;
    std::uint64_t generation = 0;  ///< of the newest snapshot; 0: none was taken
    std::uint64_t observed = 0;    ///< packets seen by the sampler
    std::uint64_t emitted = 0;     ///< records emitted, all CPUs
    std::uint32_t rate = 0;        ///< 1 in rate packets is sampled
    std::uint32_t channels = 0;    ///< open sample channels
};

/// What a full buffer does to records.
enum class Mode : std::uint32_t {
    discard = 0,    ///< the newest record is lost
    overwrite = 1,  ///< the oldest records are lost
};

[[nodiscard]] STATCHAN_API std::string_view to_string(Mode m) noexcept;

/// Never announce because of time alone: ChannelConfig::timeout.
inline constexpr nanoseconds never = nanoseconds::max();

/// The largest ChannelConfig::batch_bytes: as much as a CPU's buffer in the kernel can be.
inline constexpr std::size_t max_batch_bytes = std::size_t{256} << 20;

/// How a channel works. In a request 0 means: the default. Buffer sizes are rounded, socket
/// buffers are clamped; Stream::effective() tells what came of it.
struct ChannelConfig {
    /// 1 in rate packets. The first channel of a source sets the source's rate; a later one must
    /// ask for a multiple of it. 0: as it is.
    std::uint32_t rate = 0;
    std::uint32_t snaplen = 0;            ///< captured bytes of a record, at most
    std::uint32_t watermark_records = 0;  ///< wake the reader after so many records, or
    std::uint32_t watermark_bytes = 0;    ///< so many bytes, per CPU, whichever is first
    nanoseconds timeout{0};               ///< or when a record waited so long; or `never`
    std::uint64_t buffer_size = 0;        ///< bytes per CPU
    std::uint32_t subbufs = 0;            ///< relay: sub-buffers per CPU, at least 2
    Mode mode = Mode::discard;
    nanoseconds period{0};  ///< live snapshots: between refreshes

    /// Library side, not sent to the kernel: bytes that one batch may hold, per CPU where the
    /// transport has buffers per CPU. Small gives room back to the producer sooner. 0: 256 KiB;
    /// more than max_batch_bytes is std::errc::invalid_argument.
    std::size_t batch_bytes = 0;
    /// Library side: receive buffer of a netlink socket in bytes, as SO_RCVBUF reports it, which
    /// is with the kernel's overhead. 0: 8 MiB asked for. Other transports report 0.
    std::size_t receive_buffer = 0;
};

/// What a channel carries.
enum class ChannelKind : std::uint32_t { samples = 1, snapshot = 2, live = 3 };

[[nodiscard]] STATCHAN_API std::string_view to_string(ChannelKind k) noexcept;

/// Someone's use of one transport on one source, in this network namespace.
struct ChannelInfo {
    std::uint32_t id = 0;
    std::uint32_t source = 0;  ///< id; the source may be gone
    std::string transport{};   ///< kernel's name for it; "transport 9" when unknown
    ChannelKind kind = ChannelKind::samples;
    bool end_of_stream = false;
    std::uint32_t pid = 0;          ///< process that opened it
    std::uint32_t subscribers = 0;  ///< netlink: sockets that share it
    ChannelConfig requested{};
    ChannelConfig effective{};
};

}  // namespace statchan
