/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What the source kind "synth", a simulated switch chip, counts and emits.
 * Everything is a function of numbers that a reader knows, so a reader can
 * check every byte that reached it, whichever way it came.
 *
 * COUNTERS
 *
 * Value number i (as the schema numbers them) of the snapshot of generation g:
 *	a field of type counter   statchan_synth_counter(g, i)
 *	a field of type gauge     statchan_synth_gauge(g, i)
 *
 * SAMPLES
 *
 * The payload of the record (cpu, seq) is a row of 64-bit words in
 * little-endian order on every machine, word w of it being
 *	statchan_synth_word(statchan_synth_key(cpu, seq), w)
 * A payload that is no multiple of 8, by its size or because the channel cuts
 * it, ends inside a word. statchan_synth_byte() is the same for one byte.
 * The head of a record has: orig_len the parameter "size", flags INGRESS,
 * queue the CPU, ifindex, protocol and VLAN 0. time_ns is the time of the emit;
 * in mode paced the time at which the record was due, however late it came.
 *
 * Usable from C, from C++ and in the kernel.
 */
#ifndef _UAPI_LINUX_STATCHAN_SYNTH_H
#define _UAPI_LINUX_STATCHAN_SYNTH_H

#include <linux/types.h>

/* Odd, so that multiplying by them loses nothing. */
#define STATCHAN_SYNTH_K1	(((__u64)0x9e3779b9U << 32) | 0x7f4a7c15U)
#define STATCHAN_SYNTH_K2	(((__u64)0xd6e8feb8U << 32) | 0x6659fd93U)

static __inline__ __u64 statchan_synth_mix(__u64 x)
{
	x *= STATCHAN_SYNTH_K1;
	return x ^ (x >> 32);
}

/**
 * statchan_synth_counter() - value of a counter
 * @generation:	of the snapshot, from 1
 * @index:	of the value in the snapshot
 *
 * Begins below 2^48, another place for each index, and grows by 1 .. 65536,
 * always the same step, with each generation.
 */
static __inline__ __u64 statchan_synth_counter(__u64 generation, __u64 index)
{
	__u64 m = statchan_synth_mix(index + 1);

	return (m >> 16) + generation * ((m & 0xffff) + 1);
}

/**
 * statchan_synth_gauge() - value of a gauge, below 2^24
 */
static __inline__ __u64 statchan_synth_gauge(__u64 generation, __u64 index)
{
	return statchan_synth_mix(index + generation * STATCHAN_SYNTH_K2) >> 40;
}

/**
 * statchan_synth_key() - what the payload of a record is made from
 */
static __inline__ __u64 statchan_synth_key(__u32 cpu, __u64 seq)
{
	return statchan_synth_mix(seq + 1) ^
	       ((__u64)cpu + 1) * STATCHAN_SYNTH_K2;
}

/**
 * statchan_synth_word() - word @w of a payload, as a number
 */
static __inline__ __u64 statchan_synth_word(__u64 key, __u32 w)
{
	return key + w * STATCHAN_SYNTH_K1;
}

/**
 * statchan_synth_byte() - byte at @offset of a payload
 */
static __inline__ unsigned char statchan_synth_byte(__u64 key, __u32 offset)
{
	return (unsigned char)(statchan_synth_word(key, offset / 8) >>
			       (offset % 8 * 8));
}

/**
 * statchan_synth_check() - compare a payload with what it must be
 * @payload:	@len bytes
 *
 * Return: offset of the first wrong byte, @len if there is none.
 */
static __inline__ __u32 statchan_synth_check(const void *payload, __u32 len,
					     __u32 cpu, __u64 seq)
{
	const unsigned char *p = (const unsigned char *)payload;
	__u64 word = statchan_synth_key(cpu, seq);
	__u32 i, shift = 0;

	for (i = 0; i < len; i++) {
		if (p[i] != (unsigned char)(word >> shift))
			break;
		shift += 8;
		if (shift == 64) {
			shift = 0;
			word += STATCHAN_SYNTH_K1;
		}
	}
	return i;
}

#endif /* _UAPI_LINUX_STATCHAN_SYNTH_H */
