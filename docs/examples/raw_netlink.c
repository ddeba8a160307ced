// SPDX-License-Identifier: MIT
//
// statchan_raw_reader at the generic netlink family "statchan", by plain sockets. One socket has
// the channel and receives records, another asks, so that answers and records do not mix.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_reader.h"

enum { MESSAGE_BYTES = 128 * 1024 };  // larger than any, "64 KiB"

static const size_t attr_head = sizeof(struct nlattr);  // 4, and so is the alignment

static int asking = -1, receiving = -1;
static uint16_t family;
static uint32_t source_id, channel_id, group_id;
static char group_name[STATCHAN_NAME_MAX];
static int overrun, suspected;  // the end may have been among what the socket lost

// ---- attributes ----

struct attr {
    const unsigned char* data;  // NULL: not there
    size_t len;
};

static struct attr find_attr(struct attr in, int type) {
    while (in.len >= attr_head) {
        struct nlattr head;
        memcpy(&head, in.data, sizeof head);
        if (head.nla_len < attr_head || head.nla_len > in.len) break;
        if ((head.nla_type & NLA_TYPE_MASK) == type)
            return (struct attr){in.data + attr_head, head.nla_len - attr_head};
        const size_t step = (head.nla_len + attr_head - 1) & ~(attr_head - 1);
        in.data += step < in.len ? step : in.len;
        in.len -= step < in.len ? step : in.len;
    }
    return (struct attr){NULL, 0};
}

static uint64_t number(struct attr attr) {
    uint64_t u64 = 0;
    uint32_t u32 = 0;
    uint16_t u16 = 0;
    if (attr.data && attr.len == sizeof u64) return memcpy(&u64, attr.data, sizeof u64), u64;
    if (attr.data && attr.len == sizeof u32) return memcpy(&u32, attr.data, sizeof u32), u32;
    if (attr.data && attr.len == sizeof u16) return memcpy(&u16, attr.data, sizeof u16), u16;
    return 0;
}

// ---- requests ----

struct request {
    struct nlmsghdr head;
    struct genlmsghdr genl;
    unsigned char attrs[1024];
};

static struct request begin(uint16_t type, uint8_t command, uint16_t flags) {
    static uint32_t seq;
    return (struct request){.head = {.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
                                     .nlmsg_type = type,
                                     .nlmsg_flags = NLM_F_REQUEST | flags,
                                     .nlmsg_seq = ++seq},
                            .genl = {.cmd = command, .version = STATCHAN_GENL_VERSION}};
}

static void put(struct request* request, int type, const void* data, size_t len) {
    struct nlattr head = {.nla_len = (uint16_t)(attr_head + len), .nla_type = (uint16_t)type};
    unsigned char* at = (unsigned char*)request + request->head.nlmsg_len;
    memcpy(at, &head, sizeof head);
    memcpy(at + attr_head, data, len);
    request->head.nlmsg_len += (uint32_t)(attr_head + ((len + attr_head - 1) & ~(attr_head - 1)));
}

static void put_u32(struct request* request, int type, uint32_t value) {
    put(request, type, &value, sizeof value);
}

// "Generic netlink carries the same sentence as extended acknowledgment." "A dump that fails says
// so in NLMSG_DONE: its payload begins with the errno." @skip: what is between that and the
// sentence
static void check(struct attr payload, size_t skip, const char* what) {
    int error = 0;
    if (payload.len < sizeof error) die(what, "an answer that is too short");
    memcpy(&error, payload.data, sizeof error);
    if (error == 0) return;
    const size_t before = sizeof error + skip;
    if (payload.len > before) {
        const struct attr text = find_attr(
            (struct attr){payload.data + before, payload.len - before}, NLMSGERR_ATTR_MSG);
        if (text.data) die(what, (const char*)text.data);
    }
    die(what, strerror(-error));
}

// Sends a request and hands the attributes of each answer out, until the last.
static void ask(int fd, struct request* request, void (*answer)(struct attr), const char* what) {
    static uint64_t buffer[MESSAGE_BYTES / sizeof(uint64_t)];
    if (send(fd, request, request->head.nlmsg_len, 0) < 0) die(what, strerror(errno));
    for (;;) {
        const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got < 0) die(what, strerror(errno));
        const struct nlmsghdr* m = (const struct nlmsghdr*)buffer;
        for (size_t left = (size_t)got; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_seq != request->head.nlmsg_seq) continue;
            const struct attr payload = {NLMSG_DATA(m), m->nlmsg_len - (size_t)NLMSG_HDRLEN};
            const int last = m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE;
            if (last)  // NETLINK_CAP_ACK: of our request there is the head only
                check(payload, m->nlmsg_type == NLMSG_ERROR ? sizeof *m : 0, what);
            if (last) return;
            if (answer && payload.len >= GENL_HDRLEN)
                answer((struct attr){payload.data + GENL_HDRLEN, payload.len - GENL_HDRLEN});
        }
    }
}

// ---- opening ----

static void take_family(struct attr attrs) {
    family = (uint16_t)number(find_attr(attrs, CTRL_ATTR_FAMILY_ID));
    struct attr groups = find_attr(attrs, CTRL_ATTR_MCAST_GROUPS);
    for (int i = 1; i <= 64 && group_name[0]; ++i) {  // a nest of nests, numbered from 1
        const struct attr group = find_attr(groups, i);
        const struct attr name = find_attr(group, CTRL_ATTR_MCAST_GRP_NAME);
        if (name.data && strncmp((const char*)name.data, group_name, sizeof group_name) == 0)
            group_id = (uint32_t)number(find_attr(group, CTRL_ATTR_MCAST_GRP_ID));
    }
}

static int open_socket(void) {
    const int on = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (fd < 0) die("open a netlink socket", strerror(errno));
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return fd;
}

static void look_up_family(void) {
    struct request request = begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
    put(&request, CTRL_ATTR_FAMILY_NAME, STATCHAN_GENL_NAME, sizeof STATCHAN_GENL_NAME);
    ask(asking, &request, take_family, "look for the family " STATCHAN_GENL_NAME);
}

static void take_source(struct attr attrs) {
    source_id = (uint32_t)number(find_attr(attrs, STATCHAN_A_SOURCE));
}

static void open_source(const char* source) {
    asking = open_socket();
    look_up_family();
    struct request request = begin(family, STATCHAN_CMD_SOURCE_GET, NLM_F_ACK);
    put(&request, STATCHAN_A_NAME, source, strnlen(source, STATCHAN_NAME_MAX) + 1);
    ask(asking, &request, take_source, source);
}

static void take_channel(struct attr attrs) {
    const struct attr group = find_attr(attrs, STATCHAN_A_GROUP);
    channel_id = (uint32_t)number(find_attr(attrs, STATCHAN_A_CHANNEL));
    if (group.data && group.len <= sizeof group_name) memcpy(group_name, group.data, group.len);
}

static uint32_t read_ledger(struct statchan_ledger* entries);

// "STATCHAN_CMD_CHANNEL_OPEN on the socket that will join the multicast group named in the answer."
static void netlink_open(const struct options* options) {
    open_source(options->source);
    receiving = open_socket();
    if (options->buffer_size) {
        const int bytes = options->buffer_size < INT32_MAX ? (int)options->buffer_size : INT32_MAX;
        setsockopt(receiving, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    }
    struct request request = begin(family, STATCHAN_CMD_CHANNEL_OPEN, NLM_F_ACK);
    put_u32(&request, STATCHAN_A_SOURCE, source_id);
    if (options->buffer_size) {
        struct request nest = begin(0, 0, 0);
        put(&nest, STATCHAN_C_BUFFER_SIZE, &options->buffer_size, sizeof(uint64_t));
        put(&request, STATCHAN_A_CONFIG | NLA_F_NESTED, nest.attrs,
            nest.head.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
    }
    ask(receiving, &request, take_channel, "open a channel");
    look_up_family();
    if (setsockopt(receiving, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group_id, sizeof group_id) != 0)
        die("join the group", strerror(errno));
    // "who joins later than another begins where the others are"
    static struct statchan_ledger entries[MAX_CPUS];
    const uint32_t n = read_ledger(entries);
    for (uint32_t i = 0; i < n; ++i)
        books[entries[i].cpu].before = books[entries[i].cpu].position = entries[i].accepted;
}

// ---- ledger ----

static struct statchan_ledger *next_entry, *first_entry;
static int channel_ended;

static void take_entry(struct attr attrs) {
    const struct attr entry = find_attr(attrs, STATCHAN_A_LEDGER);
    if (entry.len < sizeof *next_entry || next_entry == first_entry + MAX_CPUS) return;
    memcpy(next_entry, entry.data, sizeof *next_entry);
    if (next_entry->cpu < MAX_CPUS) ++next_entry;
    channel_ended = (number(find_attr(attrs, STATCHAN_A_FLAGS)) & STATCHAN_CHAN_EOS) != 0;
}

// "dump: CHANNEL; a message per CPU: CHANNEL, FLAGS, CPU, LEDGER"
static uint32_t read_ledger(struct statchan_ledger* entries) {
    struct request request = begin(family, STATCHAN_CMD_LEDGER_GET, NLM_F_DUMP);
    put_u32(&request, STATCHAN_A_CHANNEL, channel_id);
    first_entry = next_entry = entries;
    ask(asking, &request, take_entry, "read the ledger");
    return (uint32_t)(next_entry - first_entry);
}

static void netlink_stop(void) {
    struct request request = begin(family, STATCHAN_CMD_CHANNEL_STOP, NLM_F_ACK);
    put_u32(&request, STATCHAN_A_CHANNEL, channel_id);
    ask(asking, &request, NULL, "stop the channel");
}

// ---- records ----

// "POSITION: sample records accepted on this CPU by this channel before this message; a step
// between messages is what the socket lost"
static void take_position(struct book* book, uint64_t position, uint64_t count) {
    if (book->read == 0 && position < book->before)  // was under way when we joined
        book->before = book->position = position;
    if (position > book->position) book->socket_lost += position - book->position;
    book->position = position + count;
}

// Returns 0 at the end of the stream.
static int take_message(struct attr attrs) {
    const struct attr data = find_attr(attrs, STATCHAN_A_DATA);
    const uint64_t cpu = number(find_attr(attrs, STATCHAN_A_CPU));
    // a group is given to another channel some day: what comes late is not ours
    if (number(find_attr(attrs, STATCHAN_A_CHANNEL)) != channel_id) return 1;
    if (data.data && cpu < MAX_CPUS) {
        take_position(&books[cpu], number(find_attr(attrs, STATCHAN_A_POSITION)),
                      number(find_attr(attrs, STATCHAN_A_COUNT)));
        take_records(data.data, data.len);
    }
    // "The last: CHANNEL, SOURCE, FLAGS with EOS"
    return !(number(find_attr(attrs, STATCHAN_A_FLAGS)) & STATCHAN_CHAN_EOS);
}

// What was accepted after the last message that came, the socket has lost, too.
static int finish(void) {
    static struct statchan_ledger entries[MAX_CPUS];
    const uint32_t n = read_ledger(entries);
    for (uint32_t i = 0; i < n; ++i) take_position(&books[entries[i].cpu], entries[i].accepted, 0);
    return 0;
}

// The socket is empty after an overrun, which may have taken the last message. "looks with
// STATCHAN_CMD_CHANNEL_GET whether the stream has ended" (or with LEDGER_GET, whose FLAGS are the
// same), and once more after a while, for what the kernel was still sending.
static int look_for_end(void) {
    static struct statchan_ledger entries[MAX_CPUS];
    if (suspected) return finish();
    read_ledger(entries);
    suspected = channel_ended;
    overrun = channel_ended;
    return 1;
}

static int netlink_read(void) {
    static uint64_t buffer[MESSAGE_BYTES / sizeof(uint64_t)];
    struct pollfd entry = {.fd = receiving, .events = POLLIN};
    const int ready = poll(&entry, 1, overrun ? 100 : -1);
    if (ready == 0) return look_for_end();
    const ssize_t got = recv(receiving, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == ENOBUFS) overrun = 1;
    if (got < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
        die("receive", strerror(errno));
    if (got < 0) return 1;
    const struct nlmsghdr* m = (const struct nlmsghdr*)buffer;
    for (size_t left = (size_t)got; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
        const size_t head = NLMSG_HDRLEN + GENL_HDRLEN;
        if (m->nlmsg_type != family || m->nlmsg_len < head) continue;
        const struct genlmsghdr* genl = NLMSG_DATA(m);
        const struct attr attrs = {(const unsigned char*)m + head, m->nlmsg_len - head};
        if (genl->cmd == STATCHAN_CMD_SAMPLES && !take_message(attrs)) return finish();
    }
    return 1;
}

// ---- snapshot ----

static unsigned char* image;
static size_t image_len;

// "Each message carries STATCHAN_A_OFFSET and STATCHAN_A_DATA"; "in the first LENGTH"
static void take_piece(struct attr attrs) {
    const struct attr data = find_attr(attrs, STATCHAN_A_DATA);
    const uint64_t offset = number(find_attr(attrs, STATCHAN_A_OFFSET));
    if (!image) {
        image_len = fits(number(find_attr(attrs, STATCHAN_A_LENGTH)));
        image = malloc(image_len);
    }
    if (!image || !data.data || offset > image_len || data.len > image_len - offset)
        die("snapshot", "no memory, or a piece that does not fit");
    memcpy(image + offset, data.data, data.len);
}

static void netlink_snapshot(const char* source) {
    open_source(source);
    struct request request = begin(family, STATCHAN_CMD_SNAPSHOT_GET, NLM_F_DUMP);
    put_u32(&request, STATCHAN_A_SOURCE, source_id);
    ask(asking, &request, take_piece, "take a snapshot");
    if (!image) die("snapshot", "none came");
    print_snapshot((const struct statchan_snapshot*)(const void*)image, image_len);
    free(image);
}

const struct transport by_netlink = {"netlink",    netlink_open, netlink_read,
                                     netlink_stop, read_ledger,  netlink_snapshot};
