/* SPDX-License-Identifier: GPL-2.0 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#undef CLOCK_MONOTONIC /* also a name in the kernel: here the system's, of the same value */

#include "kshim.h"

__thread u32 kshim_cpu;
__thread bool kshim_nmi;
bool kshim_irqs_obey = true;
bool kshim_warnings_count;
u32 kshim_warnings;

static void die(const char *what)
{
	static const char head[] = "kshim: ";

	if (write(2, head, sizeof(head) - 1) < 0 || write(2, what, strlen(what)) < 0)
		_exit(1);
	abort();
}

/* ---- warnings ---- */

void kshim_warn(void)
{
	if (!kshim_warnings_count)
		die("a warning\n");
	__atomic_fetch_add(&kshim_warnings, 1, __ATOMIC_RELAXED);
}

/* ---- interrupts: SIGUSR1 ---- */

/* An interrupt finds depth 0, or ends before the thread goes on: see the order below. */
static __thread volatile int irq_depth;
static __thread sigset_t irq_before;

void kshim_irq_save(void)
{
	sigset_t set;

	if (!kshim_irqs_obey || irq_depth++)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &irq_before);
}

void kshim_irq_restore(void)
{
	sigset_t before = irq_before;

	if (kshim_irqs_obey && !--irq_depth)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- locks ---- */

static __thread char self;

void raw_spin_lock_init(raw_spinlock_t *lock)
{
	lock->owner = NULL;
}

void raw_spin_lock(raw_spinlock_t *lock)
{
	for (;;) {
		void *owner = NULL;

		if (__atomic_compare_exchange_n(&lock->owner, &owner, &self, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		if (owner == &self)
			die("an interrupt waits for a lock of its own CPU\n");
		sched_yield();
	}
}

void raw_spin_unlock(raw_spinlock_t *lock)
{
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELEASE);
}

/* ---- time ---- */

u64 ktime_get_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

void kshim_timer_run(struct hrtimer *timer)
{
	if (__atomic_exchange_n(&timer->started, false, __ATOMIC_ACQUIRE) &&
	    timer->function(timer) == HRTIMER_RESTART)
		__atomic_store_n(&timer->started, true, __ATOMIC_RELEASE);
}

/* ---- pages ---- */

static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;
static int file = -1;
static off_t file_end;
static struct { void *at; size_t len; } maps[64];

struct page *kshim_alloc_page(void)
{
	struct page *page = malloc(sizeof(*page));

	if (!page)
		return NULL;
	pthread_mutex_lock(&pages_lock);
	if (file < 0)
		file = memfd_create("pages", MFD_CLOEXEC);
	page->offset = file_end;
	file_end += (off_t)PAGE_SIZE;
	if (ftruncate(file, file_end))
		die("no memory\n");
	pthread_mutex_unlock(&pages_lock);
	return page;
}

/* Its place in the file is not used again. */
void __free_page(struct page *page)
{
	free(page);
}

void *vmap(struct page **pages, u32 n, unsigned long flags, int prot)
{
	size_t i, len = n * PAGE_SIZE;
	char *at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)flags, (void)prot;
	if (at == MAP_FAILED)
		return NULL;
	for (i = 0; i < n; i++)
		if (mmap(at + i * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, file, pages[i]->offset) == MAP_FAILED)
			die("can't map\n");
	pthread_mutex_lock(&pages_lock);
	for (i = 0; i < ARRAY_SIZE(maps) && maps[i].at; i++)
		;
	if (i == ARRAY_SIZE(maps))
		die("too many maps\n");
	maps[i].at = at;
	maps[i].len = len;
	pthread_mutex_unlock(&pages_lock);
	return at;
}

void vunmap(const void *addr)
{
	size_t i;

	pthread_mutex_lock(&pages_lock);
	for (i = 0; i < ARRAY_SIZE(maps) && maps[i].at != addr; i++)
		;
	if (i == ARRAY_SIZE(maps))
		die("not mapped\n");
	munmap(maps[i].at, maps[i].len);
	maps[i].at = NULL;
	pthread_mutex_unlock(&pages_lock);
}
