// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <unistd.h>

#include "../../kernel/fault.h"
#include "../../kernel/ring_read.h"

#include "kernel_side.h"

struct kernel {
	struct statchan_source src;
	struct statchan_channel ch;
	struct statchan_transport transport;
	int wake;			/* eventfd: the consumer was woken */
	void *alias[KERNEL_CPUS];	/* mode overwrite: see hide_data() */
};

/* ---- what other files of the core would be ---- */

DEFINE_STATIC_KEY_FALSE(statchan_faults);
DEFINE_STATIC_KEY_FALSE(statchan_listening);

bool __statchan_fault(enum statchan_fault_place place)
{
	(void)place;
	return false;
}

int statchan_err(struct statchan_err *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return code;
}

/* ---- opening ---- */

static void interrupt(int number);
static void nmi(int number);

static void wake(struct kernel *k)
{
	const u64 one = 1;

	if (write(k->wake, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void notify(struct irq_work *work)
{
	struct statchan_channel_cpu *cc = container_of(work, struct statchan_channel_cpu, work);

	wake(container_of(cc->ch, struct kernel, ch));
}

static void init_cpu(struct kernel *k, u32 cpu)
{
	struct statchan_channel_cpu *cc = per_cpu_ptr(k->ch.cpu, cpu);

	raw_spin_lock_init(&cc->lock);
	cc->cpu = (u16)cpu;
	cc->ch = &k->ch;
	cc->first_seq = STATCHAN_SEQ_NONE;
	cc->spare = STATCHAN_GAP_SPARE;
	statchan_hrtimer_setup(&cc->timer, statchan_emit_timer, HRTIMER_MODE_REL_PINNED_SOFT);
	init_irq_work(&cc->work, notify);
}

static void start_at(struct kernel *k, u32 cpu, u64 start)
{
	struct statchan_ring *ring = per_cpu_ptr(k->ch.cpu, cpu)->priv;

	per_cpu_ptr(k->src.cpu, cpu)->seq = start;
	ring->head = ring->limit = ring->announced = ring->tail = start;
	ring->producer->head = ring->producer->announced = ring->producer->tail = start;
	ring->consumer->pos = start;
}

/*
 * In mode overwrite the consumer copies what may be overwritten just then: a race on the
 * data that is meant to be; the look at tail afterwards throws such bytes away. Here the
 * kernel writes data through a second mapping of the same pages, so that thread sanitizer
 * does not see it, but all positions and counts.
 */
static void hide_data(struct kernel *k, u32 cpu)
{
	struct statchan_ring *ring = per_cpu_ptr(k->ch.cpu, cpu)->priv;

	k->alias[cpu] = vmap(ring->pages, ring->n_pages, VM_MAP, PAGE_KERNEL);
	if (!k->alias[cpu])
		abort();
	ring->data = (char *)k->alias[cpu] + 2 * PAGE_SIZE;
}

struct kernel *kernel_open(const struct kernel_config *config)
{
	const struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	struct sigaction nmi_action = { .sa_handler = nmi, .sa_flags = SA_RESTART };
	struct kernel *k = kzalloc(sizeof(*k), GFP_KERNEL);
	struct statchan_channel *ch = &k->ch;
	struct statchan_err err;
	u32 cpu;
	int ret;

	sigaction(SIGUSR1, &action, NULL);
	/* interrupts are off in an NMI */
	sigaddset(&nmi_action.sa_mask, SIGUSR1);
	sigaction(SIGUSR2, &nmi_action, NULL);
	k->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	k->transport = (struct statchan_transport){
		.name = "ring",
		.reserve = statchan_ring_reserve,
		.commit = statchan_ring_commit,
		.announce = statchan_ring_announce,
		.end = statchan_ring_end,
		.readable = statchan_ring_readable,
		.consumed = config->reader ? statchan_ring_reader_consumed : NULL,
	};
	k->src.rate = 1;
	k->src.cpu = alloc_percpu(struct statchan_source_cpu);
	INIT_LIST_HEAD(&k->src.channels);
	ch->transport = &k->transport;
	ch->cpu = alloc_percpu(struct statchan_channel_cpu);
	ch->got.buffer_size = config->buffer_size;
	ch->got.mode = config->overwrite ? STATCHAN_MODE_OVERWRITE : STATCHAN_MODE_DISCARD;
	ch->got.snaplen = ch->snaplen = 512;
	ch->decimate = 1;
	ch->watermark_records = config->watermark;
	ch->watermark_bytes = U32_MAX;
	ch->timeout_ns = 1000000;
	init_waitqueue_head(&ch->wait);
	for_each_possible_cpu(cpu)
		init_cpu(k, cpu);
	ret = config->reader ? statchan_ring_reader_open(ch, &err) : statchan_ring_open(ch, &err);
	if (ret)
		abort();
	for_each_possible_cpu(cpu) {
		start_at(k, cpu, config->start);
		statchan_emit_init(per_cpu_ptr(ch->cpu, cpu));
		if (config->overwrite)
			hide_data(k, cpu);
	}
	list_add(&ch->node, &k->src.channels);
	k->src.listeners = 1;
	statchan_listening = true;
	return k;
}

void kernel_close(struct kernel *k)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		if (k->alias[cpu])
			vunmap(k->alias[cpu]);
	if (k->ch.priv)
		statchan_ring_reader_close(&k->ch);
	else
		statchan_ring_close(&k->ch);
	free_percpu(k->ch.cpu);
	free_percpu(k->src.cpu);
	close(k->wake);
	kfree(k);
}

/* ---- the producer ---- */

static __thread struct kernel *running;
static __thread u64 interrupts, nmis;
static __thread u32 every, fills;
static __thread bool nmi_in_record;
static bool nmis_known = true;

void kernel_payload(void *dst, u32 len, u32 cpu, u64 seq)
{
	u8 *at = dst;
	u32 i;

	for (i = 0; i < len; i++)
		at[i] = (u8)(seq * 31 + cpu * 7 + i);
}

/* Half of the record is written when the interrupt wants to come, and the NMI comes */
static void fill(void *dst, u32 len, u32 cpu, u64 seq)
{
	kernel_payload(dst, len / 2, cpu, seq);
	if (every && ++fills % every == 0)
		pthread_kill(pthread_self(), SIGUSR1);
	if (nmi_in_record)
		kernel_nmi();
	kernel_payload(dst, len, cpu, seq);
}

void kernel_emit(struct kernel *k, u32 len)
{
	const struct statchan_sample s = { .fill = fill, .len = len };

	statchan_emit(&k->src, &s);
}

static void interrupt(int number)
{
	const int before = errno;

	(void)number;
	interrupts++;
	/* one that interrupts its own records would not end */
	if (running) {
		const u32 was = every;

		every = 0;
		kernel_emit(running, (u32)(interrupts * 13 % 200));
		every = was;
	}
	errno = before;
}

/* What it emits is longer than what it interrupts may be: it would be seen behind that */
static void nmi(int number)
{
	const int before = errno;
	const bool was = nmi_in_record;

	(void)number;
	nmi_in_record = false;
	kshim_nmi = nmis_known;
	if (running)
		kernel_emit(running, KERNEL_NMI_LEN);
	kshim_nmi = false;
	nmi_in_record = was;
	nmis++;
	errno = before;
}

void kernel_be_cpu(u32 cpu, struct kernel *k)
{
	kshim_cpu = cpu;
	running = k;
	interrupts = 0;
	nmis = 0;
}

u64 kernel_interrupts(void)
{
	return interrupts;
}

void kernel_interrupt_in_record(u32 n)
{
	every = n;
}

void kernel_nmi(void)
{
	pthread_kill(pthread_self(), SIGUSR2);
}

void kernel_nmi_in_record(bool come)
{
	nmi_in_record = come;
}

void kernel_nmis_known(bool known)
{
	nmis_known = known;
}

u64 kernel_nmis(void)
{
	return nmis;
}

void kernel_count_warnings(bool count)
{
	kshim_warnings_count = count;
	kshim_warnings = 0;
}

u32 kernel_warnings(void)
{
	return kshim_warnings;
}

void kernel_irqs_obey(bool obey)
{
	kshim_irqs_obey = obey;
}

void kernel_timer(struct kernel *k, u32 cpu)
{
	kshim_timer_run(&per_cpu_ptr(k->ch.cpu, cpu)->timer);
}

/* As statchan_channel_end() */
void kernel_stop(struct kernel *k)
{
	u32 cpu;

	for_each_possible_cpu(cpu)
		statchan_emit_end(per_cpu_ptr(k->ch.cpu, cpu));
	smp_store_release(&k->ch.eos, true);
	statchan_ring_end(&k->ch);
	wake(k);
}

/* ---- the consumer ---- */

void *kernel_memory(struct kernel *k, u32 cpu)
{
	const struct statchan_ring *ring = per_cpu_ptr(k->ch.cpu, cpu)->priv;

	return ring->consumer;
}

/* As poll() of a channel: into the wait queue, look, sleep */
bool kernel_poll(struct kernel *k, int timeout_ms)
{
	struct pollfd fd = { .fd = k->wake, .events = POLLIN };
	bool ready;
	u64 count;

	DEFINE_WAIT(self);
	add_wait_queue(&k->ch.wait, &self);
	ready = statchan_ring_readable(&k->ch) || READ_ONCE(k->ch.eos);
	if (!ready)
		ready = poll(&fd, 1, timeout_ms) == 1;
	if (read(k->wake, &count, sizeof(count)) < 0)
		count = 0;
	remove_wait_queue(&k->ch.wait, &self);
	return ready;
}

int kernel_read(struct kernel *k, void *to, size_t size, bool told, size_t *len, bool *ended)
{
	struct iov_iter iter = { .to = to, .count = size };
	struct statchan_ring_read got;
	struct statchan_err err;
	int ret = statchan_ring_reader_copy(&k->ch, &iter, &got, &err);

	if (!ret)
		statchan_ring_reader_settle(&k->ch, told);
	*len = got.len;
	*ended = got.ended;
	return ret;
}

void kernel_ledger(struct kernel *k, u32 cpu, struct statchan_ledger *out)
{
	statchan_ledger_fill(&k->ch, cpu, out);
}
