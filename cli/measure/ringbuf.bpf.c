// SPDX-License-Identifier: MIT
//
// Puts one record into a BPF ring buffer. For primitives_bpf.cpp, which runs it again and again.
//
// The helpers need the types before them:
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

struct record {
    __u64 words[8];
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} ring SEC(".maps");

SEC("socket")
int put_record(struct __sk_buff* skb) {
    struct record* to = bpf_ringbuf_reserve(&ring, sizeof(*to), 0);
    if (!to) return 1;
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; ++i) to->words[i] = skb->len;
    bpf_ringbuf_submit(to, BPF_RB_NO_WAKEUP);
    return 0;
}

char program_license[] SEC("license") = "Dual MIT/GPL";
