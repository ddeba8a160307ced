// SPDX-License-Identifier: MIT
//
// A reader that was written from <linux/statchan.h> alone: no statchan library, no netlink library.
//   statchan_raw_reader [-b BYTES] ioctl|read|mmap|relay|netlink SOURCE COUNT
//   statchan_raw_reader snapshot ioctl|read|mmap|netlink SOURCE
//
// The first opens a channel of samples, reads COUNT records, or to the end of the stream, stops the
// channel, reads what is left, and compares what it has seen with the kernel's ledger. A line for
// each record:
//   CPU SEQ LEN FNV                          LEN: of the record; FNV: FNV-1a, 64 bits, of its bytes
//   lost CPU FIRST_SEQ LAST_SEQ COUNT REASON
// Exit status: 0 if the books close. -b: the channel's buffer, and of netlink the socket's, too.
// The second prints a snapshot's generation and the FNV-1a of its counters.
//
// Here: records and books. raw_device.c: /dev/statchan. raw_netlink.c: generic netlink.
#define _GNU_SOURCE
#include "raw_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct book books[MAX_CPUS];

void die(const char* what, const char* why) {
    fflush(stdout);
    fprintf(stderr, "statchan_raw_reader: %s: %s\n", what, why);
    exit(1);
}

size_t fits(uint64_t len) {
    if (len > SIZE_MAX) die("a length", "is more than this program can hold");
    return (size_t)len;
}

static uint64_t fnv1a(const unsigned char* data, size_t len) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; ++i) hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

// ---- records ----

// "A channel delivers one CPU's records in increasing seq."
static void take_sample(const unsigned char* data) {
    struct statchan_record record;
    memcpy(&record, data, sizeof record);
    struct book* book = &books[record.cpu];
    if (record.seq < book->next_seq) die("records", "out of order");
    book->next_seq = record.seq + 1;
    ++book->read;
    printf("%u %" PRIu64 " %u %016" PRIx64 "\n", record.cpu, (uint64_t)record.seq, record.len,
           fnv1a(data, record.len));
}

// "A loss is delivered as struct statchan_lost at the place where it happened."
static void take_lost(const unsigned char* data) {
    struct statchan_lost lost;
    memcpy(&lost, data, sizeof lost);
    if (lost.first_seq < books[lost.cpu].next_seq) die("gaps", "out of order");
    books[lost.cpu].told += lost.count;
    printf("lost %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n", lost.cpu, (uint64_t)lost.first_seq,
           (uint64_t)lost.last_seq, (uint64_t)lost.count, lost.reason);
}

// "All records begin with len, type and cpu, so an unknown type can be skipped. The next record is
// at the next multiple of STATCHAN_ALIGN."
size_t take_records(const unsigned char* data, size_t len) {
    size_t at = 0;
    while (len - at >= STATCHAN_ALIGN) {
        struct statchan_record head;
        memcpy(&head, data + at, STATCHAN_ALIGN);
        const size_t room = ((size_t)head.len + STATCHAN_ALIGN - 1) & ~(size_t)(STATCHAN_ALIGN - 1);
        if (room < STATCHAN_ALIGN || head.cpu >= MAX_CPUS) die("records", "no length or CPU");
        if (room > len - at) break;
        if (head.type == STATCHAN_RECORD_SAMPLE && head.len >= sizeof(struct statchan_record))
            take_sample(data + at);
        if (head.type == STATCHAN_RECORD_LOST && head.len >= sizeof(struct statchan_lost))
            take_lost(data + at);
        at += room;
    }
    return at;
}

// Records that came or were lost.
static uint64_t accounted(void) {
    uint64_t sum = 0;
    for (int cpu = 0; cpu < MAX_CPUS; ++cpu)
        sum += books[cpu].read + books[cpu].told + books[cpu].socket_lost;
    return sum;
}

// ---- books ----

// "Why a record was lost: before the channel accepted it, or after."
static uint64_t lost_before(const struct statchan_ledger* ledger) {
    static const int before[] = {STATCHAN_LOST_RING_FULL, STATCHAN_LOST_NO_MEMORY,
                                 STATCHAN_LOST_OVERSIZE, STATCHAN_LOST_INJECTED};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof before / sizeof *before; ++i) sum += ledger->lost[before[i]];
    return sum;
}

// "produced = next_seq - first_seq = accepted + filtered + sum(lost before)
//  accepted = taken by the consumer + waiting for it + sum(lost after)"
static int closes(const struct statchan_ledger* ledger, const struct book* book) {
    const uint64_t before = lost_before(ledger);
    uint64_t numbers = 0;  // "both unavailable before the first"
    if (ledger->next_seq != STATCHAN_UNAVAILABLE) numbers = ledger->next_seq - ledger->first_seq;
    // "a channel that ends tells all its losses before its end", but a socket may lose the notice,
    // or have joined after it
    const int some = book->socket_lost || book->before;
    const int told = book->told == before || (some && book->told < before);
    return ledger->produced == numbers && told &&
           ledger->produced == ledger->accepted + ledger->filtered + before &&
           ledger->accepted == book->before + book->read + book->socket_lost;
}

static int check_books(const struct transport* transport) {
    static struct statchan_ledger entries[MAX_CPUS];
    const uint32_t n = transport->ledger(entries);
    int wrong = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const struct statchan_ledger* ledger = &entries[i];
        const struct book* book = &books[ledger->cpu];
        printf("cpu %u: produced %" PRIu64 " = accepted %" PRIu64 " + filtered %" PRIu64
               " + lost before %" PRIu64 "; accepted = read %" PRIu64
               " + lost by the socket %" PRIu64 " + before we joined %" PRIu64
               "; told lost %" PRIu64 "\n",
               ledger->cpu, (uint64_t)ledger->produced, (uint64_t)ledger->accepted,
               (uint64_t)ledger->filtered, lost_before(ledger), book->read, book->socket_lost,
               book->before, book->told);
        wrong |= !closes(ledger, book);
    }
    if (wrong || n == 0) die("books", "do not close");
    printf("books close\n");
    return 0;
}

// ---- what to do ----

static int read_samples(const struct transport* transport, const struct options* options,
                        uint64_t count) {
    transport->open(options);
    int open = 1;
    while (open && accounted() < count) open = transport->read();
    // "what it has accepted can still be read, up to the end of stream"
    transport->stop();
    while (open) open = transport->read();
    return check_books(transport);
}

void print_snapshot(const struct statchan_snapshot* snapshot, size_t len) {
    if (len < sizeof *snapshot || snapshot->magic != STATCHAN_SNAPSHOT_MAGIC)
        die("snapshot", "this is none");
    // "head_len: bytes of this head; the counters start here"
    const size_t bytes = fits(snapshot->n_counters * sizeof(uint64_t));
    if (snapshot->head_len + bytes != len) die("snapshot", "not of the length that it says");
    const unsigned char* counters = (const unsigned char*)snapshot + snapshot->head_len;
    printf("generation %" PRIu64 " counters %" PRIu64 " fnv %016" PRIx64 "\n",
           (uint64_t)snapshot->generation, (uint64_t)snapshot->n_counters, fnv1a(counters, bytes));
}

static const struct transport* find(const char* name) {
    static const struct transport* const all[] = {&by_ioctl, &by_read, &by_mmap, &by_relay,
                                                  &by_netlink};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        if (strcmp(all[i]->name, name) == 0) return all[i];
    die(name, "no transport: ioctl, read, mmap, relay or netlink");
}

int main(int argc, char** argv) {
    struct options options = {0};
    if (argc > 2 && strcmp(argv[1], "-b") == 0) {
        options.buffer_size = strtoull(argv[2], NULL, 0);
        argc -= 2;
        argv += 2;
    }
    if (argc != 4) die("usage", "[-b BYTES] TRANSPORT SOURCE COUNT, or snapshot TRANSPORT SOURCE");
    if (strcmp(argv[1], "snapshot") == 0) {
        const struct transport* transport = find(argv[2]);
        if (!transport->snapshot) die(argv[2], "carries no snapshots");
        transport->snapshot(argv[3]);
        return 0;
    }
    options.source = argv[2];
    return read_samples(find(argv[1]), &options, strtoull(argv[3], NULL, 0));
}
