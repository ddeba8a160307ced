// SPDX-License-Identifier: GPL-2.0
/*
 * The description of a source's counters, as one blob that every transport
 * carries as it is. See struct statchan_schema.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xxhash.h>

#include "core.h"
#include "fault.h"

static int schema_count(const struct statchan_schema_desc *desc, u64 *fields,
			u64 *counters)
{
	u32 g;

	*fields = 0;
	*counters = 0;
	if (!desc->n_groups || desc->n_groups > 1024)
		return -EINVAL;
	for (g = 0; g < desc->n_groups; g++) {
		const struct statchan_group_desc *group = &desc->groups[g];

		if (!group->instances || !group->n_fields)
			return -EINVAL;
		*fields += group->n_fields;
		*counters += (u64)group->instances * group->n_fields;
		/* bounded at each step, so that neither sum can wrap */
		if (*fields > STATCHAN_COUNTERS_MAX ||
		    *counters > STATCHAN_COUNTERS_MAX)
			return -EINVAL;
	}
	return 0;
}

static int schema_fill_group(const struct statchan_group_desc *desc,
			     struct statchan_group *group,
			     struct statchan_field *field)
{
	u32 f;

	group->instances = desc->instances;
	group->n_fields = desc->n_fields;
	if (strscpy(group->name, desc->name, sizeof(group->name)) <= 0)
		return -EINVAL;
	for (f = 0; f < desc->n_fields; f++, field++) {
		if (strscpy(field->name, desc->fields[f].name,
			    sizeof(field->name)) < 0)
			return -EINVAL;
		field->type = desc->fields[f].type;
		field->unit = desc->fields[f].unit;
	}
	return 0;
}

/* Return: a blob to be kvfree()d, or ERR_PTR(-EINVAL, -ENOMEM). */
struct statchan_schema *
statchan_schema_build(const struct statchan_schema_desc *desc)
{
	u64 n_fields, n_counters, len;
	struct statchan_schema *schema;
	struct statchan_group *groups;
	struct statchan_field *fields;
	u32 g, field = 0, counter = 0;

	if (schema_count(desc, &n_fields, &n_counters))
		return ERR_PTR(-EINVAL);
	len = sizeof(*schema) + desc->n_groups * sizeof(*groups) +
	      n_fields * sizeof(*fields);
	schema = statchan_fault(STATCHAN_FAULT_SCHEMA) ?
		 NULL : kvzalloc(len, GFP_KERNEL_ACCOUNT);
	if (!schema)
		return ERR_PTR(-ENOMEM);
	schema->magic = STATCHAN_SCHEMA_MAGIC;
	schema->len = len;
	schema->n_groups = desc->n_groups;
	schema->n_fields = n_fields;
	schema->n_counters = n_counters;
	groups = (struct statchan_group *)(schema + 1);
	fields = (struct statchan_field *)(groups + desc->n_groups);
	for (g = 0; g < desc->n_groups; g++) {
		groups[g].first_field = field;
		groups[g].first_counter = counter;
		if (schema_fill_group(&desc->groups[g], &groups[g],
				      &fields[field])) {
			kvfree(schema);
			return ERR_PTR(-EINVAL);
		}
		field += desc->groups[g].n_fields;
		counter += desc->groups[g].instances * desc->groups[g].n_fields;
	}
	schema->hash = xxh64(schema, len, 0);
	return schema;
}
