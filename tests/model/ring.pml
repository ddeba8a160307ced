/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of kernel/ring.c as a model for spin: a producer, an interrupt that
 * emits on the producer's CPU, a consumer on another CPU. tests/model/run checks it.
 *
 *   (nothing)	mode discard: gaps in band, end of stream; the consumer polls
 *   -DWAKEUP		the same with a consumer that sleeps
 *   -DOVERWRITE	mode overwrite
 *   -DBREAK_x		leaves one rule out: tests/model/run names them
 *
 * Spin runs one step at a time, in the order of the program. Real CPUs do not, so
 * memory is a machine of its own, weaker than x86:
 *
 *   store	goes into the CPU's store buffer, from there to memory in any order.
 *		Only, stores to one place stay in order, and none passes the mark that
 *		smp_wmb() and store-release put into the buffer before themselves
 *   load	sees the own buffer first, then memory; or it takes what was loaded
 *		early: prefetch() loads any place at any time. Load-acquire forgets
 *		what was loaded earlier than itself, smp_rmb() and smp_mb() forget all
 *   smp_mb()	waits until the own buffer is empty, too
 *
 * Not modelled: a store that is seen before an older load of the same CPU is done
 * (BREAK_POS_FIRST does it by hand), early loads of the producer (a stale position
 * is what the consumer's store buffer gives it, too), positions that wrap.
 */

/*
 * The size of the experiment: records by the producer and by the interrupt, which comes
 * wherever interrupts are on; cells of data, of which each record takes some: a position
 * is a number of cells; stores that a buffer holds; early loads at a time.
 */
#ifdef WAKEUP
#ifndef EMITS
#define EMITS	3
#endif
#ifndef IRQS
#define IRQS	0
#endif
#define CELLS	4
#define WINDOW	1
#else
#ifdef OVERWRITE
#ifndef EMITS
#define EMITS	2
#endif
#ifndef IRQS
#define IRQS	1
#endif
#define CELLS	2
#define WINDOW	2
#else
#ifndef EMITS
#define EMITS	3
#endif
#ifndef IRQS
#define IRQS	1
#endif
#define CELLS	3
#define WINDOW	1
#endif
#endif
#define DEPTH	6
#define TOTAL	(EMITS + IRQS)

/* ---- memory ---- */

#define DATA(p)	((p) % CELLS)
#define HEAD	(CELLS + 0)
#define POS	(CELLS + 1)
#ifdef OVERWRITE
#define TAIL	(CELLS + 2)
#define EVICTING (CELLS + 3)
#define EVICTED	(CELLS + 4)
#define PLACES	(CELLS + 5)
#else
#define EOS	(CELLS + 2)
#define ANNOUNCED (CELLS + 3)
#define WAITING	(CELLS + 4)	/* the consumer is in the wait queue */
#define PLACES	(CELLS + 5)
#endif
#define MARK	255		/* in a store buffer: what is behind stays behind */

#define P	0		/* the producer's CPU */
#define C	1		/* the consumer's */

byte memory[PLACES];

typedef buffer_t {
	byte place[DEPTH];
	byte value[DEPTH];
	byte n
}
buffer_t sb[2];

/* What the consumer loaded early, the oldest first */
byte early_place[WINDOW];
byte early_value[WINDOW];
byte early_n;

hidden byte i_, k_;		/* of one d_step */

inline put_(c, p, v) {
	sb[c].place[sb[c].n] = p;
	sb[c].value[sb[c].n] = v;
	sb[c].n++
}

inline store(c, p, v) {
	d_step {
		sb[c].n < DEPTH;
		put_(c, p, v)
	}
}

inline mark_(c) {
	if
	:: sb[c].n > 0 && sb[c].place[sb[c].n - 1] != MARK -> put_(c, MARK, 0)
	:: else
	fi
}

inline wmb(c) {
	d_step {
		sb[c].n < DEPTH;
		mark_(c)
	}
}

inline store_release(c, p, v) {
	d_step {
		sb[c].n + 1 < DEPTH;
		mark_(c);
		put_(c, p, v)
	}
}

inline drop_(c, e) {
	i_ = e;
	do
	:: i_ + 1 < sb[c].n ->
		sb[c].place[i_] = sb[c].place[i_ + 1];
		sb[c].value[i_] = sb[c].value[i_ + 1];
		i_++
	:: else -> break
	od;
	sb[c].n--;
	sb[c].place[sb[c].n] = 0;
	sb[c].value[sb[c].n] = 0
}

inline drain_(c, e) {
	memory[sb[c].place[e]] = sb[c].value[e];
	drop_(c, e);
	if
	:: sb[c].n > 0 && sb[c].place[0] == MARK -> drop_(c, 0)
	:: else
	fi
}

/* Does entry e wait for the entry f before it? */
#define AFTER(c, e, f) \
	(sb[c].place[f] == MARK || sb[c].place[f] == sb[c].place[e])
#define THERE(c, e)	(sb[c].n > e && sb[c].place[e] != MARK)

proctype drain(byte c) {
	end: do
	:: d_step { THERE(c, 0) -> drain_(c, 0) }
	:: d_step { THERE(c, 1) && !AFTER(c, 1, 0) -> drain_(c, 1) }
	:: d_step { THERE(c, 2) && !AFTER(c, 2, 0) && !AFTER(c, 2, 1) -> drain_(c, 2) }
	:: d_step { THERE(c, 3) && !AFTER(c, 3, 0) && !AFTER(c, 3, 1) &&
		    !AFTER(c, 3, 2) -> drain_(c, 3) }
	:: d_step { THERE(c, 4) && !AFTER(c, 4, 0) && !AFTER(c, 4, 1) &&
		    !AFTER(c, 4, 2) && !AFTER(c, 4, 3) -> drain_(c, 4) }
	:: d_step { THERE(c, 5) && !AFTER(c, 5, 0) && !AFTER(c, 5, 1) &&
		    !AFTER(c, 5, 2) && !AFTER(c, 5, 3) && !AFTER(c, 5, 4) -> drain_(c, 5) }
	od
}

/* Forget the n that were loaded first */
inline forget_(n) {
	i_ = 0;
	do
	:: i_ < WINDOW ->
		if
		:: i_ + (n) < WINDOW ->
			early_place[i_] = early_place[i_ + (n)];
			early_value[i_] = early_value[i_ + (n)]
		:: else ->
			early_place[i_] = 0;
			early_value[i_] = 0
		fi;
		i_++
	:: else -> break
	od;
	early_n = early_n - (n)
}

/* Forget entry e alone */
inline remove_(e) {
	i_ = e;
	do
	:: i_ + 1 < early_n ->
		early_place[i_] = early_place[i_ + 1];
		early_value[i_] = early_value[i_ + 1];
		i_++
	:: else -> break
	od;
	early_n--;
	early_place[early_n] = 0;
	early_value[early_n] = 0
}

/* k_ = the entry of place p, or WINDOW */
inline find_(p) {
	k_ = 0;
	do
	:: k_ < early_n && early_place[k_] != p -> k_++
	:: else -> break
	od;
	if
	:: k_ == early_n -> k_ = WINDOW
	:: else
	fi
}

#if WINDOW > 1
#define LOADED(p) \
	((early_n > 0 && early_place[0] == p) || (early_n > 1 && early_place[1] == p))
#else
#define LOADED(p) (early_n > 0 && early_place[0] == p)
#endif

#define EARLY(p) \
	d_step { early_n < WINDOW && !LOADED(p) -> \
		early_place[early_n] = p; early_value[early_n] = memory[p]; early_n++ }

proctype prefetch() {
	end: do
	:: EARLY(0)
	:: EARLY(1)
#if CELLS > 2
	:: EARLY(2)
#endif
#if CELLS > 3
	:: EARLY(3)
#endif
	:: EARLY(HEAD)
#ifdef OVERWRITE
	:: EARLY(TAIL)
	:: EARLY(EVICTING)
	:: EARLY(EVICTED)
#else
	:: EARLY(EOS)
#ifdef WAKEUP
	:: EARLY(ANNOUNCED)
#endif
#endif
	od
}

/* Loads of the consumer. Two of one place never come in the wrong order. */
inline load(p, to) {
	if
	:: d_step {
		to = memory[p];
		find_(p);
		if
		:: k_ < WINDOW -> remove_(k_)
		:: else
		fi
	   }
	:: d_step {
		LOADED(p);
		find_(p);
		to = early_value[k_];
		remove_(k_)
	   }
	fi
}

inline load_acquire(p, to) {
	if
	:: d_step { to = memory[p]; forget_(early_n) }
	:: d_step {
		LOADED(p);
		find_(p);
		to = early_value[k_];
		forget_(k_ + 1)
	   }
	fi
}

inline rmb() { d_step { forget_(early_n) } }

inline mb_consumer() {
	d_step {
		sb[C].n == 0;
		forget_(early_n)
	}
}

/* The producer loads only what it never stores. */
inline mb_producer() { sb[P].n == 0 }

/*
 * What no other CPU can see is one step, to put something into a buffer included:
 * when it comes out is drain()'s choice. But an interrupt could see it.
 */
#ifdef BREAK_NESTED
#define TOGETHER
#else
#define TOGETHER atomic
#endif

/* ---- the producer's CPU: emit.c and the first half of ring.c ---- */

/* under channel_cpu.lock, which the interrupt could only wait for in vain */
byte seq, head;			/* of source and ring */
byte accepted, lost;		/* the ledger */
bool irqs_off, in_irq, irq_done;
byte pos_real;			/* where the consumer is; not in memory */

inline irq_save() {
#ifndef BREAK_NESTED
	irqs_off = 1
#else
	skip
#endif
}

inline irq_restore() { irqs_off = 0 }

#ifdef OVERWRITE

byte tail, evicted;
byte real[2 * TOTAL];		/* what was committed at a position; not in memory */
byte before[2 * TOTAL];		/* and how many samples before it */
byte samples;			/* committed */

/* Record r has one cell or two. Record 0 does not count: like struct statchan_lost. */
#define ROOM(r)		(1 + ((r) & 1))
#define SAMPLE(r)	((r) != 0)
#define END		(2 * TOTAL - (TOTAL + 1) / 2)	/* head when all is emitted */
#define CELL(r, part)	(1 + 2 * (r) + (part))
#define RECORD(cell)	(((cell) - 1) / 2)
#define PART(cell)	(((cell) - 1) % 2)

/* ring_evict() */
inline evict(room) {
	d_step {
		new_tail = tail;
		new_evicted = evicted;
		do
		:: head + room - new_tail > CELLS ->
			if
			:: SAMPLE(RECORD(real[new_tail])) -> new_evicted++
			:: else
			fi;
			new_tail = new_tail + ROOM(RECORD(real[new_tail]))
		:: else -> break
		od
	}
	if
	:: new_tail != tail ->
#ifndef BREAK_NO_EVICTING
		store(P, EVICTING, new_evicted);
		wmb(P);
#endif
		tail = new_tail;
#ifndef BREAK_TAIL_LATE
		store(P, TAIL, tail);
#endif
#ifndef BREAK_NO_WMB
		wmb(P);
#endif
		evicted = new_evicted;
#ifdef BREAK_NO_EVICTING
		store(P, EVICTING, evicted);
#endif
		store(P, EVICTED, evicted)
	:: else
	fi
}

inline emit() {
	TOGETHER {
		irq_save();
		number = seq;
		seq++;
		evict(ROOM(number));
		at = head;
		store(P, DATA(at), CELL(number, 0));
		if
		:: ROOM(number) == 2 -> store(P, DATA(at + 1), CELL(number, 1))
		:: else
		fi;
#ifdef BREAK_TAIL_LATE
		store(P, TAIL, tail);
#endif
		d_step {
			real[head] = CELL(number, 0);
			before[head] = samples;
			if
			:: ROOM(number) == 2 ->
				real[head + 1] = CELL(number, 1);
				before[head + 1] = samples
			:: else
			fi;
			samples = samples + SAMPLE(number);
			head = head + ROOM(number)
		}
		store_release(P, HEAD, head);
		irq_restore();
		number = 0; at = 0; new_tail = 0; new_evicted = 0
	}
}

#define LOCALS byte number, at, new_tail, new_evicted

#else /* mode discard */

#ifndef BREAK_SPARE
#define SPARE	1		/* cells that stay free for a gap */
#else
#define SPARE	0
#endif
#define WATERMARK 2

byte spare = SPARE;
byte limit;
byte gap_first, gap_count;	/* losses not told yet */
byte announced;			/* position; and accepted at that time */
byte announced_records;
bool woken;

#define SAMPLE(n)	(1 + (n))
#define GAP(first, n)	(128 + (first) * 8 + (n))

/* room = whether there is one cell: reserve and ring_look() */
inline reserve() {
	at = head;
	if
	:: at + 1 > limit ->
		seen = memory[POS];
		d_step {
			room = CELLS - (at - seen) >= 1 + spare;
			if
			:: room -> limit = seen + CELLS - spare
			:: else
			fi;
			seen = 0
		}
	:: else -> room = 1
	fi
}

inline commit(what) {
	TOGETHER {
#ifdef BREAK_HEAD_FIRST
		head++;
		store_release(P, HEAD, head);
		store(P, DATA(at), what)
#else
		store(P, DATA(at), what);
		head++;
#ifdef BREAK_NO_RELEASE
		store(P, HEAD, head)
#else
		store_release(P, HEAD, head)
#endif
#endif
	}
}

inline emit_gaps() {
	room = 1;
	if
	:: gap_count > 0 ->
		reserve();
		if
		:: room ->
			commit(GAP(gap_first, gap_count));
			d_step { gap_first = 0; gap_count = 0 }
		:: else
		fi
	:: else
	fi
}

inline announce() {
#ifdef WAKEUP
	TOGETHER {
		last = announced;
		announced = head;
		announced_records = accepted;
		store(P, ANNOUNCED, announced)
	}
#ifndef BREAK_NO_MB_PRODUCER
	mb_producer();
#endif
	d_step { seen = last > memory[POS]; last = 0 }
	if
	:: seen -> seen = 0
	:: else -> wake()
	fi
#else
	skip
#endif
}

/* waitqueue_active(), and what follows */
inline wake() {
	if
	:: d_step { memory[WAITING] -> woken = 1 }
	:: !memory[WAITING]
	fi
}

inline emit() {
#ifdef BREAK_NUMBER_FIRST
	d_step { number = seq; seq++ }
	irq_save();
#else
	TOGETHER { irq_save(); number = seq; seq++ }
#endif
	emit_gaps();
	if
	:: room -> reserve()
	:: else
	fi;
	if
	:: room ->
		commit(SAMPLE(number));
		accepted++;
		if
		:: accepted >= announced_records + WATERMARK -> announce()
		:: else
		fi
	:: else ->
		d_step {
			if
			:: gap_count == 0 -> gap_first = number
			:: else
			fi;
			gap_count++;
			lost++
		}
	fi;
	d_step {
		number = 0; at = 0; room = 1;
		irq_restore()
	}
}

#define LOCALS byte number, at, seen, last; bool room = 1

#endif

#if IRQS
proctype irq() {
	LOCALS;
	atomic { !irqs_off -> in_irq = 1 }
	emit();
	atomic { in_irq = 0; irq_done = 1 }
}
#endif

proctype producer() provided (!in_irq) {
	LOCALS;
	byte n;
	do
	:: n < EMITS -> emit(); n++
	:: else -> break
	od;
#if IRQS
	irq_done;
#endif
#ifndef OVERWRITE
#ifdef WAKEUP
	/* perhaps the timeout's flush, and then nothing for long: was the consumer woken? */
	if
	:: emit_gaps();
	   announce();
	   pos_real >= announced
	:: skip
	fi;
#endif
	/* statchan_emit_end() */
	spare = 0;
	emit_gaps();
	announce();
	/* statchan_channel_end(): the wake-up looks under the wait queue's lock */
	store_release(P, EOS, 1);
#ifdef WAKEUP
	mb_producer();
	wake();
#endif
	assert(seq == TOTAL && accepted + lost == TOTAL)
#endif
}

/* ---- the consumer's CPU: userlib/src/ring.cpp, and poll() ---- */

#ifdef OVERWRITE

/* Ring::catch_up(): a tail and its count of the same moment */
inline catch_up() {
	count = 0;
	again = 1;
	do
	:: again != count ->
	   load_acquire(EVICTED, count);
	   load_acquire(TAIL, oldest);
	   load(EVICTING, again)
	:: else -> break
	od;
	atomic {
		if
		:: oldest > pos -> pos = oldest; index = count
		:: else
		fi;
		count = 0; oldest = 0; again = 0
	}
}

/* Ring::copy(), until it has seen all */
proctype consumer() {
	byte pos, index, from, to, i, count, oldest, again;
	byte copy[CELLS];
	do
	:: pos == END -> break
	:: else ->
		catch_up();
		from = pos;
		load_acquire(HEAD, to);
		assert(to >= from);
		if
		:: to - from > CELLS -> to = from + CELLS
		:: else
		fi;
		i = from;
		do
		:: i < to -> load(DATA(i), copy[DATA(i)]); i++
		:: else -> break
		od;
#ifndef BREAK_NO_RMB
		rmb();
#endif
		catch_up();
		/* what is left was not overwritten, and its number is right */
		d_step {
			assert(pos >= to || before[pos] == index);
			i = pos;
			do
			:: i < to -> assert(copy[DATA(i)] == real[i]); i++
			:: else -> break
			od;
			/* the last record may be cut */
			do
			:: pos < to && pos + ROOM(RECORD(real[pos])) <= to ->
				index = index + SAMPLE(RECORD(real[pos]));
				pos = pos + ROOM(RECORD(real[pos]))
			:: else -> break
			od;
			i = 0; from = 0; to = 0;
			copy[0] = 0; copy[1] = 0
		}
	od;
	assert(index == samples)
}

#else

inline give_back() { store_release(C, POS, pos) }

inline sleep() {
#ifdef WAKEUP
	woken = 0;
	store(C, WAITING, 1);
	/* statchan_ring_readable() */
#ifndef BREAK_NO_MB_CONSUMER
	mb_consumer();
#endif
	load(ANNOUNCED, value);
	load(EOS, ended);
	if
	:: value > pos || ended
	:: else -> woken
	fi;
	TOGETHER { store(C, WAITING, 0); value = 0 }
#else
	skip
#endif
}

proctype consumer() {
	byte pos, until, i, value, want, told;
	bool ended;
	do
	::
#ifndef BREAK_EOS_LATE
		load_acquire(EOS, ended);
#endif
#ifdef BREAK_NO_ACQUIRE
		load(HEAD, until);
#else
		load_acquire(HEAD, until);
#endif
#ifdef BREAK_EOS_LATE
		load_acquire(EOS, ended);
#endif
		if
		:: until == pos && ended -> break
		:: until == pos && !ended -> sleep()
		:: else ->
			i = pos;
			pos = until;
#ifdef BREAK_POS_FIRST
			give_back();
#endif
			do
			:: i < until ->
				atomic { load(DATA(i), value); d_step {
					/* the numbers without a hole, or a gap that fits exactly */
					if
					:: value == SAMPLE(want) -> want++
					:: else ->
						assert(value > 128 && (value - 128) / 8 == want);
						want = want + (value - 128) % 8;
						told = told + (value - 128) % 8
					fi;
					i++;
					value = 0
				} }
			:: else -> break
			od;
			i = 0;
#ifndef BREAK_POS_FIRST
			give_back();
#endif
			d_step { pos_real = pos; until = 0 }
		fi
	od;
	/* each record once, or told to be lost */
	assert(want == TOTAL && told == lost)
}

#endif

init {
	atomic {
		run drain(P);
		run drain(C);
		run prefetch();
		run producer();
#if IRQS
		run irq();
#endif
		run consumer()
	}
}
