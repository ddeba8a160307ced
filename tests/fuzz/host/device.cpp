// SPDX-License-Identifier: MIT
//
// The transports of the character device, ioctl to relay, over a kernel that lies: the whole
// library but the BPF program, from open to the ledger. Read and relay streams, the text of procfs,
// mapped snapshots, rings and live memory are parsed as in a program.
//
// Input: which transport; what is done; in between, what the kernel makes of its answers.
#include <array>

#include "check.hpp"
#include "exercise.hpp"
#include "hostile_kernel.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::array transports{"ioctl", "read", "procfs", "mmap", "relay"};
    fuzz::Input input{data, size};
    const auto transport = input.byte();
    fuzz::HostileKernel kernel{input};
    auto client = statchan::Client::open({.transport = transports[transport % transports.size()]});
    if (client)
        fuzz::exercise(input, *client);
    else
        fuzz::is_told(client.error());
    return 0;
}
