// SPDX-License-Identifier: MIT
//
// mmap promises reads without a system call. Here one would be deadly: seccomp kills the reader
// at any but reading the clock, which some machines can not do without.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/statchan_synth.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <optional>

#include "support/process.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;

namespace {

bool forbid_system_calls() {
    static constexpr auto allow = [](unsigned number) {
        return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    };
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        allow(SYS_clock_gettime),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        allow(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        allow(SYS_write),  // of the verdict
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const sock_fprog filter{.len = std::size(program), .filter = program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

TEST(NoSystemCall, WouldBeNoticed) {
    const auto answer = in_child([]() -> std::string {
        if (!forbid_system_calls()) return "no seccomp";
        return std::to_string(::getppid());
    });
    EXPECT_EQ(answer.rfind("(died", 0), 0U) << answer;
}

TEST(NoSystemCall, LiveSnapshotIsRead) {
    Synth synth{synth_counters(512)};
    // Out here, since their ends do make system calls.
    std::optional<statchan::Client> client;
    std::optional<statchan::LiveSnapshot> live;
    const auto answer = in_child([&]() -> std::string {
        client.emplace(open_client("mmap"));
        auto opened = client->live(synth.name(), 1ms);
        if (!opened) return opened.error().message();
        live.emplace(std::move(*opened));
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint64_t wrong = 0;
        if (!forbid_system_calls()) return "no seccomp";
        while (last < first + 5) {
            const auto read = live->read([&](const statchan::SnapshotView& view) {
                wrong = view.counters()[3] == statchan_synth_counter(view.generation(), 3) ? 0 : 1;
            });
            if (!read || wrong != 0) return "wrong";
            if (first == 0) first = read->seq;
            last = read->seq;
        }
        return "ok";
    });
    EXPECT_EQ(answer, "ok");
}

TEST(NoSystemCall, SamplesAreTaken) {
    Synth synth{"size=64"};
    std::optional<statchan::Client> client;
    std::optional<statchan::Stream> stream;
    const auto answer = in_child([&]() -> std::string {
        client.emplace(open_client("mmap"));
        auto opened = client->subscribe(synth.name());
        if (!opened) return opened.error().message();
        stream.emplace(std::move(*opened));
        (void)stream->next(0ns);  // what is allocated once is allocated
        synth.emit(500);
        std::size_t records = 0;
        std::size_t wrong = 0;
        if (!forbid_system_calls()) return "no seccomp";
        while (records < 500) {
            const auto batch = stream->next(0ns);
            if (!batch) return "error";
            for (const auto& sample : batch->samples()) {
                if (statchan_synth_check(sample.payload().data(), 64, sample.cpu(), sample.seq()) !=
                    64)
                    ++wrong;
                ++records;
            }
        }
        return wrong == 0 ? "ok" : "wrong";
    });
    EXPECT_EQ(answer, "ok");
}
