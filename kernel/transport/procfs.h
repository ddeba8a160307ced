/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of transport procfs know of each other.
 */
#ifndef _STATCHAN_PROCFS_H
#define _STATCHAN_PROCFS_H

#include "../core.h"

struct file;
struct file_operations;
struct inode;
struct proc_ops;

/* Where a line's counter is: value number (pos - 1) of the snapshot */
struct statchan_proc_place {
	u64 counter;
	u32 group;
	u32 instance;
	u32 field;
};

struct statchan_source *statchan_proc_get(struct inode *inode);
void statchan_proc_put(struct statchan_source *src);
int statchan_proc_admit(struct statchan_source *src, const struct file *file,
			bool *counted);
int statchan_proc_take_over(struct file *file, const struct file_operations *fops);

extern const struct proc_ops statchan_proc_text_ops;	/* procfs_text.c */
extern const struct proc_ops statchan_proc_legacy_ops;	/* procfs_legacy.c */

static inline const struct statchan_group *
statchan_proc_group(const struct statchan_schema *schema,
		    const struct statchan_proc_place *at)
{
	return (const struct statchan_group *)(schema + 1) + at->group;
}

static inline const struct statchan_field *
statchan_proc_field(const struct statchan_schema *schema,
		    const struct statchan_proc_place *at)
{
	const struct statchan_group *groups = (const void *)(schema + 1);
	const struct statchan_field *fields = (const void *)(groups + schema->n_groups);

	return &fields[groups[at->group].first_field + at->field];
}

void statchan_proc_find(const struct statchan_schema *schema,
			struct statchan_proc_place *at, u64 counter);
void statchan_proc_next(const struct statchan_schema *schema,
			struct statchan_proc_place *at);

#endif /* _STATCHAN_PROCFS_H */
