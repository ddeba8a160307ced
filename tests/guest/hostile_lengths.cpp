// SPDX-License-Identifier: MIT
//
// Lengths, counts and offsets that a program lies about: as much is written as there is to say, and
// where the program's memory ends before, it is a fault and no more than that.
#include <fcntl.h>
#include <linux/statchan.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/device.hpp"
#include "support/mappable.hpp"
#include "support/synth.hpp"

using namespace lab;

namespace {

/// Memory that ends where nothing may be touched.
class Edge {
  public:
    explicit Edge(std::size_t pages) : len_{(pages + 1) * page_size()} {
        at_ = static_cast<std::byte*>(
            ::mmap(nullptr, len_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        EXPECT_EQ(::mprotect(end(), page_size(), PROT_NONE), 0);
    }
    Edge(const Edge&) = delete;
    Edge& operator=(const Edge&) = delete;
    ~Edge() { ::munmap(at_, len_); }

    [[nodiscard]] std::byte* end() const { return at_ + len_ - page_size(); }

  private:
    std::size_t len_;
    std::byte* at_;
};

/// A call that fills a buffer.
struct Filling {
    const char* what;
    std::size_t unit;       ///< bytes of what is counted
    std::uint64_t largest;  ///< that can be said
    /// Errno; @p room: in, what the program says; out, what was written or would have been.
    std::function<int(std::uint64_t buf, std::uint64_t& room)> call;
};

}  // namespace

class HostileLengths : public testing::Test {
  protected:
    Synth synth{"size=64 ports=8"};
    RawChannel channel{synth.info().id, STATCHAN_T_IOCTL};

    template <class T>
    int ask(unsigned long request, T& argument) const {
        argument.size = sizeof argument;
        return ::ioctl(channel.device.get(), request, &argument) == 0 ? 0 : errno;
    }

    template <class T>
    Filling counting(const char* what, unsigned long request, std::size_t unit) {
        return {.what = what,
                .unit = unit,
                .largest = std::numeric_limits<std::uint32_t>::max(),
                .call = [this, request](std::uint64_t buf, std::uint64_t& room) {
                    T argument{};
                    argument.buf = buf;
                    argument.count = static_cast<__u32>(room);
                    const int err = ask(request, argument);
                    room = argument.count;
                    return err;
                }};
    }

    template <class T>
    Filling measuring(const char* what, unsigned long request) {
        return {.what = what,
                .unit = 1,
                .largest = std::numeric_limits<std::uint64_t>::max(),
                .call = [this, request](std::uint64_t buf, std::uint64_t& room) {
                    T argument{};
                    if constexpr (requires { argument.source; }) argument.source = synth.info().id;
                    argument.buf = buf;
                    argument.len = room;
                    const int err = ask(request, argument);
                    room = argument.len;
                    return err;
                }};
    }
};

TEST_F(HostileLengths, OfBuffers) {
    const Edge edge{64};
    const Filling fillings[] = {
        counting<statchan_transports>("transports", STATCHAN_IOC_TRANSPORTS,
                                      sizeof(statchan_transport_info)),
        counting<statchan_ledger_req>("ledger", STATCHAN_IOC_LEDGER, sizeof(statchan_ledger)),
        measuring<statchan_schema_req>("schema", STATCHAN_IOC_SCHEMA),
        measuring<statchan_snapshot_req>("snapshot", STATCHAN_IOC_SNAPSHOT),
        measuring<statchan_read>("read", STATCHAN_IOC_READ),
    };
    for (const auto& filling : fillings) {
        SCOPED_TRACE(filling.what);
        const auto call = [&](const std::byte* at, std::uint64_t& room) {
            return filling.call(reinterpret_cast<std::uintptr_t>(at), room);
        };
        const bool is_read = filling.what == std::string{"read"};
        if (is_read) synth.emit(3);
        std::uint64_t need = 64 * page_size() / filling.unit;
        ASSERT_EQ(call(edge.end() - need * filling.unit, need), 0);
        ASSERT_GT(need, 0U);
        const auto bytes = need * filling.unit;
        for (const auto told :
             {filling.largest, filling.largest - 7, filling.largest / 2 + 1, filling.largest / 2}) {
            SCOPED_TRACE(told);
            if (is_read) synth.emit(3);
            auto room = told;
            EXPECT_EQ(call(edge.end() - bytes + 1, room), EFAULT) << "it ends a byte too early";
            for (const auto at : {std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0} - 4095,
                                  std::uint64_t{1} << 63}) {
                room = told;
                EXPECT_EQ(filling.call(at, room), EFAULT) << at;
            }
            // there is room for all that is said
            std::memset(edge.end() - bytes - 8, 0x5a, bytes + 8);
            room = told;
            EXPECT_EQ(call(edge.end() - bytes, room), 0);
            EXPECT_EQ(room, need);
            for (std::size_t i = 1; i <= 8; ++i)
                EXPECT_EQ(*(edge.end() - bytes - i), std::byte{0x5a}) << "before the buffer";
        }
    }
}

TEST_F(HostileLengths, OfReads) {
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    auto request = channel_request(synth.info().id, STATCHAN_T_READ, STATCHAN_CHANNEL_SNAPSHOT);
    ASSERT_EQ(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &request), 0);
    const Edge edge{1};
    auto* const byte = edge.end() - 1;
    constexpr auto last = std::numeric_limits<off_t>::max();
    for (const auto offset : {last - 1, last - 4095, off_t{1} << 32, off_t{1} << 62}) {
        SCOPED_TRACE(offset);
        EXPECT_EQ(::pread(device.get(), byte, 1, offset), 0) << "it is behind the end";
        const auto got = ::pread(device.get(), byte, ~std::size_t{0} >> 1, offset);
        EXPECT_TRUE(got == 0 ||
                    (got == -1 && (errno == EINVAL || errno == EOVERFLOW || errno == EFAULT)))
            << got << ": " << std::strerror(errno);
    }
    EXPECT_EQ(::pread(device.get(), byte, 1, last), -1) << "its end is no offset";
    EXPECT_EQ(::pread(device.get(), byte, 1, -1), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(::pread(device.get(), byte, 8, 0), 1) << "as far as there is memory";
    EXPECT_EQ(::pread(device.get(), edge.end(), 8, 0), -1);
    EXPECT_EQ(errno, EFAULT);
}
