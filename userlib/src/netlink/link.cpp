// SPDX-License-Identifier: MIT
#include "link.hpp"

#include <linux/genetlink.h>

#include <cerrno>
#include <utility>

#include "../abi.hpp"

namespace statchan::detail {
namespace {

constexpr Task resolve_task{"find the generic netlink family", STATCHAN_GENL_NAME};

Fail not_loaded(Task task) {
    return fail(errc::module_not_loaded, task, "statchan module is not loaded",
                "run modprobe statchan");
}

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

Version to_version(const Attrs& attrs) noexcept {
    return {.abi = attrs.u32(STATCHAN_A_ABI).value_or(0),
            .nr_cpus = attrs.u32(STATCHAN_A_NR_CPUS).value_or(0)};
}

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
    Family found;
    const auto read = [&](const Message& m) -> Result<void> {
        const auto bytes = m.attrs.bytes(CTRL_ATTR_FAMILY_ID);
        if (bytes.size() >= sizeof found.id) std::memcpy(&found.id, bytes.data(), sizeof found.id);
        parse_groups(m.attrs.bytes(CTRL_ATTR_MCAST_GROUPS), found);
        return {};
    };
    Caller<decltype(read)> caller{read};
    bool unknown = false;
    auto done = run_once(request, resolve_task, caller, unknown);
    if (!done && done.error().is(std::errc::no_such_file_or_directory))
        return not_loaded(resolve_task);
    if (!done) return pass_on(std::move(done.error()));
    if (found.id < NLMSG_MIN_TYPE) return fail_data(resolve_task, "the answer names no family");
    family_ = std::move(found);
    return {};
}

// The number of our family is nobody's: the module went. It may have come back, with another
// number, since they are given in turn.
Result<void> Link::find_again(Task task) {
    auto before = family_;
    auto found = resolve();
    if (found && family_.id == before.id) return {};
    if (found) found = check_module(task);
    if (found) {
        ++reloads_;
        return {};
    }
    // so that the next request comes here, too
    family_ = std::move(before);
    found.error().doing = task.text();
    return found;
}

Result<void> Link::check_module(Task task) {
    Version version;
    const auto read = [&](const Message& m) -> Result<void> {
        version = to_version(m.attrs);
        return {};
    };
    Caller<decltype(read)> caller{read};
    auto asking = request(STATCHAN_CMD_VERSION_GET);
    bool unknown = false;
    auto done = run_once(asking, task, caller, unknown);
    if (unknown) return not_loaded(task);
    if (!done) return pass_on(std::move(done.error()));
    return check_version(version, task);
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
    bool unknown = false;
    auto done = run_once(request, task, handler, unknown);
    if (!unknown) return done;
    const auto before = family_.id;
    if (auto found = find_again(task); !found) return pass_on(std::move(found.error()));
    // It is there: then the module itself has said so, without a sentence.
    if (family_.id == before) return done;
    if (request.has_ids())
        return fail_errno(ENOENT, task, "the module was loaded again, and numbers begin anew");
    // Sent once more, but not done twice: there was no family that could have looked at it.
    request.set_family(family_.id);
    done = run_once(request, task, handler, unknown);
    if (unknown) return not_loaded(task);
    return done;
}

Result<Exchange> Link::run_once(Request& request, Task task, Handler& handler, bool& unknown) {
    unknown = false;
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
        if (!received) {
            received.error().doing = task.text();
            return pass_on(std::move(received.error()));
        }
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
    // What the module itself does not find it tells with a sentence.
    unknown = answers.error == ENOENT && answers.sentence.empty();
    // A dump that failed may go on: for want of memory the kernel ends it with the next answer it
    // has for this socket. One that nobody knew did not begin.
    unfinished_ = answers.error != 0 && request.is_dump() && !unknown;
    if (answers.error != 0) return fail_errno(answers.error, task, answers.sentence);
    if (answers.failure) return Fail{std::move(*answers.failure)};
    return Exchange{answers.interrupted};
}

}  // namespace statchan::detail
