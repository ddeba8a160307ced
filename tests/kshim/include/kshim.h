/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel as emit.c, ring.c, ring_read.c, record.c and ledger.c need, for
 * a program. A thread is a CPU (kshim_cpu), a signal is its interrupt, a signal mask is
 * "interrupts off". A signal that is not in the mask is an NMI, if it says so (kshim_nmi).
 *
 * Ordered accesses are the compiler's atomics, so that thread sanitizer knows them. It knows
 * no fences; see smp_mb().
 */
#ifndef KSHIM_H
#define KSHIM_H

#include <errno.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- compiler ---- */

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#ifndef __always_inline
#define __always_inline	inline __attribute__((__always_inline__))
#endif
#define noinline	__attribute__((__noinline__))
#ifndef __aligned
#define __aligned(x)	__attribute__((__aligned__(x)))
#endif
#undef static_assert
#define static_assert(e) _Static_assert(e, #e)
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define EXPORT_SYMBOL_GPL(x) static_assert(1)
#define LINUX_VERSION_CODE KERNEL_VERSION(6, 1, 0)
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define BITS_PER_LONG	64

/* ---- numbers ---- */

#define BIT(n)		(1UL << (n))
#define ALIGN(x, a)	(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define round_down(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))
#define IS_ENABLED(option) 0
#define cond_resched()	do { } while (0)
#define min_t(t, a, b)	((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)	((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define NSEC_PER_MSEC	1000000ULL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define U32_MAX		UINT32_MAX
#define __ffs(x)	((u32)__builtin_ctzl(x))
#define roundup_pow_of_two(x) \
	((x) <= 1 ? 1UL : 1UL << (64 - __builtin_clzl((unsigned long)(x) - 1)))

/* ---- memory order ---- */

#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/*
 * A fence, which thread sanitizer refuses. For it an exchange of the thread's own: as strong
 * on the machine, but no edge between threads, which could hide a race.
 */
static inline void smp_mb(void)
{
#ifdef __SANITIZE_THREAD__
	static __thread int own;

	__atomic_exchange_n(&own, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#define smp_wmb()	smp_mb()

/* ---- CPUs and what is per CPU ---- */

#define NR_CPUS		2
#define KSHIM_STRIDE	16384	/* between the parts of two CPUs; so members work, too */

extern __thread u32 kshim_cpu;

#define nr_cpu_ids	NR_CPUS
#define num_possible_cpus() NR_CPUS
#define cpu_possible(cpu) ((cpu) < NR_CPUS)
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < NR_CPUS; (cpu)++)
#define smp_processor_id() kshim_cpu
#define cpu_active(cpu)	((void)(cpu), true)
#define cpu_to_node(cpu) ((void)(cpu), 0)
#define per_cpu_ptr(p, cpu) ((__typeof__(p))((char *)(p) + (size_t)(cpu) * KSHIM_STRIDE))
#define this_cpu_ptr(p)	per_cpu_ptr(p, kshim_cpu)
#define this_cpu_read(x) READ_ONCE(*this_cpu_ptr(&(x)))
#define this_cpu_inc(x)	__atomic_fetch_add(this_cpu_ptr(&(x)), 1, __ATOMIC_RELAXED)
#define this_cpu_dec_return(x) __atomic_sub_fetch(this_cpu_ptr(&(x)), 1, __ATOMIC_RELAXED)
#define alloc_percpu(type) ((type *)({ \
	static_assert(sizeof(type) <= KSHIM_STRIDE); \
	calloc(NR_CPUS, KSHIM_STRIDE); }))
#define free_percpu(p)	free(p)

/* ---- interrupts and locks ---- */

/* false: interrupts stay on whatever the code says; to see that it is noticed */
extern bool kshim_irqs_obey;

void kshim_irq_save(void);
void kshim_irq_restore(void);

#define local_irq_save(flags) do { (flags) = 0; kshim_irq_save(); } while (0)
#define local_irq_restore(flags) do { (void)(flags); kshim_irq_restore(); } while (0)
#define irqs_disabled()	true

extern __thread bool kshim_nmi;
#define in_nmi()	kshim_nmi

/* Nobody is killed here */
#define current	NULL
static inline bool fatal_signal_pending(const void *task)
{
	return false;
}

typedef struct { void *owner; } raw_spinlock_t;
typedef raw_spinlock_t spinlock_t;

void raw_spin_lock_init(raw_spinlock_t *lock);
void raw_spin_lock(raw_spinlock_t *lock);
void raw_spin_unlock(raw_spinlock_t *lock);

#define raw_spin_lock_irqsave(lock, flags) \
	do { local_irq_save(flags); raw_spin_lock(lock); } while (0)
#define raw_spin_unlock_irqrestore(lock, flags) \
	do { raw_spin_unlock(lock); local_irq_restore(flags); } while (0)
#define raw_spin_lock_irq(lock) do { kshim_irq_save(); raw_spin_lock(lock); } while (0)
#define raw_spin_unlock_irq(lock) do { raw_spin_unlock(lock); kshim_irq_restore(); } while (0)

struct mutex { pthread_mutex_t lock; };
#define mutex_init(m)	pthread_mutex_init(&(m)->lock, NULL)
#define mutex_lock_interruptible(m) pthread_mutex_lock(&(m)->lock)
#define mutex_unlock(m)	pthread_mutex_unlock(&(m)->lock)

typedef struct { int counter; } atomic_t;
struct kref { int refcount; };

/* ---- lists ---- */

struct list_head { struct list_head *next, *prev; };

#define INIT_LIST_HEAD(l) ((l)->next = (l)->prev = (l))
#define list_for_each_entry_rcu(pos, head, member, cond) \
	for ((void)(cond), \
	     (pos) = container_of((head)->next, __typeof__(*(pos)), member); \
	     &(pos)->member != (head); \
	     (pos) = container_of((pos)->member.next, __typeof__(*(pos)), member))

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	entry->next = head->next;
	entry->prev = head;
	head->next->prev = entry;
	head->next = entry;
}

/* ---- static keys, warnings ---- */

#define DECLARE_STATIC_KEY_FALSE(key) extern bool key
#define DEFINE_STATIC_KEY_FALSE(key) bool key
#define static_branch_unlikely(key) READ_ONCE(*(key))

/* A warning ends the program. For a test that wants some: all are counted, not the first alone */
extern bool kshim_warnings_count;
extern u32 kshim_warnings;

void kshim_warn(void);
#define WARN_ON_ONCE(x)	({ bool bad_ = (x); if (bad_) kshim_warn(); bad_; })

/* ---- time, sleepers, deferred work ---- */

typedef s64 ktime_t;
#define ns_to_ktime(ns)	((ktime_t)(ns))
u64 ktime_get_ns(void);

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode { HRTIMER_MODE_REL_PINNED_SOFT };
#define CLOCK_MONOTONIC	1

/* Runs out when the test says so: kshim_timer_run() */
struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool started;
};

#define hrtimer_init(t, clock, mode) ((void)(clock), (void)(mode))
#define hrtimer_start(t, time, mode) \
	((void)(time), __atomic_store_n(&(t)->started, true, __ATOMIC_RELEASE))
#define hrtimer_is_queued(t) __atomic_load_n(&(t)->started, __ATOMIC_ACQUIRE)
#define hrtimer_forward_now(t, time) ((void)(t), (void)(time))
void kshim_timer_run(struct hrtimer *timer);

struct irq_work { void (*func)(struct irq_work *work); };
#define init_irq_work(w, f) ((w)->func = (f))
#define irq_work_queue(w) ((w)->func(w))

typedef struct { int sleepers; } wait_queue_head_t;
#define init_waitqueue_head(q) ((q)->sleepers = 0)
#define waitqueue_active(q) (READ_ONCE((q)->sleepers) != 0)
#define DEFINE_WAIT(w)	int w __attribute__((unused))
#define add_wait_queue(q, w) ((void)(w), WRITE_ONCE((q)->sleepers, (q)->sleepers + 1))
#define remove_wait_queue(q, w) ((void)(w), WRITE_ONCE((q)->sleepers, (q)->sleepers - 1))

struct work_struct { int unused; };
struct delayed_work { struct work_struct work; };

/* ---- random numbers ---- */

struct rnd_state { u32 s; };

static inline u32 prandom_u32_state(struct rnd_state *state)
{
	return state->s = state->s * 1664525U + 1013904223U;
}

static inline u32 reciprocal_scale(u32 x, u32 n)
{
	return (u32)((u64)x * n >> 32);
}

/* ---- memory ---- */

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_KERNEL	0
#define VM_MAP		0
#define GFP_KERNEL	0
#define GFP_KERNEL_ACCOUNT 0
#define __GFP_ZERO	0
#define __GFP_NOWARN	0
#define __GFP_RETRY_MAYFAIL 0

typedef unsigned long vm_flags_t;
struct vm_area_struct { vm_flags_t vm_flags; };

#define kzalloc(n, gfp)	calloc(1, n)
#define kzalloc_node(n, gfp, node) ((void)(node), calloc(1, n))
#define kvcalloc(n, size, gfp) calloc(n, size)
#define kfree(p)	free(p)
#define kvfree(p)	free(p)

/* A page of one memory file, so that it can be mapped at two places */
struct page { off_t offset; };
struct page *kshim_alloc_page(void);
void __free_page(struct page *page);
#define alloc_pages_node(node, gfp, order) ((void)(node), kshim_alloc_page())
void *vmap(struct page **pages, u32 n, unsigned long flags, int prot);
void vunmap(const void *addr);

struct iov_iter { char *to; size_t count; };
#define iov_iter_count(i) ((i)->count)

static inline size_t copy_to_iter(const void *from, size_t n, struct iov_iter *i)
{
	memcpy(i->to, from, n);
	i->to += n;
	i->count -= n;
	return n;
}

/* ---- packets: linear ones ---- */

struct sk_buff {
	u8 *head;
	u8 *data;
	u32 len;
};

#define skb_headroom(skb) ((skb)->data - (skb)->head)
#define skb_headlen(skb) ((skb)->len)

static inline int skb_copy_bits(const struct sk_buff *skb, int offset, void *to, u32 n)
{
	(void)skb, (void)offset, (void)to, (void)n;
	return -EFAULT;
}

#endif /* KSHIM_H */
