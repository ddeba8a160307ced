// SPDX-License-Identifier: GPL-2.0
/*
 * What each operation of the generic netlink family accepts. The core of netlink
 * checks it, strictly, before the operation runs, and names the attribute.
 */
#include "genl.h"

/* by id or by name */
const struct nla_policy statchan_genl_source_policy[] = {
	[STATCHAN_A_SOURCE] = NLA_POLICY_MIN(NLA_U32, 1),
	[STATCHAN_A_NAME] = { .type = NLA_NUL_STRING,
			      .len = STATCHAN_NAME_MAX - 1 },
};

const struct nla_policy statchan_genl_add_policy[] = {
	[STATCHAN_A_NAME] = { .type = NLA_NUL_STRING,
			      .len = STATCHAN_NAME_MAX - 1 },
	[STATCHAN_A_KIND] = { .type = NLA_NUL_STRING,
			      .len = STATCHAN_NAME_MAX - 1 },
	[STATCHAN_A_PARAMS] = { .type = NLA_NUL_STRING,
				.len = STATCHAN_PARAMS_MAX - 1 },
};

const struct nla_policy statchan_genl_set_policy[] = {
	[STATCHAN_A_NAME] = { .type = NLA_NUL_STRING,
			      .len = STATCHAN_NAME_MAX - 1 },
	[STATCHAN_A_PARAMS] = { .type = NLA_NUL_STRING,
				.len = STATCHAN_PARAMS_MAX - 1 },
};

const struct nla_policy statchan_genl_schema_policy[] = {
	[STATCHAN_A_SOURCE] = NLA_POLICY_MIN(NLA_U32, 1),
	[STATCHAN_A_LENGTH] = { .type = NLA_U64 },
};

const struct nla_policy statchan_genl_snapshot_policy[] = {
	[STATCHAN_A_SOURCE] = NLA_POLICY_MIN(NLA_U32, 1),
	[STATCHAN_A_MAX_AGE] = { .type = NLA_U64 },
	[STATCHAN_A_GENERATION] = { .type = NLA_U64 },
	[STATCHAN_A_FLAGS] = NLA_POLICY_MASK(NLA_U32, STATCHAN_GET_DIGEST),
	[STATCHAN_A_LENGTH] = { .type = NLA_U64 },
};

const struct nla_policy statchan_genl_config_policy[] = {
	[STATCHAN_C_RATE] = { .type = NLA_U32 },
	[STATCHAN_C_SNAPLEN] = { .type = NLA_U32 },
	[STATCHAN_C_WATERMARK_RECORDS] = { .type = NLA_U32 },
	[STATCHAN_C_WATERMARK_BYTES] = { .type = NLA_U32 },
	[STATCHAN_C_TIMEOUT] = { .type = NLA_U64 },
	[STATCHAN_C_BUFFER_SIZE] = { .type = NLA_U64 },
};

const struct nla_policy statchan_genl_open_policy[] = {
	[STATCHAN_A_SOURCE] = NLA_POLICY_MIN(NLA_U32, 1),
	[STATCHAN_A_FOLLOWS] = NLA_POLICY_MIN(NLA_U32, 1),
	[STATCHAN_A_CONFIG] = NLA_POLICY_NESTED(statchan_genl_config_policy),
};

const struct nla_policy statchan_genl_channel_policy[] = {
	[STATCHAN_A_CHANNEL] = NLA_POLICY_MIN(NLA_U32, 1),
};
