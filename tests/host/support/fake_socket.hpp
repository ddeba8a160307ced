// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "fd.hpp"
#include "netlink/socket.hpp"

namespace test {

using statchan::Result;
using statchan::detail::Attrs;
using statchan::detail::Message;
using statchan::detail::Received;
using statchan::detail::Receiver;
using statchan::detail::Request;
using statchan::detail::Verdict;

/// What a test's kernel sends: one datagram with one message, a verdict, or a mishap.
struct Step {
    Received what = Received::some;
    int error = 0;                     ///< receiving it fails
    std::vector<std::byte> message{};  ///< as Request builds them; empty: a verdict
    Verdict verdict{};
    bool seq_of_request = true;
};

/// A kernel that answers from a script. All sockets have one descriptor, which is readable as long
/// as there are steps.
struct FakeKernel {
    FakeKernel() {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        ready = statchan::detail::Fd{ends[0]};
        bell = statchan::detail::Fd{ends[1]};
    }

    std::deque<Step> steps;
    statchan::detail::Fd ready, bell;
    /// Called with each request; may add steps.
    std::function<void(FakeKernel&, const nlmsghdr&, const Attrs&, std::uint8_t cmd)> on_request;
    std::uint32_t seq = 0;

    void message(Request request, std::uint16_t flags = 0) {
        const auto bytes = request.finish(0);
        Step step;
        step.message.assign(bytes.begin(), bytes.end());
        reinterpret_cast<nlmsghdr*>(step.message.data())->nlmsg_flags |= flags;
        add(std::move(step));
    }
    void verdict(int error = 0, std::string_view text = {}, std::uint16_t flags = 0) {
        Step step;
        step.verdict.error = error;
        step.verdict.text = text;
        step.verdict.flags = flags;
        add(std::move(step));
    }
    void mishap(Received what) {
        Step step;
        step.what = what;
        add(std::move(step));
    }
    void failure(int error) {
        Step step;
        step.error = error;
        add(std::move(step));
    }

    void add(Step step) {
        if (steps.empty()) {
            EXPECT_EQ(::send(bell.get(), "x", 1, 0), 1);
        }
        steps.push_back(std::move(step));
    }
    [[nodiscard]] Step take() {
        auto step = std::move(steps.front());
        steps.pop_front();
        char byte = 0;
        if (steps.empty()) {
            EXPECT_EQ(::recv(ready.get(), &byte, 1, 0), 1);
        }
        return step;
    }
};

/// The kernel that sockets made by make_fake_socket() talk to.
inline FakeKernel* fake_kernel = nullptr;

class FakeSocket final : public statchan::detail::Socket {
  public:
    explicit FakeSocket(FakeKernel& kernel) : kernel_{kernel} {}

    [[nodiscard]] int fd() const noexcept override { return kernel_.ready.get(); }

    [[nodiscard]] Result<void> send(std::span<std::byte> bytes) override {
        nlmsghdr header{};
        std::memcpy(&header, bytes.data(), sizeof header);
        genlmsghdr genl{};
        std::memcpy(&genl, bytes.data() + NLMSG_HDRLEN, sizeof genl);
        Attrs attrs;
        EXPECT_TRUE(parse_attrs(bytes.subspan(NLMSG_HDRLEN + GENL_HDRLEN), attrs));
        kernel_.seq = header.nlmsg_seq;
        if (kernel_.on_request) kernel_.on_request(kernel_, header, attrs, genl.cmd);
        return {};
    }

    [[nodiscard]] Result<Received> receive(Receiver& receiver) override {
        if (kernel_.steps.empty()) return Received::nothing;
        auto step = kernel_.take();
        if (step.error != 0)
            return statchan::detail::fail_errno(step.error, {"receive from the netlink socket"});
        if (step.what != Received::some) return step.what;
        if (step.message.empty()) {
            step.verdict.seq = kernel_.seq;
            receiver.on_verdict(step.verdict);
            return Received::some;
        }
        hand_over(step, receiver);
        return Received::some;
    }

    [[nodiscard]] std::size_t held() const noexcept override { return 0; }
    void release() noexcept override { held_.clear(); }

  private:
    void hand_over(const Step& step, Receiver& receiver) {
        // Aligned to 8, of exactly its size.
        auto& memory = held_.emplace_back(new std::uint64_t[(step.message.size() + 7) / 8]);
        std::memcpy(memory.get(), step.message.data(), step.message.size());
        const auto* bytes = reinterpret_cast<const std::byte*>(memory.get());
        const auto* header = reinterpret_cast<const nlmsghdr*>(bytes);
        Message message;
        message.type = header->nlmsg_type;
        message.flags = header->nlmsg_flags;
        message.seq = step.seq_of_request ? kernel_.seq : 0;
        message.cmd = reinterpret_cast<const genlmsghdr*>(bytes + NLMSG_HDRLEN)->cmd;
        const std::span all{bytes, step.message.size()};
        (void)parse_attrs(all.subspan(NLMSG_HDRLEN + GENL_HDRLEN), message.attrs);
        receiver.on_message(message);
    }
    FakeKernel& kernel_;
    std::vector<std::unique_ptr<std::uint64_t[]>> held_;
};

inline Result<std::unique_ptr<statchan::detail::Socket>> make_fake_socket(
    const statchan::detail::SocketOptions&) {
    return std::make_unique<FakeSocket>(*fake_kernel);
}

}  // namespace test
