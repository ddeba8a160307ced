// SPDX-License-Identifier: MIT
#include "transport.hpp"

#include <fmt/format.h>

#include <utility>

#include "../abi.hpp"
#include "../buffer.hpp"
#include "../image.hpp"
#include "control.hpp"
#include "events.hpp"
#include "link.hpp"
#include "pieces.hpp"
#include "stream.hpp"

namespace statchan::detail {
namespace {

class NetlinkTransport final : public Transport {
  public:
    NetlinkTransport(std::string_view name, SocketFactory factory, Link link)
        : name_{name}, factory_{factory}, link_{std::move(link)} {}

    [[nodiscard]] Result<void> check_abi();

    Control& control() override { return control_; }
    Result<RawSnapshot> snapshot(const SourceRef& source, const SnapshotOptions& options) override;
    Result<std::unique_ptr<StreamBackend>> subscribe(const SourceRef& source,
                                                     const ChannelConfig& config,
                                                     std::uint32_t follows) override {
        return control_.by_id(source.id, source.name, [&] {
            return open_netlink_stream(name_, factory_, link_.family(), nr_cpus_,
                                       {source, config, follows});
        });
    }
    Result<std::unique_ptr<EventBackend>> events() override {
        return open_netlink_events(factory_);
    }

  private:
    [[nodiscard]] Result<RawSnapshot> fetch(const SourceRef& source,
                                            const SnapshotOptions& options);

    std::string_view name_;
    SocketFactory factory_;
    Link link_;
    NetlinkControl control_{link_};
    std::uint32_t nr_cpus_ = 0;
    Pool<Buffer> buffers_;
};

Result<void> NetlinkTransport::check_abi() {
    const Task task{"open transport", name_};
    const auto version = control_.version();
    if (!version) return pass_on(version.error());
    nr_cpus_ = version->nr_cpus;
    return check_version(*version, task);
}

Result<RawSnapshot> NetlinkTransport::snapshot(const SourceRef& source,
                                               const SnapshotOptions& options) {
    return control_.by_id(source.id, source.name, [&] { return fetch(source, options); });
}

Result<RawSnapshot> NetlinkTransport::fetch(const SourceRef& source,
                                            const SnapshotOptions& options) {
    const auto verb = fmt::format("take snapshot over {} of", name_);
    const Task task{verb, source.name};
    auto request = link_.dump(STATCHAN_CMD_SNAPSHOT_GET);
    request.put_id(STATCHAN_A_SOURCE, source.id)
        .put_u64(STATCHAN_A_MAX_AGE, static_cast<std::uint64_t>(options.max_age.count()))
        .put_u64(STATCHAN_A_LENGTH, datagram_bytes);
    if (options.generation != 0) request.put_u64(STATCHAN_A_GENERATION, options.generation);
    if (options.digest) request.put_u32(STATCHAN_A_FLAGS, STATCHAN_GET_DIGEST);

    Pieces pieces{image_bytes(STATCHAN_COUNTERS_MAX), task};
    std::shared_ptr<Buffer> buffer;
    const auto image = link_.fetch(std::move(request), task, pieces, [&](std::size_t bytes) {
        buffer = lend_buffer(buffers_, bytes);
        return buffer->bytes();
    });
    if (!image) return source_failed(image.error());
    return RawSnapshot{*image, std::move(buffer), pieces.digest()};
}

}  // namespace

Result<std::unique_ptr<Transport>> open_netlink_transport(std::string_view name,
                                                          SocketFactory factory) {
    auto link = Link::open(factory);
    if (!link) return pass_on(std::move(link.error()));
    auto transport = std::make_unique<NetlinkTransport>(name, factory, std::move(*link));
    if (auto checked = transport->check_abi(); !checked) return pass_on(checked.error());
    return transport;
}

}  // namespace statchan::detail
