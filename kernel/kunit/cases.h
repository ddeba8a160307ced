/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the arithmetic of ring, record and ledger must do, at positions where numbers
 * wrap. Run by KUnit in a kernel (kunit.c) and by GoogleTest in a program
 * (tests/ring_host/cases.c). Who includes it has included ring.c, record.c and
 * ledger.c and defines
 *	CASE_EQ(c, a, b)	note a failure unless a equals b, both as u64
 */

#define CASE_BUFFER	PAGE_SIZE

/**
 * struct ring_case - one CPU's ring at work
 * @ch:		its channel
 * @cc:		of CPU 0
 * @ring:	same as @cc->priv
 * @start:	position and sequence number where all begins
 * @context:	of CASE_EQ
 */
struct ring_case {
	struct statchan_channel *ch;
	struct statchan_channel_cpu *cc;
	struct statchan_ring *ring;
	u64 start;
	void *context;
};

static const u64 case_starts[] = {
	0,
	(1ULL << 31) - 96,
	(1ULL << 32) - CASE_BUFFER / 2,
	(1ULL << 32) - 48,
	(1ULL << 63) - CASE_BUFFER / 2,
	0 - (u64)CASE_BUFFER / 2,
	0 - (u64)48,
	0 - (u64)8,
};

/* Set before a case runs: a channel of one CPU, as after statchan_channel_open() */
static int case_open(struct ring_case *c, u32 mode)
{
	static const struct statchan_transport transport = { .name = "case" };
	struct statchan_err err;
	int cpu, ret;

	c->ch = kzalloc(sizeof(*c->ch), GFP_KERNEL);
	if (!c->ch)
		return -ENOMEM;
	c->ch->cpu = alloc_percpu(struct statchan_channel_cpu);
	if (!c->ch->cpu) {
		kfree(c->ch);
		return -ENOMEM;
	}
	c->ch->transport = &transport;
	c->ch->got.buffer_size = CASE_BUFFER;
	c->ch->got.snaplen = 64;
	c->ch->got.mode = mode;
	init_waitqueue_head(&c->ch->wait);
	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(c->ch->cpu, cpu);

		raw_spin_lock_init(&cc->lock);
		cc->ch = c->ch;
		cc->first_seq = STATCHAN_SEQ_NONE;
		cc->spare = STATCHAN_GAP_SPARE;
	}
	ret = statchan_ring_open(c->ch, &err);
	if (ret) {
		free_percpu(c->ch->cpu);
		kfree(c->ch);
		return ret;
	}
	c->cc = per_cpu_ptr(c->ch->cpu, 0);
	c->ring = c->cc->priv;
	c->ring->head = c->start;
	c->ring->limit = c->start;
	c->ring->announced = c->start;
	c->ring->tail = c->start;
	c->ring->producer->head = c->start;
	c->ring->producer->announced = c->start;
	c->ring->producer->tail = c->start;
	c->ring->consumer->pos = c->start;
	return 0;
}

static void case_close(struct ring_case *c)
{
	statchan_ring_close(c->ch);
	free_percpu(c->ch->cpu);
	kfree(c->ch);
}

/* Write one record with @payload bytes. Return: whether there was room. */
static bool case_put(struct ring_case *c, u16 type, u32 payload, u32 *reason)
{
	u32 room = statchan_record_room(payload);
	struct statchan_record *rec = statchan_ring_reserve(c->cc, room, reason);

	if (!rec)
		return false;
	rec->len = sizeof(*rec) + payload;
	rec->type = type;
	return statchan_ring_commit(c->cc, room, reason);
}

static u64 case_pos(const struct ring_case *c, const void *at)
{
	return (u64)((const char *)at - (const char *)c->ring->data);
}

/* Discard: as many records as fit beside the spare, none more, at the right places */
static void case_fill(struct ring_case *c)
{
	u32 reason = STATCHAN_N_LOST, room = statchan_record_room(1);
	u64 fit = (CASE_BUFFER - STATCHAN_GAP_SPARE) / room, n;

	for (n = 0; n < fit; n++) {
		void *at = statchan_ring_reserve(c->cc, room, &reason);
		u64 pos = c->start + n * room;

		CASE_EQ(c, case_pos(c, at), pos & (CASE_BUFFER - 1));
		/* not committed: the same place again, nothing to be seen */
		CASE_EQ(c, case_pos(c, statchan_ring_reserve(c->cc, room, &reason)),
			pos & (CASE_BUFFER - 1));
		CASE_EQ(c, c->ring->producer->head, pos);
		CASE_EQ(c, case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason), true);
		CASE_EQ(c, c->ring->producer->head, pos + room);
	}
	CASE_EQ(c, reason, STATCHAN_N_LOST);
	CASE_EQ(c, case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason), false);
	CASE_EQ(c, reason, STATCHAN_LOST_RING_FULL);
	CASE_EQ(c, c->ring->producer->head, c->start + fit * room);
	/* the end of the stream may use the spare, to the last byte */
	c->cc->spare = 0;
	room = (u32)(c->start + CASE_BUFFER - c->ring->head);
	CASE_EQ(c, !statchan_ring_reserve(c->cc, room, &reason), false);
	CASE_EQ(c, !statchan_ring_reserve(c->cc, room + 8, &reason), true);
	statchan_ring_commit(c->cc, room, &reason);
	CASE_EQ(c, c->ring->head - c->ring->consumer->pos, CASE_BUFFER);
	CASE_EQ(c, !statchan_ring_reserve(c->cc, 8, &reason), true);
}

/* Discard: a consumer that follows, three times around */
static void case_follow(struct ring_case *c)
{
	u64 at = c->start, n;
	u32 reason;

	for (n = 0; at - c->start < 3 * CASE_BUFFER; n++) {
		u32 room = statchan_record_room(n % 60);

		CASE_EQ(c, case_put(c, STATCHAN_RECORD_SAMPLE, n % 60, &reason), true);
		at += room;
		CASE_EQ(c, c->ring->producer->head, at);
		if (n % 3 == 2)
			WRITE_ONCE(c->ring->consumer->pos, at);
	}
}

/* The consumer's position is looked at only when what is known does not do */
static void case_limit(struct ring_case *c)
{
	u32 reason, room = statchan_record_room(1);

	case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason);
	CASE_EQ(c, c->ring->limit, c->start + CASE_BUFFER - STATCHAN_GAP_SPARE);
	c->ring->consumer->pos = c->start + room;
	while (c->ring->head + room - c->start <= CASE_BUFFER - STATCHAN_GAP_SPARE)
		case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason);
	CASE_EQ(c, c->ring->limit, c->start + CASE_BUFFER - STATCHAN_GAP_SPARE);
	CASE_EQ(c, case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason), true);
	CASE_EQ(c, c->ring->limit,
		c->start + room + CASE_BUFFER - STATCHAN_GAP_SPARE);
}

/* A position that can't be makes the ring look full, and harms nothing else */
static void case_forged(struct ring_case *c)
{
	static const u64 off[] = { 8, 1ULL << 31, 1ULL << 32, 1ULL << 63, ~7ULL - CASE_BUFFER };
	u32 reason, i;

	case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason);
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		reason = STATCHAN_N_LOST;
		c->ring->limit = c->ring->head;
		c->ring->consumer->pos = c->ring->head + off[i];
		CASE_EQ(c, case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason), false);
		CASE_EQ(c, reason, STATCHAN_LOST_RING_FULL);
		CASE_EQ(c, c->ring->limit, c->ring->head);
	}
	CASE_EQ(c, !statchan_ring_reserve(c->cc, 2 * CASE_BUFFER, &reason), true);
	CASE_EQ(c, reason, STATCHAN_LOST_OVERSIZE);
	c->ring->consumer->pos = c->start;
	CASE_EQ(c, case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason), true);
}

/* Announced: who must be woken, and what poll() says */
static void case_announce(struct ring_case *c)
{
	DEFINE_WAIT(sleeper);
	u32 reason;

	case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason);
	CASE_EQ(c, statchan_ring_readable(c->ch), false);
	CASE_EQ(c, statchan_ring_announce(c->cc), false);	/* nobody sleeps */
	CASE_EQ(c, statchan_ring_readable(c->ch), true);
	CASE_EQ(c, c->ring->producer->announced, c->ring->head);
	add_wait_queue(&c->ch->wait, &sleeper);
	case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason);
	/* has the batch before this one still to read, so it does not sleep */
	CASE_EQ(c, statchan_ring_announce(c->cc), false);
	c->ring->consumer->pos = c->ring->head;
	CASE_EQ(c, statchan_ring_readable(c->ch), false);
	case_put(c, STATCHAN_RECORD_SAMPLE, 1, &reason);
	CASE_EQ(c, statchan_ring_announce(c->cc), true);
	remove_wait_queue(&c->ch->wait, &sleeper);
	statchan_ring_end(c->ch);
	CASE_EQ(c, c->ring->producer->flags, STATCHAN_RING_EOS);
}

/* Overwrite: what is let go, and how many samples that was, with a model of its own */
static void case_evict(struct ring_case *c)
{
	u64 head = c->start, tail = c->start, samples = 0, first = 0, n;
	u32 reason;

	for (n = 0; head - c->start < 4 * CASE_BUFFER; n++) {
		u32 type = n % 5 ? STATCHAN_RECORD_SAMPLE : STATCHAN_RECORD_LOST;
		u32 room = statchan_record_room(n % 7 * 9);

		while (head + room - tail > CASE_BUFFER) {
			tail += statchan_record_room(first % 7 * 9);
			samples += first++ % 5 != 0;
		}
		CASE_EQ(c, case_put(c, type, n % 7 * 9, &reason), true);
		head += room;
		CASE_EQ(c, c->ring->producer->head, head);
		CASE_EQ(c, c->ring->producer->tail, tail);
		CASE_EQ(c, c->ring->producer->evicted, samples);
		CASE_EQ(c, c->ring->producer->evicting, samples);
	}
	/* one that takes the whole ring, and one that can't */
	CASE_EQ(c, !statchan_ring_reserve(c->cc, CASE_BUFFER, &reason), false);
	CASE_EQ(c, c->ring->producer->tail, c->ring->head);
	CASE_EQ(c, !statchan_ring_reserve(c->cc, CASE_BUFFER + 8, &reason), true);
	CASE_EQ(c, reason, STATCHAN_LOST_OVERSIZE);
}

/* The ledger's sums, with sequence numbers and counts at the start */
static void case_ledger(struct ring_case *c)
{
	struct statchan_ledger out;

	statchan_ledger_fill(c->ch, 0, &out);
	CASE_EQ(c, out.produced, 0);
	CASE_EQ(c, out.first_seq, STATCHAN_UNAVAILABLE);
	CASE_EQ(c, out.next_seq, STATCHAN_UNAVAILABLE);
	c->cc->first_seq = c->start;
	c->cc->next_seq = c->start + 100;
	c->cc->filtered = 30;
	c->cc->accepted = 50;
	c->cc->lost[STATCHAN_LOST_RING_FULL] = 15;
	c->cc->lost[STATCHAN_LOST_OVERSIZE] = 5;
	c->cc->bytes = c->start + 7;
	statchan_ledger_fill(c->ch, 0, &out);
	CASE_EQ(c, out.first_seq, c->start);
	CASE_EQ(c, out.next_seq, c->start + 100);
	CASE_EQ(c, out.produced, 100);
	CASE_EQ(c, out.produced, out.accepted + out.filtered +
		out.lost[STATCHAN_LOST_RING_FULL] + out.lost[STATCHAN_LOST_OVERSIZE]);
	CASE_EQ(c, out.bytes, c->start + 7);
	CASE_EQ(c, out.consumed, STATCHAN_UNAVAILABLE);
}

/* A record's length, padding and flags, for every length up to the next alignment */
static void case_record(struct ring_case *c)
{
	static const u8 payload[24] = { [0 ... 23] = 0xab };
	u8 memory[sizeof(struct statchan_record) + 32] __aligned(8);
	struct statchan_record *rec = (void *)memory;
	u32 len, room, i;

	for (len = 0; len <= 16; len++) {
		struct statchan_sample s = { .data = payload, .len = len + len % 2 };
		u32 captured = statchan_record_captured(&s, len);

		memset(memory, 0xff, sizeof(memory));
		room = statchan_record_room(captured);
		CASE_EQ(c, captured, len);
		CASE_EQ(c, room % STATCHAN_ALIGN, 0);
		CASE_EQ(c, room - sizeof(*rec) - len < STATCHAN_ALIGN, true);
		statchan_record_write(rec, &s, captured, 3, 1, c->start, 5);
		CASE_EQ(c, rec->len, sizeof(*rec) + len);
		CASE_EQ(c, rec->seq, c->start);
		CASE_EQ(c, rec->orig_len, s.len);
		CASE_EQ(c, rec->flags, len % 2 ? STATCHAN_REC_TRUNCATED : 0);
		for (i = 0; i < sizeof(memory) - sizeof(*rec); i++)
			CASE_EQ(c, memory[sizeof(*rec) + i],
				i < len ? 0xab : sizeof(*rec) + i < room ? 0 : 0xff);
	}
}

struct ring_case_desc {
	const char *name;
	u32 mode;
	void (*run)(struct ring_case *c);
};

static const struct ring_case_desc ring_cases[] = {
	{ "fill", STATCHAN_MODE_DISCARD, case_fill },
	{ "follow", STATCHAN_MODE_DISCARD, case_follow },
	{ "limit", STATCHAN_MODE_DISCARD, case_limit },
	{ "forged", STATCHAN_MODE_DISCARD, case_forged },
	{ "announce", STATCHAN_MODE_DISCARD, case_announce },
	{ "evict", STATCHAN_MODE_OVERWRITE, case_evict },
	{ "ledger", STATCHAN_MODE_DISCARD, case_ledger },
	{ "record", STATCHAN_MODE_DISCARD, case_record },
};
