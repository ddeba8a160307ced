// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: taken once, then only carried.
 *
 * A source keeps its snapshots in slots. A slot's memory is written only while
 * nobody uses it; readers count themselves in and out. The newest snapshot stays
 * for readers that accept its age. Programs may have slots mapped: such memory
 * is not given back before the last mapping is gone, since its offset names it.
 *
 * Memory: one image per generation in use, plus one to take the next into. What
 * is unused for once or twice STATCHAN_SNAP_KEEP goes back.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xxhash.h>
#include <net/net_namespace.h>

#include "core.h"
#include "fault.h"

#define STATCHAN_SNAP_KEEP	(10 * HZ)

static void snap_free(struct statchan_snap *snap)
{
	vfree(snap->image);
	kfree(snap);
}

static bool snap_idle(const struct statchan_snap *snap)
{
	return !snap->users && !atomic_read(&snap->maps);
}

/* Take a slot that nobody uses or has mapped out of the pool. Return: whether */
static bool snap_unlink(struct statchan_snap *snap)
{
	struct statchan_snap_pool *pool = &snap->src->snap;
	bool idle;

	/* a mapping that begins now either is counted or finds no slot */
	spin_lock(&pool->slots_lock);
	idle = snap_idle(snap);
	if (idle)
		pool->slot[snap->index] = NULL;
	spin_unlock(&pool->slots_lock);
	return idle;
}

static void snap_trim(struct work_struct *work)
{
	struct statchan_source *src = container_of(to_delayed_work(work),
						   struct statchan_source,
						   snap.trim);
	u32 i;

	bool again = false;

	/* not behind drivers and readers: others wait for this queue */
	if (!mutex_trylock(&src->snap.lock)) {
		schedule_delayed_work(&src->snap.trim, STATCHAN_SNAP_KEEP);
		return;
	}
	for (i = 0; i < STATCHAN_SNAP_SLOTS; i++) {
		struct statchan_snap *snap = src->snap.slot[i];

		if (!snap)
			continue;
		if (time_before(jiffies, snap->used + STATCHAN_SNAP_KEEP) ||
		    !snap_unlink(snap)) {
			again = true;
			continue;
		}
		if (snap == src->snap.latest)
			src->snap.latest = NULL;
		snap_free(snap);
	}
	if (again)
		schedule_delayed_work(&src->snap.trim, STATCHAN_SNAP_KEEP);
	mutex_unlock(&src->snap.lock);
}

void statchan_snap_pool_init(struct statchan_source *src)
{
	mutex_init(&src->snap.lock);
	spin_lock_init(&src->snap.slots_lock);
	INIT_DELAYED_WORK(&src->snap.trim, snap_trim);
}

/* The source has no users any more, so nothing is in use or mapped. */
void statchan_snap_pool_destroy(struct statchan_source *src)
{
	u32 i;

	cancel_delayed_work_sync(&src->snap.trim);
	for (i = 0; i < STATCHAN_SNAP_SLOTS; i++)
		if (src->snap.slot[i])
			snap_free(src->snap.slot[i]);
}

static struct statchan_snap *snap_alloc(struct statchan_source *src, u32 index)
{
	struct statchan_snap *snap;

	if (statchan_fault(STATCHAN_FAULT_SNAPSHOT))
		return NULL;
	snap = kzalloc(sizeof(*snap), GFP_KERNEL);
	if (!snap)
		return NULL;
	snap->src = src;
	snap->index = index;
	snap->len = statchan_image_len(src->schema->n_counters);
	/* charged to nobody: who is over his limit sleeps in the charge, or kills, and
	 * all readers of the source would wait with him
	 */
	snap->image = vmalloc_user(snap->len);
	if (!snap->image) {
		kfree(snap);
		return NULL;
	}
	spin_lock(&src->snap.slots_lock);
	src->snap.slot[index] = snap;
	spin_unlock(&src->snap.slots_lock);
	return snap;
}

/*
 * The last slots are for those who may do more than read: others may not even share
 * what is in one of them, since the last of its readers keeps it.
 */
static int snap_admit(const struct statchan_source *src,
		      const struct statchan_snap *shared,
		      struct user_namespace *admin, struct statchan_err *err)
{
	/* once this reader does, too: @shared, or a new one if NULL */
	u32 held = src->snap.held + !(shared && shared->users);

	if (held <= STATCHAN_SNAP_SLOTS - STATCHAN_SLOTS_PRIVILEGED ||
	    (admin && ns_capable_noaudit(admin, CAP_NET_ADMIN)))
		return 0;
	return statchan_err(err, -EBUSY, "source '%s': %u generations are held by readers: close one",
			    src->name, src->snap.held);
}

/* A slot to write into: an idle one, else one that is only mapped, whose readers
 * have let go of it, or asked for another; else a new one.
 */
static struct statchan_snap *snap_slot(struct statchan_source *src,
				       struct statchan_err *err)
{
	struct statchan_snap *snap, *mapped = NULL;
	struct statchan_snap *idle = NULL;
	u32 i, free = STATCHAN_SNAP_SLOTS;

	for (i = 0; i < STATCHAN_SNAP_SLOTS; i++) {
		snap = src->snap.slot[i];
		if (!snap)
			free = min(free, i);
		else if (snap->users || snap == src->snap.latest)
			continue;
		else if (atomic_read(&snap->maps))
			mapped = snap;
		else
			idle = idle ?: snap;
	}
	if (idle || mapped)
		return idle ?: mapped;
	if (free == STATCHAN_SNAP_SLOTS) {
		statchan_err(err, -EBUSY, "source '%s': all %u generations are held by readers: close one",
			     src->name, free);
		return ERR_PTR(-EBUSY);
	}
	snap = snap_alloc(src, free);
	if (snap)
		return snap;
	statchan_err(err, -ENOMEM, "source '%s': no memory for a snapshot of %llu bytes",
		     src->name, statchan_image_len(src->schema->n_counters));
	return ERR_PTR(-ENOMEM);
}

static struct statchan_snap *snap_take(struct statchan_source *src,
				       struct statchan_err *err)
{
	struct statchan_snap *snap = snap_slot(src, err);
	struct statchan_snapshot *image;
	u64 begin_ns, generation;
	u32 flags = 0;
	int ret;

	if (IS_ERR(snap))
		return snap;
	image = snap->image;
	begin_ns = ktime_get_ns();
	ret = statchan_driver_said(src, "snapshot",
				   src->ops->snapshot(src->priv,
						      (u64 *)(image + 1),
						      &flags));
	if (ret) {
		if (ret == -ESTALE)
			statchan_err(err, ret, "source '%s' now has other counters: delete it and add it anew",
				     src->name);
		else
			statchan_err(err, ret, "source '%s' could not read its counters: error %d",
				     src->name, -ret);
		return ERR_PTR(ret);
	}
	generation = src->snap.generation + 1;
	/* who describes the source reads it without the lock */
	WRITE_ONCE(src->snap.generation, generation);
	*image = (struct statchan_snapshot){
		.magic = STATCHAN_SNAPSHOT_MAGIC,
		.head_len = sizeof(*image),
		.flags = flags,
		.source = src->id,
		.n_counters = src->schema->n_counters,
		.generation = generation,
		.schema_hash = src->schema->hash,
		.begin_ns = begin_ns,
		.end_ns = ktime_get_ns(),
	};
	snap->digested = false;
	src->snap.latest = snap;
	return snap;
}

static struct statchan_snap *snap_choose(struct statchan_source *src,
					 u64 max_age_ns, u64 generation,
					 struct user_namespace *admin,
					 struct statchan_err *err)
{
	struct statchan_snap *latest = src->snap.latest, *shared = NULL;
	int ret;

	if (generation && latest && latest->image->generation == generation) {
		shared = latest;
	} else if (generation) {
		if (generation == src->snap.generation)
			statchan_err(err, -ESTALE, "source '%s': generation %llu is not kept any more: take a new one",
				     src->name, generation);
		else
			statchan_err(err, -ESTALE, "source '%s': generation %llu is not the newest, which is %llu",
				     src->name, generation,
				     src->snap.generation);
		return ERR_PTR(-ESTALE);
	} else if (latest && max_age_ns &&
		   ktime_get_ns() - latest->image->end_ns <= max_age_ns) {
		shared = latest;
	}
	ret = snap_admit(src, shared, admin, err);
	if (ret)
		return ERR_PTR(ret);
	return shared ?: snap_take(src, err);
}

/**
 * statchan_snap_get() - a snapshot to read
 * @src:	counted by the caller
 * @max_age_ns:	how old it may be; 0 takes one
 * @generation:	just this one, or 0
 * @admin:	with CAP_NET_ADMIN there the caller may use the last slots, too;
 *		NULL: whoever calls, this one may not
 * @err:	gets the sentence
 *
 * Process context, may sleep.
 *
 * Return: a snapshot for statchan_snap_put(), or ERR_PTR: -ENODEV source gone,
 * -ESTALE other generation, -EBUSY, -ENOMEM, -EINTR, or what the driver said.
 */
struct statchan_snap *statchan_snap_get(struct statchan_source *src,
					u64 max_age_ns, u64 generation,
					struct user_namespace *admin,
					struct statchan_err *err)
{
	struct statchan_snap *snap;

	if (mutex_lock_interruptible(&src->snap.lock)) {
		statchan_err(err, -EINTR, "source '%s': interrupted while another reader took a snapshot",
			     src->name);
		return ERR_PTR(-EINTR);
	}
	if (READ_ONCE(src->gone)) {
		statchan_err(err, -ENODEV, "source '%s' is gone", src->name);
		snap = ERR_PTR(-ENODEV);
	} else {
		snap = snap_choose(src, max_age_ns, generation, admin, err);
	}
	if (!IS_ERR(snap)) {
		src->snap.held += !snap->users;
		WRITE_ONCE(snap->users, snap->users + 1);
		kref_get(&src->ref);
	}
	mutex_unlock(&src->snap.lock);
	return snap;
}

/* Once more, for another statchan_snap_put(). The caller has it already. */
void statchan_snap_hold(struct statchan_snap *snap)
{
	struct statchan_source *src = snap->src;

	mutex_lock(&src->snap.lock);
	WRITE_ONCE(snap->users, snap->users + 1);
	kref_get(&src->ref);
	mutex_unlock(&src->snap.lock);
}

void statchan_snap_put(struct statchan_snap *snap)
{
	struct statchan_source *src = snap->src;

	mutex_lock(&src->snap.lock);
	WRITE_ONCE(snap->users, snap->users - 1);
	src->snap.held -= !snap->users;
	snap->used = jiffies;
	/* nothing to do if it is under way already, which is the usual case */
	schedule_delayed_work(&src->snap.trim, STATCHAN_SNAP_KEEP);
	mutex_unlock(&src->snap.lock);
	statchan_source_put(src);
}

/* xxHash64 of the counters, computed when first asked for */
u64 statchan_snap_digest(struct statchan_snap *snap)
{
	struct mutex *lock = &snap->src->snap.lock;

	mutex_lock(lock);
	if (!snap->digested) {
		snap->digest = xxh64(snap->image + 1,
				     snap->image->n_counters * sizeof(u64), 0);
		snap->digested = true;
	}
	mutex_unlock(lock);
	return snap->digest;
}

/* ---- mapping ---- */

static u64 snap_stride(const struct statchan_source *src)
{
	return PAGE_ALIGN(statchan_image_len(src->schema->n_counters));
}

u64 statchan_snap_offset(const struct statchan_snap *snap)
{
	return STATCHAN_MMAP_SNAPSHOT + snap->index * snap_stride(snap->src);
}

static void snap_vm_open(struct vm_area_struct *vma)
{
	struct statchan_snap *snap = vma->vm_private_data;

	atomic_inc(&snap->maps);
}

static void snap_vm_close(struct vm_area_struct *vma)
{
	struct statchan_snap *snap = vma->vm_private_data;

	atomic_dec(&snap->maps);
}

static const struct vm_operations_struct snap_vm_ops = {
	.open = snap_vm_open,
	.close = snap_vm_close,
};

/* The snapshot of a slot in use, counted as mapped; NULL if there is none */
static struct statchan_snap *snap_map_slot(struct statchan_source *src,
					   u32 index)
{
	struct statchan_snap *snap;

	spin_lock(&src->snap.slots_lock);
	snap = src->snap.slot[index];
	if (snap && READ_ONCE(snap->users))
		atomic_inc(&snap->maps);
	else
		snap = NULL;
	spin_unlock(&src->snap.slots_lock);
	return snap;
}

/*
 * Map a slot, as named by statchan_snap_offset().
 *
 * The mapping holds the file, the file its channel, the channel the source: the
 * slots outlive it. Only a slot in use may be mapped, whole or from its start.
 * mmap_lock is held, and the driver's locks are outside of that: so snap.lock,
 * under which the driver works, may not be taken here.
 */
int statchan_snap_mmap(struct statchan_source *src, struct vm_area_struct *vma)
{
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) - STATCHAN_MMAP_SNAPSHOT;
	u64 len = vma->vm_end - vma->vm_start;
	struct statchan_snap *snap;
	u64 index, rest;
	int ret;

	index = div64_u64_rem(offset, snap_stride(src), &rest);
	if (rest || index >= STATCHAN_SNAP_SLOTS || len > snap_stride(src))
		return -EINVAL;
	snap = snap_map_slot(src, index);
	if (!snap)
		return -EINVAL;
	ret = statchan_fault(STATCHAN_FAULT_SNAPSHOT_MAP) ?
		-ENOMEM : remap_vmalloc_range(vma, snap->image, 0);
	if (ret) {
		atomic_dec(&snap->maps);
		return ret;
	}
	vma->vm_private_data = snap;
	vma->vm_ops = &snap_vm_ops;
	return 0;
}
