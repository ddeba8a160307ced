// SPDX-License-Identifier: MIT
//
// statchan_raw_reader at /dev/statchan: the transports ioctl, read, mmap and relay.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "raw_reader.h"

static int device = -1;
static struct statchan_channel_req channel;

// ---- control ----

// "A failed ioctl or read leaves a sentence for people behind: STATCHAN_IOC_ERROR."
static __attribute__((noreturn)) void die_of(const char* what) {
    const int error = errno;
    struct statchan_error sentence = {.size = sizeof sentence};
    if (device >= 0 && ioctl(device, STATCHAN_IOC_ERROR, &sentence) == 0 && sentence.text[0])
        die(what, sentence.text);
    die(what, strerror(error));
}

static void call(unsigned long request, void* arg, const char* what) {
    if (ioctl(device, request, arg) != 0) die_of(what);
}

static uint32_t open_device(const char* source) {
    struct statchan_source_info info = {.size = sizeof info};
    device = open("/dev/" STATCHAN_DEVICE, O_RDWR | O_CLOEXEC);
    if (device < 0) die_of("open /dev/" STATCHAN_DEVICE);
    // "in: 0 = by name"
    strncpy(info.name, source, sizeof info.name - 1);
    call(STATCHAN_IOC_SOURCE_INFO, &info, source);
    return info.id;
}

// "Each ioctl structure starts with its size."
static void open_channel(uint32_t transport, uint32_t kind, const char* source,
                         uint64_t buffer_size) {
    channel = (struct statchan_channel_req){.size = sizeof channel,
                                            .source = open_device(source),
                                            .transport = transport,
                                            .kind = kind,
                                            .want = {.buffer_size = buffer_size}};
    call(STATCHAN_IOC_CHANNEL_OPEN, &channel, "open a channel");
}

static void stop(void) {
    struct statchan_channel_run request = {.size = sizeof request};
    call(STATCHAN_IOC_CHANNEL_STOP, &request, "stop the channel");
}

// "Ledger of a channel: an entry for each possible CPU"
static uint32_t ledger(struct statchan_ledger* entries) {
    struct statchan_ledger_req request = {
        .size = sizeof request, .count = MAX_CPUS, .buf = (uintptr_t)entries};
    call(STATCHAN_IOC_LEDGER, &request, "read the ledger");
    return request.count;
}

// "poll() on the descriptor of a channel: POLLIN when records are announced, POLLHUP from its end
// on." Returns whether it has ended.
static int wait_for_records(void) {
    struct pollfd entry = {.fd = device, .events = POLLIN};
    if (poll(&entry, 1, -1) < 0 && errno != EINTR) die_of("poll");
    return (entry.revents & POLLHUP) != 0;
}

// ---- ioctl ----

static void ioctl_open(const struct options* options) {
    open_channel(STATCHAN_T_IOCTL, STATCHAN_CHANNEL_SAMPLES, options->source, options->buffer_size);
}

// "poll(), STATCHAN_IOC_READ copies whole records of all CPUs."
static int ioctl_read(void) {
    static uint64_t buffer[READ_BYTES / sizeof(uint64_t)];
    struct statchan_read request = {
        .size = sizeof request, .buf = (uintptr_t)buffer, .len = sizeof buffer};
    wait_for_records();
    call(STATCHAN_IOC_READ, &request, "read records");
    take_records((const unsigned char*)buffer, fits(request.len));
    return !(request.flags & STATCHAN_CHAN_EOS);
}

// "too small: -EMSGSIZE, len set, buf untouched"
static void ioctl_snapshot(const char* source) {
    struct statchan_snapshot_req request = {.size = sizeof request, .source = open_device(source)};
    if (ioctl(device, STATCHAN_IOC_SNAPSHOT, &request) == 0 || errno != EMSGSIZE)
        die_of("ask for the length of a snapshot");
    void* image = malloc(fits(request.len));
    if (!image) die("snapshot", "no memory");
    request.buf = (uintptr_t)image;
    call(STATCHAN_IOC_SNAPSHOT, &request, "take a snapshot");
    print_snapshot(image, fits(request.len));
    free(image);
}

const struct transport by_ioctl = {"ioctl", ioctl_open, ioctl_read, stop, ledger, ioctl_snapshot};

// ---- read ----

static void read_open(const struct options* options) {
    open_channel(STATCHAN_T_READ, STATCHAN_CHANNEL_SAMPLES, options->source, options->buffer_size);
}

// "read() copies as many whole records of all CPUs as fit. Where there is nothing it waits. 0: the
// end of the stream."
static int read_read(void) {
    static uint64_t buffer[READ_BYTES / sizeof(uint64_t)];
    const ssize_t got = read(device, buffer, sizeof buffer);
    if (got < 0 && errno != EINTR) die_of("read records");
    if (got > 0) take_records((const unsigned char*)buffer, (size_t)got);
    return got != 0;
}

// "At offset 0 it takes a new snapshot; one that is not read whole by that call is held for the
// pieces at other offsets."
static void read_snapshot(const char* source) {
    struct statchan_snapshot head;
    open_channel(STATCHAN_T_READ, STATCHAN_CHANNEL_SNAPSHOT, source, 0);
    if (pread(device, &head, sizeof head, 0) != (ssize_t)sizeof head) die_of("take a snapshot");
    const size_t len = fits(head.head_len + head.n_counters * sizeof(uint64_t));
    unsigned char* const image = malloc(len);
    if (!image) die("snapshot", "no memory");
    memcpy(image, &head, sizeof head);
    for (size_t at = sizeof head; at < len;) {
        const ssize_t got = pread(device, image + at, len - at, (off_t)at);
        if (got <= 0) die_of("read a snapshot");
        at += (size_t)got;
    }
    print_snapshot((const struct statchan_snapshot*)image, len);
    free(image);
}

const struct transport by_read = {"read", read_open, read_read, stop, ledger, read_snapshot};

// ---- mmap ----

struct ring {
    struct statchan_ring_consumer* consumer;  // NULL: no such CPU
    const struct statchan_ring_producer* producer;
    const unsigned char* data;
};
static struct ring rings[MAX_CPUS];

static void* map(uint64_t offset, size_t len, int protection) {
    return mmap(NULL, len, protection, MAP_SHARED, device, (off_t)offset);
}

// "The ring of CPU c starts at mmap offset STATCHAN_MMAP_RING + c * ring_stride: consumer page,
// producer page, data, data again, so that no record wraps."
static void mmap_open(const struct options* options) {
    open_channel(STATCHAN_T_MMAP, STATCHAN_CHANNEL_SAMPLES, options->source, options->buffer_size);
    const size_t page = channel.page_size;
    for (uint32_t cpu = 0; cpu < channel.nr_cpus && cpu < MAX_CPUS; ++cpu) {
        const uint64_t at = STATCHAN_MMAP_RING + cpu * channel.ring_stride;
        void* const consumer = map(at, page, PROT_READ | PROT_WRITE);
        if (consumer == MAP_FAILED && errno == EINVAL) continue;  // not a possible CPU
        void* const rest = map(at + page, fits(page + 2 * channel.got.buffer_size), PROT_READ);
        if (consumer == MAP_FAILED || rest == MAP_FAILED) die_of("map a ring");
        rings[cpu] = (struct ring){consumer, rest, (const unsigned char*)rest + page};
    }
}

// "the consumer loads head with acquire, reads records from pos to head, then stores pos with
// release". Returns whether there was one.
static int ring_read(struct ring* ring) {
    const uint64_t head = __atomic_load_n(&ring->producer->head, __ATOMIC_ACQUIRE);
    const uint64_t pos = ring->consumer->pos;  // only we write it
    // "the place of a position in data is pos & (buffer_size - 1)"
    take_records(ring->data + (pos & (channel.got.buffer_size - 1)), fits(head - pos));
    __atomic_store_n(&ring->consumer->pos, head, __ATOMIC_RELEASE);
    return head != pos;
}

static int mmap_read(void) {
    int came = 0, ended = 1;
    for (uint32_t cpu = 0; cpu < channel.nr_cpus && cpu < MAX_CPUS; ++cpu) {
        if (!rings[cpu].consumer) continue;
        // "loads flags with acquire before head: nothing follows the head that it then sees"
        if (!(__atomic_load_n(&rings[cpu].producer->flags, __ATOMIC_ACQUIRE) & STATCHAN_RING_EOS))
            ended = 0;
        came |= ring_read(&rings[cpu]);
    }
    if (!came && !ended) wait_for_records();
    return came || !ended;
}

// "STATCHAN_IOC_SNAPSHOT_MAP names the offset and length at which mmap() shows the snapshot."
static void mmap_snapshot(const char* source) {
    open_channel(STATCHAN_T_MMAP, STATCHAN_CHANNEL_SNAPSHOT, source, 0);
    struct statchan_snapshot_req request = {.size = sizeof request, .source = channel.source};
    call(STATCHAN_IOC_SNAPSHOT_MAP, &request, "map a snapshot");
    const void* image = map(request.offset, fits(request.len), PROT_READ);
    if (image == MAP_FAILED) die_of("map a snapshot");
    print_snapshot(image, fits(request.len));
}

const struct transport by_mmap = {"mmap", mmap_open, mmap_read, stop, ledger, mmap_snapshot};

// ---- relay ----

struct file {
    int fd;  // -1: none
    size_t filled;
    unsigned char* buffer;
};
static struct file files[MAX_CPUS];

// "per-CPU files in debugfs, named in the answer to the open" (path: "folder of cpu0, cpu1, ...")
static void relay_open(const struct options* options) {
    open_channel(STATCHAN_T_RELAY, STATCHAN_CHANNEL_SAMPLES, options->source, options->buffer_size);
    for (uint32_t cpu = 0; cpu < channel.nr_cpus && cpu < MAX_CPUS; ++cpu) {
        char name[STATCHAN_PATH_MAX + 16];
        snprintf(name, sizeof name, "%s/cpu%u", channel.path, cpu);
        files[cpu] =
            (struct file){.fd = open(name, O_RDONLY | O_CLOEXEC), .buffer = malloc(READ_BYTES)};
        // "a CPU that was never online has none"
        if (files[cpu].fd < 0 && errno != ENOENT) die(name, strerror(errno));
        if (!files[cpu].buffer) die(name, "no memory");
    }
}

// "read() never waits, returns 0 when there is nothing, and may end within a record": its
// beginning goes to the front. Returns whether something came.
static int file_read(struct file* file) {
    const ssize_t got = read(file->fd, file->buffer + file->filled, READ_BYTES - file->filled);
    if (got < 0 && errno != EAGAIN && errno != EINTR) die("read a relay file", strerror(errno));
    if (got <= 0) return 0;
    file->filled += (size_t)got;
    const size_t taken = take_records(file->buffer, file->filled);
    file->filled -= taken;
    memmove(file->buffer, file->buffer + taken, file->filled);
    return 1;
}

static int relay_read(void) {
    const int ended = wait_for_records();  // before reading: what was accepted comes first
    int came = 0;
    for (uint32_t cpu = 0; cpu < channel.nr_cpus && cpu < MAX_CPUS; ++cpu)
        if (files[cpu].fd >= 0) came |= file_read(&files[cpu]);
    return came || !ended;
}

const struct transport by_relay = {"relay", relay_open, relay_read, stop, ledger, NULL};
