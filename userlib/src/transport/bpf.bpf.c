// SPDX-License-Identifier: MIT
//
// The program of transport bpf: takes the records of one channel at the module's tracepoint. The
// protocol is at struct statchan_bpf in <linux/statchan.h>. Compiled for BPF, loaded by bpf.cpp.
//
// The helpers need the types before them:
// clang-format off
#include <linux/bpf.h>
#include <linux/statchan.h>
#include <bpf/bpf_helpers.h>
// clang-format on

// Of the channel; set before loading, so a constant to the verifier.
const volatile __u64 key = 0;

// The CPUs whose ring the kernel has asked for. When the channel is open those are all possible
// CPUs, which need not be all numbers below the highest.
#define CPUS 65536
volatile __u8 asked[CPUS];

// One per CPU: one producer each, so the ring's lock is never contended, and the records of a CPU
// stay in order. The library makes the rings and says here how many.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(
        values, struct {
            __uint(type, BPF_MAP_TYPE_RINGBUF);
            __uint(max_entries, 65536);
        });
} rings SEC(".maps");

// Nanoseconds for a record of 112 and of 304 bytes, less an empty run (Linux 6.18, x86-64; the same
// order in instructions on 6.1):
//     reserve a constant size, loads and stores            27   29
//     bpf_ringbuf_output() of a map's value                33   44  had the kernel one to write to
//     reserve a constant size, bpf_probe_read_kernel()     48   56
//     bpf_probe_read_kernel() to a map's value, output     58   77
//     reserve_dynptr, its slice, bpf_probe_read_kernel()   81   89
// Only what the tracepoint shows can be loaded, at constant offsets; what is larger is read.
static __always_inline __u32 take(struct statchan_bpf* shot, void* ring, const __u32 slot) {
    __u64* to = bpf_ringbuf_reserve(ring, slot, 0);
    if (!to) return STATCHAN_BPF_FULL;
    if (slot <= sizeof(shot->record)) {
#pragma clang loop unroll(full)
        for (__u32 i = 0; i < slot / sizeof(*to); ++i) to[i] = shot->record[i];
    } else {
        __u32 room = shot->room;
        bpf_probe_read_kernel(to, room < slot ? room : slot, shot->record);
    }
    bpf_ringbuf_submit(to, BPF_RB_NO_WAKEUP);
    return STATCHAN_BPF_DONE;
}

// The verifier wants each size to be a constant.
// clang-format off
static __always_inline __u32 take_any(struct statchan_bpf* shot, void* ring) {
    switch (shot->slot) {
        case STATCHAN_BPF_END: return take(shot, ring, STATCHAN_BPF_END);
        case 1 * 64 - 8: return take(shot, ring, 1 * 64 - 8);
        case 2 * 64 - 8: return take(shot, ring, 2 * 64 - 8);
        case 3 * 64 - 8: return take(shot, ring, 3 * 64 - 8);
        case 4 * 64 - 8: return take(shot, ring, 4 * 64 - 8);
        case 5 * 64 - 8: return take(shot, ring, 5 * 64 - 8);
        case 6 * 64 - 8: return take(shot, ring, 6 * 64 - 8);
        case 7 * 64 - 8: return take(shot, ring, 7 * 64 - 8);
        case 8 * 64 - 8: return take(shot, ring, 8 * 64 - 8);
        case 9 * 64 - 8: return take(shot, ring, 9 * 64 - 8);
        case 10 * 64 - 8: return take(shot, ring, 10 * 64 - 8);
        case 11 * 64 - 8: return take(shot, ring, 11 * 64 - 8);
        case 12 * 64 - 8: return take(shot, ring, 12 * 64 - 8);
        case 13 * 64 - 8: return take(shot, ring, 13 * 64 - 8);
        case 14 * 64 - 8: return take(shot, ring, 14 * 64 - 8);
        case 15 * 64 - 8: return take(shot, ring, 15 * 64 - 8);
        case 16 * 64 - 8: return take(shot, ring, 16 * 64 - 8);
        case 5 * 256 - 8: return take(shot, ring, 5 * 256 - 8);
        case 6 * 256 - 8: return take(shot, ring, 6 * 256 - 8);
        case 7 * 256 - 8: return take(shot, ring, 7 * 256 - 8);
        case 8 * 256 - 8: return take(shot, ring, 8 * 256 - 8);
        case 5 * 512 - 8: return take(shot, ring, 5 * 512 - 8);
        case 6 * 512 - 8: return take(shot, ring, 6 * 512 - 8);
        case 7 * 512 - 8: return take(shot, ring, 7 * 512 - 8);
        case 8 * 512 - 8: return take(shot, ring, 8 * 512 - 8);
        case 5 * 1024 - 8: return take(shot, ring, 5 * 1024 - 8);
        case 6 * 1024 - 8: return take(shot, ring, 6 * 1024 - 8);
        case 7 * 1024 - 8: return take(shot, ring, 7 * 1024 - 8);
        case 8 * 1024 - 8: return take(shot, ring, 8 * 1024 - 8);
        case 5 * 2048 - 8: return take(shot, ring, 5 * 2048 - 8);
        case 6 * 2048 - 8: return take(shot, ring, 6 * 2048 - 8);
        case 7 * 2048 - 8: return take(shot, ring, 7 * 2048 - 8);
        case 8 * 2048 - 8: return take(shot, ring, 8 * 2048 - 8);
        case 5 * 4096 - 8: return take(shot, ring, 5 * 4096 - 8);
        case 6 * 4096 - 8: return take(shot, ring, 6 * 4096 - 8);
        case 7 * 4096 - 8: return take(shot, ring, 7 * 4096 - 8);
        case 8 * 4096 - 8: return take(shot, ring, 8 * 4096 - 8);
        case 5 * 8192 - 8: return take(shot, ring, 5 * 8192 - 8);
        default: return STATCHAN_BPF_NOBODY;
    }
}
// clang-format on

SEC("raw_tp.w/statchan_bpf")
int statchan_take(struct bpf_raw_tracepoint_args* ctx) {
    struct statchan_bpf* shot = (void*)ctx->args[0];
    if (shot->key != key) return 0;
    __u32 cpu = shot->cpu;
    void* ring = bpf_map_lookup_elem(&rings, &cpu);
    if (!ring) return 0;
    if (shot->op == STATCHAN_BPF_TAKE) {
        shot->answer = take_any(shot, ring);
    } else if (shot->op == STATCHAN_BPF_LOOK) {
        shot->size = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);
        shot->head = bpf_ringbuf_query(ring, BPF_RB_PROD_POS);
        shot->tail = bpf_ringbuf_query(ring, BPF_RB_CONS_POS);
        shot->answer = STATCHAN_BPF_DONE;
        asked[cpu % CPUS] = 1;
    }
    return 0;
}

char program_license[] SEC("license") = "Dual MIT/GPL";
