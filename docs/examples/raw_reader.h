// SPDX-License-Identifier: MIT
//
// What the parts of statchan_raw_reader share: see raw_reader.c.
#pragma once

#include <linux/statchan.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_CPUS = 4096, READ_BYTES = 256 * 1024 };

struct options {
    const char* source;
    uint64_t buffer_size;  // bytes per CPU; 0: the default
};

// What this program has seen of one CPU.
struct book {
    uint64_t read;         // samples
    uint64_t told;         // records that gaps stood for
    uint64_t next_seq;     // after the last sample
    uint64_t before;       // netlink: accepted before we joined
    uint64_t position;     // netlink: what the next message should say
    uint64_t socket_lost;  // netlink: told by a step of POSITION
};
extern struct book books[MAX_CPUS];

// One way to the records.
struct transport {
    const char* name;
    void (*open)(const struct options* options);
    int (*read)(void);  // waits for records and takes them; 0: the stream has ended
    void (*stop)(void);
    uint32_t (*ledger)(struct statchan_ledger* entries);  // returns how many
    void (*snapshot)(const char* source);
};
extern const struct transport by_ioctl, by_read, by_mmap, by_relay, by_netlink;

// Prints whole records and enters them in the books; returns their bytes. What remains is the
// beginning of a record.
size_t take_records(const unsigned char* data, size_t len);
void print_snapshot(const struct statchan_snapshot* snapshot, size_t len);

// A length as memory has it: a program of 32 bits can not hold each that the interface can say.
size_t fits(uint64_t len);

__attribute__((noreturn)) void die(const char* what, const char* why);
