// SPDX-License-Identifier: MIT
//
// What "ip link" and "ip addr" do, without starting a program: that costs an emulated guest more
// than most tests. All are about the network namespace of the calling thread, and fail the test if
// the kernel refuses.
#pragma once

#include <cstdint>
#include <string>

namespace lab {

class Namespace;

void add_dummy(const std::string& name, std::uint32_t tx_queues = 1);
/// Two ends of the same name, one in each namespace.
void add_veth(const std::string& name, const Namespace& left, const Namespace& right);
void add_vlan(const std::string& name, const std::string& on, std::uint16_t id);
void remove_link(const std::string& name);
/// The link must be down.
void rename_link(const std::string& name, const std::string& to);
void move_link(const std::string& name, const Namespace& to);

void set_up(const std::string& name);
void set_down(const std::string& name);
/// With a network of 24 bits.
void set_address(const std::string& name, const char* address);
/// As 6 bytes.
std::string hardware_address(const std::string& name);

}  // namespace lab
