/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The faults switch: a file in debugfs makes chosen allocations and reservations
 * fail, so that tests can show what a user of them sees. Off it costs a branch that
 * is not there.
 */
#ifndef _STATCHAN_FAULT_H
#define _STATCHAN_FAULT_H

#include <linux/jump_label.h>
#include <linux/types.h>

/* The places, by the names in fault.c */
enum statchan_fault_place {
	STATCHAN_FAULT_SOURCE,
	STATCHAN_FAULT_SCHEMA,
	STATCHAN_FAULT_SNAPSHOT,
	STATCHAN_FAULT_SNAPSHOT_MAP,
	STATCHAN_FAULT_LIVE,
	STATCHAN_FAULT_CHANNEL,
	STATCHAN_FAULT_RECORD,
	STATCHAN_FAULT_RING,
	STATCHAN_FAULT_RING_PAGE,
	STATCHAN_FAULT_RELAY,
	STATCHAN_FAULT_RELAY_FOLDER,
	STATCHAN_FAULT_RELAY_FILE,
	STATCHAN_FAULT_NETLINK,
	STATCHAN_FAULT_NETLINK_SKB,
	STATCHAN_FAULT_NETLINK_SOCKET,
	STATCHAN_FAULT_EVENT,
	STATCHAN_FAULT_PROCFS,
	STATCHAN_FAULT_BPF,
	STATCHAN_N_FAULTS,
};

struct dentry;

DECLARE_STATIC_KEY_FALSE(statchan_faults);

bool __statchan_fault(enum statchan_fault_place place);
void statchan_fault_init(struct dentry *parent);

/**
 * statchan_fault() - shall this one fail?
 * @place:	where it is asked
 *
 * Any context.
 *
 * Return: true as often as the debugfs file was told for this place.
 */
static __always_inline bool statchan_fault(enum statchan_fault_place place)
{
	return static_branch_unlikely(&statchan_faults) &&
	       __statchan_fault(place);
}

#endif /* _STATCHAN_FAULT_H */
