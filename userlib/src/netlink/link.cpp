// SPDX-License-Identifier: MIT
#include "link.hpp"

#include <linux/genetlink.h>

#include <cerrno>
#include <utility>

namespace statchan::detail {
namespace {

constexpr Task resolve_task{"find the generic netlink family", STATCHAN_GENL_NAME};

// Answers to one request; others (late ones of a request given up) are passed over.
class Answers : public Receiver {
  public:
    explicit Answers(std::uint32_t seq) : seq_{seq} {}

    bool on_message(const Message& message) final {
        if (message.seq != seq_) return false;
        interrupted |= (message.flags & NLM_F_DUMP_INTR) != 0;
        if (!failure) handle(message);
        return false;
    }
    void on_verdict(const Verdict& verdict) final {
        if (verdict.seq != seq_) return;
        interrupted |= (verdict.flags & NLM_F_DUMP_INTR) != 0;
        done = true;
        error = verdict.error;
        sentence = verdict.text;
    }

    bool done = false;
    bool interrupted = false;
    int error = 0;
    std::string sentence;
    std::optional<Error> failure;

  protected:
    virtual void handle(const Message& message) = 0;

  private:
    std::uint32_t seq_;
};

void parse_groups(std::span<const std::byte> list, Family& family) {
    // A list of nests, whose types only number them.
    while (list.size() >= sizeof(nlattr)) {
        nlattr entry{};
        std::memcpy(&entry, list.data(), sizeof entry);
        if (entry.nla_len < NLA_HDRLEN || entry.nla_len > list.size()) return;
        Attrs attrs;
        if (!parse_attrs(list.subspan(NLA_HDRLEN, entry.nla_len - std::size_t{NLA_HDRLEN}), attrs))
            return;
        if (const auto id = attrs.u32(CTRL_ATTR_MCAST_GRP_ID))
            family.groups.emplace(attrs.text(CTRL_ATTR_MCAST_GRP_NAME), *id);
        list = list.subspan(std::min<std::size_t>(NLA_ALIGN(entry.nla_len), list.size()));
    }
}

}  // namespace

Result<Link> Link::open(SocketFactory factory) {
    auto link = open(factory, {}, {});
    if (!link) return link;
    if (auto resolved = link->resolve(); !resolved) return pass_on(std::move(resolved.error()));
    return link;
}

Result<Link> Link::open(SocketFactory factory, const Family& family, const SocketOptions& options) {
    auto socket = factory(options);
    if (!socket) return pass_on(std::move(socket.error()));
    return Link{factory, options, std::move(*socket), family};
}

Result<void> Link::resolve() {
    Request request{GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK, 1};
    request.put_text(CTRL_ATTR_FAMILY_NAME, STATCHAN_GENL_NAME);
    auto done = exchange(std::move(request), resolve_task, [this](const Message& m) {
        std::uint16_t id = 0;
        const auto bytes = m.attrs.bytes(CTRL_ATTR_FAMILY_ID);
        if (bytes.size() >= sizeof id) std::memcpy(&id, bytes.data(), sizeof id);
        family_.id = id;
        parse_groups(m.attrs.bytes(CTRL_ATTR_MCAST_GROUPS), family_);
        return Result<void>{};
    });
    if (!done && done.error().is(std::errc::no_such_file_or_directory))
        return fail(errc::module_not_loaded, resolve_task, "statchan module is not loaded",
                    "run modprobe statchan");
    if (!done) return pass_on(std::move(done.error()));
    if (family_.id < NLMSG_MIN_TYPE) return fail_data(resolve_task, "the answer names no family");
    return {};
}

Request Link::request(std::uint8_t cmd) const {
    return {family_.id, cmd, NLM_F_ACK, STATCHAN_GENL_VERSION};
}

Request Link::dump(std::uint8_t cmd) const {
    return {family_.id, cmd, NLM_F_DUMP, STATCHAN_GENL_VERSION};
}

// Of an exchange that was not read to its end something may be left: answers, an error, or a dump
// that the kernel can not end and with which it refuses every other.
Result<void> Link::renew() {
    auto fresh = factory_(options_);
    if (!fresh) return pass_on(std::move(fresh.error()));
    socket_ = std::move(*fresh);
    unfinished_ = false;
    return {};
}

Result<Exchange> Link::run(Request& request, Task task, Handler& handler) {
    if (unfinished_)
        if (auto renewed = renew(); !renewed) return pass_on(std::move(renewed.error()));
    struct All final : Answers {
        All(std::uint32_t seq, Handler& h) : Answers{seq}, handler{h} {}
        void handle(const Message& m) override {
            if (auto done = handler.message(m); !done) failure = std::move(done.error());
        }
        std::span<std::byte> place_of_data() noexcept override {
            return failure ? std::span<std::byte>{} : handler.place();
        }
        Handler& handler;
    } answers{++seq_, handler};

    unfinished_ = true;
    if (auto sent = socket_->send(request.finish(seq_)); !sent) {
        sent.error().doing = task.text();
        return pass_on(std::move(sent.error()));
    }
    while (!answers.done) {
        auto received = socket_->receive(answers);
        socket_->release();
        if (!received) return pass_on(std::move(received.error()));
        switch (*received) {
            case Received::some:
                break;
            case Received::nothing:
                return fail_errno(ETIMEDOUT, task, "the kernel does not answer");
            case Received::overrun:
                return fail_errno(ENOBUFS, task, "the receive buffer of the socket was too small");
            case Received::truncated:
                return fail_data(task, "a message was too long");
        }
    }
    // A dump that failed may go on: for want of memory the kernel ends it with the next answer it
    // has for this socket.
    unfinished_ = answers.error != 0 && request.is_dump();
    if (answers.error != 0) return fail_errno(answers.error, task, answers.sentence);
    if (answers.failure) return Fail{std::move(*answers.failure)};
    return Exchange{answers.interrupted};
}

}  // namespace statchan::detail
