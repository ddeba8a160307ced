// SPDX-License-Identifier: MIT
//
// Runs programs against the kernel: what they opened, mapped and learned.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "program.hpp"

namespace fuzz {

struct Field;
struct Attribute;

/// The state of one program.
class Machine {
  public:
    Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    /// Closes and unmaps what is left.
    ~Machine();

    void run(const Program& program);
    /// In two threads at the same time.
    void run_twice(const Program& program);

    /// Removes the sources that programs made.
    static void clean_up();
    /// Once per process: wrong addresses and calls that wait do not end it.
    static void catch_signals();

  private:
    static constexpr std::size_t slots = 8;
    static constexpr std::size_t place_size = 16U << 20U;

    void execute(const Call& call);
    void keep_file(int fd);
    [[nodiscard]] int file(const Call& call) const { return files_[call.on % slots]; }
    [[nodiscard]] std::uint8_t* place(std::uint64_t number) const {
        return places_ + number % slots * place_size;
    }
    static void reserve(std::uint8_t* begin, std::size_t length);

    void open_text(const Call& call);
    void open_relay(const Call& call);
    void open_socket();
    void ioctl(const Call& call);
    void netlink(const Call& call);
    void receive(const Call& call);
    void join(const Call& call);
    void set_receive_buffer(const Call& call);
    void read(const Call& call);
    void pread(const Call& call);
    void write(const Call& call);
    void poll(const Call& call);
    void splice(const Call& call);
    void map(const Call& call);
    static void map_anywhere(int fd, std::size_t bytes, int protection, std::uint64_t offset);
    void unmap(const Call& call) const;
    void protect(const Call& call) const;
    void remap(const Call& call) const;
    void advise(const Call& call) const;
    void poke(const Call& call) const;
    void peek(const Call& call) const;
    static void fork();
    void close(const Call& call);

    [[nodiscard]] std::uint64_t field_value(const Field& field, const Value& value) const;
    void put_attribute(std::vector<std::uint8_t>& message, const Attribute& attribute,
                       const Value& value, const Call& call) const;
    void learn(const Field& field, std::span<const std::uint8_t> answer, bool is_channel);
    [[nodiscard]] std::uint64_t any_of(const std::array<std::uint32_t, slots>& ids,
                                       std::uint64_t number) const;

    std::array<int, slots> files_{};
    std::array<std::uint32_t, slots> sources_{};
    std::array<std::uint32_t, slots> channels_{};
    std::string relay_folder_;
    std::uint64_t stride_ = 0;
    std::size_t next_file_ = 0;
    std::uint8_t* memory_;  // of calls, ended by a page that is not there
    // All mappings are made in places that are reserved, and unmapped by reserving them again: so
    // nobody else's memory can be where one of ours was.
    std::uint8_t* places_;
    bool alone_ = true;
};

}  // namespace fuzz
