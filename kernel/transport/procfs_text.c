// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot as text, by seq_file. The format is in uapi/linux/statchan.h.
 *
 * The first read takes the snapshot and the open file holds it, so however many
 * reads it takes, all are of one generation.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "procfs.h"

#define PROC_BUFFER	65536	/* bytes that one read(2) gets at most */
#define PROC_OPTIONS	128	/* bytes of what may be written */
#define PROC_LINES_AT_ONCE 4096

/**
 * struct proc_file - an open file. All under the seq_file's lock
 * @src:	counted, see procfs.c
 * @snap:	counted, from the first read on
 * @counted:	in src->dumps
 * @digest:	shall be told
 * @max_age_ns:	what was written, for statchan_snap_get()
 * @generation:	same
 * @at:		the counter of the next line
 */
struct proc_file {
	struct statchan_source *src;
	struct statchan_snap *snap;
	bool counted;
	bool digest;
	u64 max_age_ns;
	u64 generation;
	struct statchan_proc_place at;
};

/* ---- the schema's arithmetic ---- */

void statchan_proc_find(const struct statchan_schema *schema,
			struct statchan_proc_place *at, u64 counter)
{
	const struct statchan_group *group = (const void *)(schema + 1);
	u32 rest, g = 0;

	while (g + 1 < schema->n_groups &&
	       counter >= group[g + 1].first_counter)
		g++;
	rest = counter - group[g].first_counter;
	at->counter = counter;
	at->group = g;
	at->instance = rest / group[g].n_fields;
	at->field = rest % group[g].n_fields;
}

void statchan_proc_next(const struct statchan_schema *schema,
			struct statchan_proc_place *at)
{
	const struct statchan_group *group = statchan_proc_group(schema, at);

	at->counter++;
	if (++at->field < group->n_fields)
		return;
	at->field = 0;
	if (++at->instance < group->instances)
		return;
	at->instance = 0;
	at->group++;
}

/* ---- the text ---- */

/*
 * As of dumps: who may do nothing here can not take all slots from the others, nor
 * let them wait for his readers. Both who opened and who reads must have the right:
 * either may hand the file on. @counted: the caller takes it off src->dumps again.
 */
int statchan_proc_admit(struct statchan_source *src, const struct file *file,
			bool *counted)
{
	if (*counted ||
	    (file_ns_capable(file, src->net->user_ns, CAP_NET_ADMIN) &&
	     statchan_may_admin(src->net)))
		return 0;
	if (atomic_inc_return(&src->dumps) > STATCHAN_DUMPS_UNPRIVILEGED) {
		atomic_dec(&src->dumps);
		return -EBUSY;
	}
	*counted = true;
	return 0;
}

static int proc_take(struct proc_file *pf, const struct file *file)
{
	struct statchan_snap *snap;
	int ret;

	if (pf->snap)
		return 0;
	ret = statchan_proc_admit(pf->src, file, &pf->counted);
	if (ret)
		return ret;
	snap = statchan_snap_get(pf->src, pf->max_age_ns, pf->generation,
				 pf->counted ? NULL : pf->src->net->user_ns, NULL);
	if (IS_ERR(snap))
		return READ_ONCE(pf->src->gone) ? -EIO : PTR_ERR(snap);
	pf->snap = snap;
	return 0;
}

static void *proc_start(struct seq_file *m, loff_t *pos)
{
	struct proc_file *pf = m->private;
	int ret = proc_take(pf, m->file);

	if (ret)
		return ERR_PTR(ret);
	if (!*pos)
		return SEQ_START_TOKEN;
	if (*pos > pf->src->schema->n_counters)
		return NULL;
	statchan_proc_find(pf->src->schema, &pf->at, *pos - 1);
	return &pf->at;
}

static void *proc_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct proc_file *pf = m->private;

	++*pos;
	/* a seek writes millions of lines before it returns */
	if (!(*pos % PROC_LINES_AT_ONCE)) {
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
	}
	if (*pos > pf->src->schema->n_counters)
		return NULL;
	if (v == SEQ_START_TOKEN)
		statchan_proc_find(pf->src->schema, &pf->at, 0);
	else
		statchan_proc_next(pf->src->schema, &pf->at);
	return &pf->at;
}

static void proc_stop(struct seq_file *m, void *v)
{
}

static void show_head(struct seq_file *m, struct proc_file *pf)
{
	const struct statchan_snapshot *head = pf->snap->image;

	seq_printf(m, "generation %llu begin %llu end %llu flags %u source %u counters %llu schema %llu",
		   head->generation, head->begin_ns, head->end_ns, head->flags,
		   head->source, head->n_counters, head->schema_hash);
	if (pf->digest)
		seq_put_decimal_ull(m, " digest ", statchan_snap_digest(pf->snap));
	seq_putc(m, '\n');
}

/* Hardly any name needs an escape, and there may be millions of lines */
static void show_name(struct seq_file *m, const char *name)
{
	if (strpbrk(name, "\\\n"))
		seq_escape(m, name, "\\\n");
	else
		seq_puts(m, name);
}

static int proc_show(struct seq_file *m, void *v)
{
	struct proc_file *pf = m->private;
	const struct statchan_proc_place *at = v;
	const struct statchan_schema *schema = pf->src->schema;
	const u64 *counters = (const u64 *)(pf->snap->image + 1);

	if (v == SEQ_START_TOKEN) {
		show_head(m, pf);
		return 0;
	}
	show_name(m, statchan_proc_group(schema, at)->name);
	seq_put_decimal_ull(m, "/", at->instance);
	seq_putc(m, '/');
	show_name(m, statchan_proc_field(schema, at)->name);
	seq_put_decimal_ull(m, " ", counters[at->counter]);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations proc_seq_ops = {
	.start = proc_start,
	.next = proc_next,
	.stop = proc_stop,
	.show = proc_show,
};

/* ---- the file ---- */

static struct proc_file *proc_file(const struct file *file)
{
	return ((struct seq_file *)file->private_data)->private;
}

static int proc_release(struct inode *inode, struct file *file)
{
	struct proc_file *pf = proc_file(file);

	if (pf->counted)
		atomic_dec(&pf->src->dumps);
	if (pf->snap)
		statchan_snap_put(pf->snap);
	statchan_proc_put(pf->src);
	return seq_release_private(inode, file);
}

static ssize_t proc_read(struct kiocb *call, struct iov_iter *to)
{
	if (READ_ONCE(proc_file(call->ki_filp)->src->gone))
		return -EIO;
	return seq_read_iter(call, to);
}

/* One word, and its number if it has one */
static int proc_option(struct proc_file *pf, const char *word, char **rest)
{
	u64 *number, source = pf->src->id;
	char *digits;
	int ret;

	if (!strcmp(word, "digest")) {
		pf->digest = true;
		return 0;
	}
	if (!strcmp(word, "generation"))
		number = &pf->generation;
	else if (!strcmp(word, "max_age"))
		number = &pf->max_age_ns;
	else if (!strcmp(word, "source"))
		number = &source;
	else
		return -EINVAL;
	digits = strsep(rest, "\n ");
	ret = digits ? kstrtou64(digits, 10, number) : -EINVAL;
	/* the name may have passed on since the program looked it up */
	return ret ?: source == pf->src->id ? 0 : -ENOENT;
}

static int proc_options(struct proc_file *pf, char *rest)
{
	char *word;
	int ret = 0;

	if (pf->snap)
		return -EBUSY;
	while (!ret && (word = strsep(&rest, "\n ")))
		if (*word)
			ret = proc_option(pf, word, &rest);
	return ret;
}

static ssize_t proc_write(struct file *file, const char __user *from, size_t len,
			  loff_t *pos)
{
	struct seq_file *m = file->private_data;
	char text[PROC_OPTIONS];
	int ret;

	if (READ_ONCE(proc_file(file)->src->gone))
		return -EIO;
	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	text[len] = 0;
	if (mutex_lock_interruptible(&m->lock))
		return -EINTR;
	ret = proc_options(m->private, text);
	mutex_unlock(&m->lock);
	return ret ?: len;
}

static const struct file_operations proc_fops = {
	.owner = THIS_MODULE,
	.read_iter = proc_read,
	.write = proc_write,
	.llseek = seq_lseek,
	.splice_read = statchan_splice_read,
	.release = proc_release,
};

static int proc_open(struct inode *inode, struct file *file)
{
	struct proc_file *pf = __seq_open_private(file, &proc_seq_ops,
						  sizeof(*pf));
	struct seq_file *m;
	int ret;

	if (!pf)
		return -ENOMEM;
	pf->src = statchan_proc_get(inode);
	ret = PTR_ERR_OR_ZERO(pf->src);
	if (ret)
		goto release;
	ret = statchan_proc_take_over(file, &proc_fops);
	if (ret)
		goto put;
	/* larger than by default, so that large sources take fewer calls */
	m = file->private_data;
	m->buf = kvmalloc(PROC_BUFFER, GFP_KERNEL_ACCOUNT |
			  __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (m->buf)
		m->size = PROC_BUFFER;
	return 0;
put:
	statchan_proc_put(pf->src);
release:
	seq_release_private(inode, file);
	return ret;
}

const struct proc_ops statchan_proc_text_ops = {
	.proc_open = proc_open,
	.proc_lseek = seq_lseek, /* or procfs tells the open that there is none */
};
