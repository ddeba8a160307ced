// SPDX-License-Identifier: GPL-2.0
/*
 * The table of transports; docs/architecture.md says what else a new one needs.
 */
#include <linux/string.h>

#include "core.h"

static const struct statchan_transport *const transports[] = {
	&statchan_transport_ioctl,
	&statchan_transport_read,
	&statchan_transport_procfs,
	&statchan_transport_netlink,
	&statchan_transport_relay,
	&statchan_transport_mmap,
	&statchan_transport_bpf,
};

/* Once, at load: a transport has all slots its capabilities promise. */
int statchan_transports_check(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(transports); i++) {
		const struct statchan_transport *t = transports[i];

		if (WARN(!t->open || !t->close, "statchan: %s", t->name))
			return -EINVAL;
		if (WARN(t->caps & STATCHAN_CAP_SAMPLES &&
			 (!t->reserve || !t->commit || !t->announce),
			 "statchan: %s", t->name))
			return -EINVAL;
		if (WARN(statchan_transport_by_id(t->id) != t,
			 "statchan: two transports have id %u", t->id))
			return -EINVAL;
	}
	return 0;
}

const struct statchan_transport *statchan_transport_by_index(u32 index)
{
	return index < ARRAY_SIZE(transports) ? transports[index] : NULL;
}

const struct statchan_transport *statchan_transport_by_id(u32 id)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(transports); i++)
		if (transports[i]->id == id)
			return transports[i];
	return NULL;
}

/* "mmap, relay": those with all of @caps */
void statchan_transports_with(u32 caps, char *buf, size_t len)
{
	u32 i;

	*buf = 0;
	for (i = 0; i < ARRAY_SIZE(transports); i++) {
		if ((transports[i]->caps & caps) != caps)
			continue;
		if (*buf)
			strlcat(buf, ", ", len);
		strlcat(buf, transports[i]->name, len);
	}
}

void statchan_transport_info(const struct statchan_transport *t,
			     struct statchan_transport_info *info)
{
	*info = (struct statchan_transport_info){
		.id = t->id,
		.caps = t->caps,
	};
	strscpy(info->name, t->name, sizeof(info->name));
}
