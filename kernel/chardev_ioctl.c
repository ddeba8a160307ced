// SPDX-License-Identifier: GPL-2.0
/*
 * Front end /dev/statchan, its ioctls: translated into operations of the core.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "chardev.h"

/* ---- operations: arg is the ioctl's structure, in kernel memory ---- */

static int dev_version(struct statchan_file *f, void *arg,
		       struct statchan_err *err)
{
	struct statchan_version *req = arg;

	req->abi = STATCHAN_ABI;
	req->page_size = PAGE_SIZE;
	req->nr_cpus = nr_cpu_ids;
	return 0;
}

static int dev_error(struct statchan_file *f, void *arg,
		     struct statchan_err *err)
{
	struct statchan_error *req = arg;

	BUILD_BUG_ON(sizeof(req->text) != sizeof(f->error.text));
	mutex_lock(&f->lock);
	memcpy(req->text, f->error.text, sizeof(req->text));
	mutex_unlock(&f->lock);
	return 0;
}

static int dev_transports(struct statchan_file *f, void *arg,
			  struct statchan_err *err)
{
	struct statchan_transports *req = arg;
	const struct statchan_transport *t;
	u32 i;

	for (i = 0; (t = statchan_transport_by_index(i)); i++) {
		struct statchan_transport_info info;

		if (i >= req->count)
			continue;
		statchan_transport_info(t, &info);
		if (copy_to_user(u64_to_user_ptr(req->buf) + i * sizeof(info),
				 &info, sizeof(info)))
			return -EFAULT;
	}
	req->count = i;
	return 0;
}

static bool terminated(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

/* Return: the parameters, to be kfree()d, NULL, or ERR_PTR */
static char *dev_params(u64 from, struct statchan_err *err)
{
	char *params;

	if (!from)
		return NULL;
	params = strndup_user(u64_to_user_ptr(from), STATCHAN_PARAMS_MAX);
	if (IS_ERR(params))
		statchan_err(err, PTR_ERR(params), "parameters can't be read, or are longer than %u bytes",
			     STATCHAN_PARAMS_MAX);
	return params;
}

static int dev_source_change(struct statchan_file *f,
			     struct statchan_source_req *req, bool add,
			     struct statchan_err *err)
{
	char *params;
	int ret;

	if (!terminated(req->name, sizeof(req->name)) ||
	    !terminated(req->kind, sizeof(req->kind)))
		return statchan_err(err, -EINVAL, "name or kind is longer than %u bytes",
				    STATCHAN_NAME_MAX - 1);
	params = dev_params(req->params, err);
	if (IS_ERR(params))
		return PTR_ERR(params);
	if (add)
		ret = statchan_ctl_source_add(f->net, req->kind, req->name,
					      params, true, &req->id, err);
	else
		ret = statchan_ctl_source_set(f->net, req->name, params, true,
					      err);
	kfree(params);
	return ret;
}

static int dev_source_add(struct statchan_file *f, void *arg,
			  struct statchan_err *err)
{
	return dev_source_change(f, arg, true, err);
}

static int dev_source_set(struct statchan_file *f, void *arg,
			  struct statchan_err *err)
{
	return dev_source_change(f, arg, false, err);
}

static int dev_source_del(struct statchan_file *f, void *arg,
			  struct statchan_err *err)
{
	struct statchan_source_req *req = arg;

	if (!terminated(req->name, sizeof(req->name)))
		return statchan_err(err, -EINVAL, "name is longer than %u bytes",
				    STATCHAN_NAME_MAX - 1);
	return statchan_ctl_source_del(f->net, req->name, err);
}

static int dev_source_info(struct statchan_file *f, void *arg,
			   struct statchan_err *err)
{
	struct statchan_source_info *req = arg;
	struct statchan_source *src;
	int ret;

	if (!terminated(req->name, sizeof(req->name)))
		return statchan_err(err, -EINVAL, "name is longer than %u bytes",
				    STATCHAN_NAME_MAX - 1);
	src = statchan_source_find(f->net, req->id, req->name, err);
	if (IS_ERR(src))
		return PTR_ERR(src);
	ret = statchan_ctl_source_info(src, req);
	statchan_source_put(src);
	return ret;
}

static int dev_source_next(struct statchan_file *f, void *arg,
			   struct statchan_err *err)
{
	struct statchan_source_next *req = arg;
	struct statchan_source *src = statchan_source_after(f->net, req->id);

	if (!src)
		return -ENOENT;
	req->id = src->id;
	statchan_source_put(src);
	return 0;
}

static int dev_schema(struct statchan_file *f, void *arg,
		      struct statchan_err *err)
{
	struct statchan_schema_req *req = arg;
	struct statchan_source *src;
	u64 room = req->len;
	int ret = 0;

	src = statchan_source_find(f->net, req->source, "", err);
	if (IS_ERR(src))
		return PTR_ERR(src);
	req->len = src->schema->len;
	if (room < req->len)
		ret = statchan_err(err, -EMSGSIZE, "the schema of '%s' needs %llu bytes, there is room for %llu",
				   src->name, req->len, room);
	else if (copy_to_user(u64_to_user_ptr(req->buf), src->schema, req->len))
		ret = -EFAULT;
	statchan_source_put(src);
	return ret;
}

static int snapshot_check(struct statchan_snapshot_req *req,
			  struct statchan_err *err)
{
	if (req->flags & ~STATCHAN_GET_DIGEST || req->reserved)
		return statchan_err(err, -EINVAL, "unknown flags %#x or reserved field not 0",
				    req->flags);
	return 0;
}

/* The descriptor is to hold nothing: so there is nothing to choose */
static int let_go_check(struct statchan_snapshot_req *req,
			struct statchan_err *err)
{
	if (req->flags != STATCHAN_LET_GO || req->reserved ||
	    req->max_age_ns || req->generation)
		return statchan_err(err, -EINVAL, "flags %#x: STATCHAN_LET_GO takes no snapshot, so no other flag, age or generation goes with it",
				    req->flags);
	return 0;
}

static void snapshot_answer(struct statchan_snapshot_req *req,
			    struct statchan_snap *snap)
{
	req->generation = snap->image->generation;
	req->len = snap->len;
	if (req->flags & STATCHAN_GET_DIGEST)
		req->digest = statchan_snap_digest(snap);
}

static int dev_snapshot(struct statchan_file *f, void *arg,
			struct statchan_err *err)
{
	struct statchan_snapshot_req *req = arg;
	struct statchan_source *src;
	struct statchan_snap *snap;
	u64 room = req->len;
	int ret;

	ret = snapshot_check(req, err);
	if (ret)
		return ret;
	src = statchan_source_find(f->net, req->source, "", err);
	if (IS_ERR(src))
		return PTR_ERR(src);
	req->len = statchan_image_len(src->schema->n_counters);
	if (room < req->len) {
		ret = statchan_err(err, -EMSGSIZE, "a snapshot of '%s' needs %llu bytes, there is room for %llu",
				   src->name, req->len, room);
		goto put;
	}
	snap = statchan_snap_get(src, req->max_age_ns, req->generation,
				 f->net->user_ns, err);
	if (IS_ERR(snap)) {
		ret = PTR_ERR(snap);
		goto put;
	}
	snapshot_answer(req, snap);
	if (copy_to_user(u64_to_user_ptr(req->buf), snap->image, snap->len))
		ret = -EFAULT;
	statchan_snap_put(snap);
put:
	statchan_source_put(src);
	return ret;
}

static int dev_snapshot_map(struct statchan_file *f, void *arg,
			    struct statchan_err *err)
{
	struct statchan_snapshot_req *req = arg;
	struct statchan_channel *ch = statchan_file_channel(f);
	bool let_go = req->flags & STATCHAN_LET_GO;
	struct statchan_snap *snap;
	int ret;

	ret = let_go ? let_go_check(req, err) : snapshot_check(req, err);
	if (ret)
		return ret;
	if (!ch)
		return statchan_file_no_channel("mapping a snapshot", err);
	if (ch->kind != STATCHAN_CHANNEL_SNAPSHOT)
		return statchan_file_not_by(ch, "mapping a snapshot", err);
	if (let_go) {
		statchan_file_pin(f, NULL, false);
		req->len = 0;
		req->offset = 0;
		return 0;
	}
	snap = statchan_snap_get(ch->src, req->max_age_ns, req->generation,
				 f->net->user_ns, err);
	if (IS_ERR(snap))
		return PTR_ERR(snap);
	snapshot_answer(req, snap);
	/* where mmap() shows it; pread() begins at 0 */
	req->offset = ch->transport->mmap ? statchan_snap_offset(snap) : 0;
	statchan_file_pin(f, snap, true);
	return 0;
}

static int dev_channel_open(struct statchan_file *f, void *arg,
			    struct statchan_err *err)
{
	struct statchan_channel_req *req = arg;
	int ret;

	/* a multicast channel belongs to its sockets, not to a file */
	if (req->transport == STATCHAN_T_NETLINK)
		return statchan_err(err, -EOPNOTSUPP, "transport netlink: open it through generic netlink, STATCHAN_CMD_CHANNEL_OPEN");
	if (mutex_lock_interruptible(&f->open_lock))
		return -EINTR;
	if (f->ch) {
		ret = statchan_err(err, -EBUSY, "this descriptor has a channel already: open /dev/%s again for another",
				   STATCHAN_DEVICE);
	} else {
		f->opened = statchan_channel_open(f->net, req,
						  task_tgid_nr(current), err);
		ret = PTR_ERR_OR_ZERO(f->opened);
	}
	if (ret)
		mutex_unlock(&f->open_lock);
	return ret;
}

/* Nobody else has seen it: a program that does not know it can try again */
static void dev_channel_opened(struct statchan_file *f, bool told)
{
	if (told)
		smp_store_release(&f->ch, f->opened);	/* statchan_file_channel() */
	else
		statchan_channel_close(f->opened);
	f->opened = NULL;
	mutex_unlock(&f->open_lock);
}

static int dev_channel_next(struct statchan_file *f, void *arg,
			    struct statchan_err *err)
{
	return statchan_channel_info(f->net, arg);
}

static int dev_read(struct statchan_file *f, void *arg, struct statchan_err *err)
{
	struct statchan_channel *ch = statchan_file_channel(f);

	if (!ch)
		return statchan_file_no_channel("reading records", err);
	if (!ch->transport->read || ch->kind != STATCHAN_CHANNEL_SAMPLES)
		return statchan_file_not_by(ch, "reading records", err);
	return ch->transport->read(ch, arg, err);
}

static void dev_read_done(struct statchan_file *f, bool told)
{
	f->ch->transport->settle(f->ch, told);
}

static int check_run(const struct statchan_channel *ch,
		     const struct statchan_channel_run *req,
		     const char *what, struct statchan_err *err)
{
	if (req->reserved)
		return statchan_err(err, -EINVAL, "reserved field is not 0");
	if (!ch)
		return statchan_file_no_channel(what, err);
	if (ch->kind != STATCHAN_CHANNEL_SAMPLES)
		return statchan_file_not_by(ch, what, err);
	return 0;
}

static int dev_channel_stop(struct statchan_file *f, void *arg,
			    struct statchan_err *err)
{
	struct statchan_channel *ch = statchan_file_channel(f);
	int ret = check_run(ch, arg, "stopping", err);

	if (!ret)
		statchan_channel_stop(ch);
	return ret;
}

static int dev_channel_start(struct statchan_file *f, void *arg,
			     struct statchan_err *err)
{
	struct statchan_channel *ch = statchan_file_channel(f);
	int ret = check_run(ch, arg, "starting", err);

	return ret ?: statchan_channel_start(ch, err);
}

static int dev_relay_state(struct statchan_file *f, void *arg,
			   struct statchan_err *err)
{
	struct statchan_channel *ch = statchan_file_channel(f);

	if (!ch)
		return statchan_file_no_channel("relay state", err);
	if (!ch->transport->state)
		return statchan_file_not_by(ch, "relay state", err);
	return ch->transport->state(ch, arg, err);
}

static int dev_ledger(struct statchan_file *f, void *arg,
		      struct statchan_err *err)
{
	struct statchan_ledger_req *req = arg;
	struct statchan_channel *ch = statchan_file_channel(f);
	struct statchan_ledger entry;
	u32 id = req->channel, cpu;
	int ret = 0;

	if (!id && !ch)
		return statchan_file_no_channel("ledger", err);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (id)
			ret = statchan_channel_ledger(f->net, id, cpu, &entry,
						      &req->flags);
		else
			req->flags = statchan_ledger_of(ch, cpu, &entry);
		if (ret)
			return statchan_err(err, ret, "no channel %u in this network namespace",
					    id);
		if (cpu < req->count &&
		    copy_to_user(u64_to_user_ptr(req->buf) + cpu * sizeof(entry),
				 &entry, sizeof(entry)))
			return -EFAULT;
	}
	req->count = nr_cpu_ids;
	return 0;
}

static int dev_calibrate(struct statchan_file *f, void *arg,
			 struct statchan_err *err)
{
	return statchan_calibrate(arg, err);
}

/* ---- dispatch ---- */

/*
 * By number: a structure that grows changes its ioctl's size, not its meaning.
 * @op:		what it does
 * @size:	of its structure
 * @settle:	optional. After @op has succeeded: whether its answer reached the
 *		program; what must not happen unknown to it is undone if not
 * @silent:	it has no answer
 */
static const struct {
	int (*op)(struct statchan_file *f, void *arg, struct statchan_err *err);
	u32 size;
	void (*settle)(struct statchan_file *f, bool told);
	bool silent;
} dev_ops[] = {
	[_IOC_NR(STATCHAN_IOC_VERSION)] = {
		dev_version, sizeof(struct statchan_version)
	},
	[_IOC_NR(STATCHAN_IOC_ERROR)] = {
		dev_error, sizeof(struct statchan_error)
	},
	[_IOC_NR(STATCHAN_IOC_TRANSPORTS)] = {
		dev_transports, sizeof(struct statchan_transports)
	},
	[_IOC_NR(STATCHAN_IOC_SOURCE_ADD)] = {
		dev_source_add, sizeof(struct statchan_source_req)
	},
	[_IOC_NR(STATCHAN_IOC_SOURCE_DEL)] = {
		dev_source_del, sizeof(struct statchan_source_req),
		.silent = true
	},
	[_IOC_NR(STATCHAN_IOC_SOURCE_SET)] = {
		dev_source_set, sizeof(struct statchan_source_req),
		.silent = true
	},
	[_IOC_NR(STATCHAN_IOC_SOURCE_INFO)] = {
		dev_source_info, sizeof(struct statchan_source_info)
	},
	[_IOC_NR(STATCHAN_IOC_SOURCE_NEXT)] = {
		dev_source_next, sizeof(struct statchan_source_next)
	},
	[_IOC_NR(STATCHAN_IOC_SCHEMA)] = {
		dev_schema, sizeof(struct statchan_schema_req)
	},
	[_IOC_NR(STATCHAN_IOC_SNAPSHOT)] = {
		dev_snapshot, sizeof(struct statchan_snapshot_req)
	},
	[_IOC_NR(STATCHAN_IOC_SNAPSHOT_MAP)] = {
		dev_snapshot_map, sizeof(struct statchan_snapshot_req)
	},
	[_IOC_NR(STATCHAN_IOC_CHANNEL_OPEN)] = {
		dev_channel_open, sizeof(struct statchan_channel_req),
		.settle = dev_channel_opened
	},
	[_IOC_NR(STATCHAN_IOC_CHANNEL_NEXT)] = {
		dev_channel_next, sizeof(struct statchan_channel_info)
	},
	[_IOC_NR(STATCHAN_IOC_READ)] = {
		dev_read, sizeof(struct statchan_read),
		.settle = dev_read_done
	},
	[_IOC_NR(STATCHAN_IOC_LEDGER)] = {
		dev_ledger, sizeof(struct statchan_ledger_req)
	},
	[_IOC_NR(STATCHAN_IOC_RELAY_STATE)] = {
		dev_relay_state, sizeof(struct statchan_relay_state)
	},
	[_IOC_NR(STATCHAN_IOC_CHANNEL_STOP)] = {
		dev_channel_stop, sizeof(struct statchan_channel_run),
		.silent = true
	},
	[_IOC_NR(STATCHAN_IOC_CHANNEL_START)] = {
		dev_channel_start, sizeof(struct statchan_channel_run),
		.silent = true
	},
	[_IOC_NR(STATCHAN_IOC_CALIBRATE)] = {
		dev_calibrate, sizeof(struct statchan_calibrate)
	},
};

#define DEV_STACK	256	/* structures of the quick operations fit */

static int dev_call(struct statchan_file *f, u32 nr, void __user *user,
		    void *arg, struct statchan_err *err)
{
	u32 size = dev_ops[nr].size, usize;
	bool told;
	int ret;

	if (get_user(usize, (u32 __user *)user))
		return -EFAULT;
	/* No structure has grown yet: each is as in the first version */
	if (usize < size)
		return statchan_err(err, -EINVAL, "structure of %u bytes is too short: size must be at least %u",
				    usize, size);
	if (usize > PAGE_SIZE)
		return statchan_err(err, -E2BIG, "structure of %u bytes is too long",
				    usize);
	ret = copy_struct_from_user(arg, size, user, usize);
	if (ret == -E2BIG)
		return statchan_err(err, ret, "structure of %u bytes asks for more than this module, ABI %u, knows",
				    usize, STATCHAN_ABI);
	if (ret)
		return ret;
	ret = dev_ops[nr].op(f, arg, err);
	/* EMSGSIZE tells the size that is needed */
	if ((ret && ret != -EMSGSIZE) || dev_ops[nr].silent)
		return ret;
	*(u32 *)arg = usize;
	told = !copy_to_user(user, arg, size);
	if (!ret && dev_ops[nr].settle)
		dev_ops[nr].settle(f, told);
	return told ? ret : -EFAULT;
}

long statchan_file_ioctl(struct file *file, unsigned int cmd,
			 unsigned long user)
{
	u64 stack[DEV_STACK / sizeof(u64)];
	struct statchan_file *f = file->private_data;
	struct statchan_err err = { "" };
	u32 nr = _IOC_NR(cmd);
	void *arg = stack;
	int ret;

	if (_IOC_TYPE(cmd) != STATCHAN_IOC_MAGIC || nr >= ARRAY_SIZE(dev_ops))
		return -ENOTTY;
	nr = array_index_nospec(nr, ARRAY_SIZE(dev_ops));
	if (dev_ops[nr].size > sizeof(stack)) {
		arg = kmalloc(dev_ops[nr].size, GFP_KERNEL);
		if (!arg)
			return -ENOMEM;
	}
	ret = dev_call(f, nr, (void __user *)user, arg, &err);
	if (arg != stack)
		kfree(arg);
	if (ret && dev_ops[nr].op != dev_error)
		statchan_file_failed(f, &err);
	return ret;
}
