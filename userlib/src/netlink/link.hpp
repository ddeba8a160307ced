// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <statchan/types.hpp>
#include <string>

#include "pieces.hpp"
#include "socket.hpp"

namespace statchan::detail {

/// What the kernel calls the family "statchan" at present.
struct Family {
    std::uint16_t id = 0;
    std::map<std::string, std::uint32_t, std::less<>> groups;  ///< multicast groups by name
};

/// How an exchange went, beside its messages.
struct Exchange {
    bool interrupted = false;  ///< NLM_F_DUMP_INTR: the list changed meanwhile
};

/// The module's version, as an answer to STATCHAN_CMD_VERSION_GET tells it.
[[nodiscard]] Version to_version(const Attrs& attrs) noexcept;

/// A socket with which requests are made, one at a time; after one that failed half way another
/// socket. Knows the family, and finds it again when the module was unloaded and loaded: nothing
/// of a link holds the module.
class Link {
  public:
    /// errc::module_not_loaded if there is no family "statchan".
    [[nodiscard]] static Result<Link> open(SocketFactory factory);

    /// A link of its own socket to the same family.
    [[nodiscard]] static Result<Link> open(SocketFactory factory, const Family& family,
                                           const SocketOptions& options);

    /// Looks the family up. errc::module_not_loaded.
    [[nodiscard]] Result<void> resolve();

    [[nodiscard]] const Family& family() const noexcept { return family_; }
    [[nodiscard]] Socket& socket() const noexcept { return *socket_; }
    /// The last exchange failed before its answer came: whether it was done is not known.
    [[nodiscard]] bool unfinished() const noexcept { return unfinished_; }
    /// How often this link has found the module loaded again. Numbers that were given before the
    /// last time are another module's.
    [[nodiscard]] unsigned reloads() const noexcept { return reloads_; }

    /// A request of this family, to be acknowledged.
    [[nodiscard]] Request request(std::uint8_t cmd) const;
    /// A dump of this family.
    [[nodiscard]] Request dump(std::uint8_t cmd) const;

    /// Sends and receives until the kernel is done with it. fn(const Message&) -> Result<void>
    /// gets each answer; the first failure of it is the failure of the exchange, which is read
    /// to its end all the same. Memory of messages is gone afterwards.
    ///
    /// errc::module_not_loaded if the module is gone. If it was loaded again meanwhile, it gets the
    /// request, unless that has_ids(): then std::errc::no_such_file_or_directory.
    template <class Fn>
    [[nodiscard]] Result<Exchange> exchange(Request request, Task task, Fn&& fn) {
        Caller<Fn> caller{fn};
        return run(request, task, caller);
    }

    /// As exchange(), for a dump of pieces; bulk goes straight to its place, if the socket can.
    /// @p room(bytes) gives the memory for the whole.
    template <class Room>
    [[nodiscard]] Result<std::span<const std::byte>> fetch(Request request, Task task,
                                                           Pieces& pieces, Room&& room) {
        struct Fetcher final : Handler {
            Fetcher(Pieces& p, Room& r) : pieces{p}, room{r} {}
            Result<void> message(const Message& m) override { return pieces.add(m.attrs, room); }
            std::span<std::byte> place() noexcept override { return pieces.place(); }
            Pieces& pieces;
            Room& room;
        } fetcher{pieces, room};
        if (auto done = run(request, task, fetcher); !done) return pass_on(std::move(done.error()));
        return pieces.finish();
    }

  private:
    struct Handler {
        virtual ~Handler() = default;
        virtual Result<void> message(const Message& message) = 0;
        virtual std::span<std::byte> place() noexcept { return {}; }
    };
    template <class Fn>
    struct Caller final : Handler {
        explicit Caller(Fn& f) : fn{f} {}
        Result<void> message(const Message& m) override { return fn(m); }
        Fn& fn;
    };
    Link(SocketFactory factory, const SocketOptions& options, std::unique_ptr<Socket> socket,
         Family family) noexcept
        : factory_{factory},
          options_{options},
          socket_{std::move(socket)},
          family_{std::move(family)} {}
    [[nodiscard]] Result<void> renew();
    [[nodiscard]] Result<Exchange> run(Request& request, Task task, Handler& handler);
    /// @p unknown: the kernel knows no such family, as it seems.
    [[nodiscard]] Result<Exchange> run_once(Request& request, Task task, Handler& handler,
                                            bool& unknown);
    [[nodiscard]] Result<void> find_again(Task task);
    [[nodiscard]] Result<void> check_module(Task task);

    SocketFactory factory_;
    SocketOptions options_;
    std::unique_ptr<Socket> socket_;
    Family family_;
    std::uint32_t seq_ = 0;
    unsigned reloads_ = 0;
    bool unfinished_ = false;  ///< an exchange began and did not come to its end
};

}  // namespace statchan::detail
