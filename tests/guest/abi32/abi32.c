// SPDX-License-Identifier: MIT
/*
 * A 32-bit program that knows only the uapi headers: every ioctl, read and mmap there is, with the
 * synth source that it is told. Prints "ok" or the first thing that is wrong.
 *	statchan_abi32 SOURCE RECORDS
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/statchan.h>
#include <linux/statchan_synth.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef char pointers_have_32_bits[sizeof(void *) == 4 ? 1 : -1];

static int device;

static void fail(const char *what)
{
	struct statchan_error error = {.size = sizeof(error)};
	int number = errno;

	if (ioctl(device, STATCHAN_IOC_ERROR, &error)) error.text[0] = 0;
	printf("%s: %s: %s\n", what, strerror(number), error.text);
	exit(1);
}

static void check(int good, const char *what)
{
	if (good) return;
	printf("wrong: %s\n", what);
	exit(1);
}

static void *room(size_t bytes)
{
	void *memory = calloc(1, bytes);

	check(memory != NULL, "no memory");
	return memory;
}

static struct statchan_source_info find(const char *name)
{
	struct statchan_source_info info = {.size = sizeof(info)};

	snprintf(info.name, sizeof(info.name), "%s", name);
	if (ioctl(device, STATCHAN_IOC_SOURCE_INFO, &info)) fail("source info");
	check(!strcmp(info.name, name) && !strcmp(info.kind, "synth"), "source info");
	return info;
}

static struct statchan_schema *read_schema(const struct statchan_source_info *info)
{
	struct statchan_schema_req req = {.size = sizeof(req), .source = info->id};
	struct statchan_schema *schema;

	check(ioctl(device, STATCHAN_IOC_SCHEMA, &req) == -1 && errno == EMSGSIZE && req.len > 0,
	      "schema without room tells its size");
	schema = room((size_t)req.len);
	req.buf = (uintptr_t)schema;
	if (ioctl(device, STATCHAN_IOC_SCHEMA, &req)) fail("schema");
	check(schema->magic == STATCHAN_SCHEMA_MAGIC && schema->len == req.len, "schema head");
	check(schema->n_counters == info->n_counters && schema->hash == info->schema_hash,
	      "schema and source agree");
	return schema;
}

static void check_counters(const struct statchan_schema *schema,
			   const struct statchan_snapshot *image)
{
	const struct statchan_group *group = (const void *)(schema + 1);
	const struct statchan_field *field = (const void *)(group + schema->n_groups);
	const __u64 *value = (const void *)((const char *)image + image->head_len);
	__u64 index = 0;
	uint32_t g, i, f;

	for (g = 0; g < schema->n_groups; g++)
		for (i = 0; i < group[g].instances; i++)
			for (f = 0; f < group[g].n_fields; f++, index++) {
				int gauge = field[group[g].first_field + f].type == STATCHAN_GAUGE;

				check(value[index] ==
					      (gauge ? statchan_synth_gauge(image->generation, index)
						     : statchan_synth_counter(image->generation, index)),
				      "a counter");
			}
	check(index == schema->n_counters, "number of counters");
}

static void read_snapshot(const struct statchan_source_info *info,
			  const struct statchan_schema *schema)
{
	struct statchan_snapshot_req req = {.size = sizeof(req), .source = info->id};
	struct statchan_snapshot *image;
	char untouched = 7;

	req.buf = (uintptr_t)&untouched;
	req.len = 1;
	check(ioctl(device, STATCHAN_IOC_SNAPSHOT, &req) == -1 && errno == EMSGSIZE &&
		      untouched == 7,
	      "snapshot without room touches nothing");
	check(req.len == sizeof(*image) + 8 * info->n_counters, "size of the snapshot");
	image = room((size_t)req.len);
	req.buf = (uintptr_t)image;
	if (ioctl(device, STATCHAN_IOC_SNAPSHOT, &req)) fail("snapshot");
	check(image->magic == STATCHAN_SNAPSHOT_MAGIC && image->source == info->id &&
		      image->n_counters == info->n_counters && image->schema_hash == schema->hash &&
		      image->generation == req.generation,
	      "snapshot head");
	check_counters(schema, image);
	free(image);
}

static void emit(const char *name, unsigned n)
{
	struct statchan_source_req req = {.size = sizeof(req)};
	char params[32];

	snprintf(params, sizeof(params), "emit=%u", n);
	snprintf(req.name, sizeof(req.name), "%s", name);
	req.params = (uintptr_t)params;
	if (ioctl(device, STATCHAN_IOC_SOURCE_SET, &req)) fail("source set");
}

static uint64_t take_records(const char *bytes, uint64_t len, uint64_t seq)
{
	uint64_t at;

	for (at = 0; at < len; seq++) {
		const struct statchan_record *rec = (const void *)(bytes + at);

		check(rec->type == STATCHAN_RECORD_SAMPLE && rec->seq == seq && rec->cpu == 0,
		      "record head");
		check(statchan_synth_check(rec + 1, rec->len - (__u32)sizeof(*rec), rec->cpu,
					   rec->seq) == rec->len - sizeof(*rec),
		      "payload");
		at += (rec->len + STATCHAN_ALIGN - 1) / STATCHAN_ALIGN * STATCHAN_ALIGN;
	}
	return seq;
}

static void read_samples(const struct statchan_source_info *info, unsigned wanted)
{
	struct statchan_channel_req channel = {.size = sizeof(channel),
					       .source = info->id,
					       .transport = STATCHAN_T_IOCTL,
					       .kind = STATCHAN_CHANNEL_SAMPLES};
	struct statchan_read req = {.size = sizeof(req)};
	struct pollfd wait = {.fd = device, .events = POLLIN};
	char *bytes = room(65536);
	uint64_t seq = 0;

	if (ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &channel)) fail("channel open");
	check(channel.got.snaplen == STATCHAN_SNAPLEN_DEFAULT &&
		      channel.got.buffer_size == STATCHAN_BUFFER_DEFAULT &&
		      channel.got.timeout_ns == STATCHAN_TIMEOUT_DEFAULT,
	      "config in force");
	emit(info->name, wanted);
	while (seq < wanted) {
		check(poll(&wait, 1, 20000) == 1, "poll");
		req.buf = (uintptr_t)bytes;
		req.len = 65536;
		if (ioctl(device, STATCHAN_IOC_READ, &req)) fail("read");
		seq = take_records(bytes, req.len, seq);
	}
	free(bytes);
}

static void check_ledger(unsigned wanted)
{
	struct statchan_ledger *entries = room(64 * sizeof(*entries));
	struct statchan_ledger_req req = {
		.size = sizeof(req), .count = 64, .buf = (uintptr_t)entries};

	if (ioctl(device, STATCHAN_IOC_LEDGER, &req)) fail("ledger");
	check(entries[0].produced == wanted && entries[0].accepted == wanted &&
		      entries[0].consumed == wanted,
	      "ledger");
	free(entries);
}

/* ---- the other ways to read, each with a descriptor of its own ---- */

static struct statchan_channel_req open_channel(const struct statchan_source_info *info,
						uint32_t transport, uint32_t kind)
{
	struct statchan_channel_req channel = {.size = sizeof(channel),
					       .source = info->id,
					       .transport = transport,
					       .kind = kind,
					       .want = {.watermark_records = 1,
							.buffer_size = 65536,
							.subbufs = 2}};

	device = open("/dev/" STATCHAN_DEVICE, O_RDWR);
	if (device < 0) fail("open");
	if (ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &channel)) fail("channel open");
	return channel;
}

/* Offsets go beyond 32 bits */
static const void *map(uint64_t offset, uint64_t len, int prot)
{
	void *at = mmap(NULL, (size_t)len, prot, MAP_SHARED, device, (off_t)offset);

	if (at == MAP_FAILED) fail("mmap");
	return at;
}

static void follow(uint32_t id, const struct statchan_source_info *info)
{
	struct statchan_channel_run run = {.size = sizeof(run)};
	struct statchan_channel_req channel = {.size = sizeof(channel),
					       .source = info->id,
					       .transport = STATCHAN_T_IOCTL,
					       .kind = STATCHAN_CHANNEL_SAMPLES,
					       .follows = id};
	int first = device;

	device = open("/dev/" STATCHAN_DEVICE, O_RDWR);
	if (ioctl(device, STATCHAN_IOC_CHANNEL_OPEN, &channel)) fail("follow");
	if (ioctl(device, STATCHAN_IOC_CHANNEL_START, &run)) fail("start");
	if (ioctl(device, STATCHAN_IOC_CHANNEL_STOP, &run)) fail("stop");
	close(device);
	device = first;
}

static void map_ring(const struct statchan_source_info *info)
{
	struct statchan_channel_req channel =
		open_channel(info, STATCHAN_T_MMAP, STATCHAN_CHANNEL_SAMPLES);
	uint64_t page = channel.page_size, size = channel.got.buffer_size;
	const struct statchan_ring_producer *producer = map(page, page + 2 * size, PROT_READ);
	struct statchan_ring_consumer *consumer = (void *)map(0, page, PROT_READ | PROT_WRITE);
	const struct statchan_record *rec;

	emit(info->name, 3);
	rec = (const void *)((const char *)producer + page);
	check(producer->head >= 3 * sizeof(*rec) && producer->announced && producer->cpu == 0,
	      "producer page");
	take_records((const char *)rec, producer->head, rec->seq);
	consumer->pos = producer->head;
	follow(channel.id, info);
	check(producer->flags == STATCHAN_RING_EOS, "the end, since another followed");
	close(device);
}

static void map_snapshots(const struct statchan_source_info *info,
			  const struct statchan_schema *schema)
{
	struct statchan_snapshot_req req = {.size = sizeof(req), .flags = STATCHAN_GET_DIGEST};
	struct statchan_channel_req channel;
	const struct statchan_live *live;

	open_channel(info, STATCHAN_T_MMAP, STATCHAN_CHANNEL_SNAPSHOT);
	if (ioctl(device, STATCHAN_IOC_SNAPSHOT_MAP, &req)) fail("snapshot map");
	check(req.offset >= STATCHAN_MMAP_SNAPSHOT && req.digest, "answer of snapshot map");
	check_counters(schema, map(req.offset, req.len, PROT_READ));
	close(device);

	channel = open_channel(info, STATCHAN_T_MMAP, STATCHAN_CHANNEL_LIVE);
	live = map(STATCHAN_MMAP_LIVE, channel.map_len, PROT_READ);
	check(live->magic == STATCHAN_LIVE_MAGIC && live->seq && live->image_len == req.len,
	      "live control page");
	check(((const struct statchan_snapshot *)((const char *)live + live->image_offset[1]))
			      ->magic == STATCHAN_SNAPSHOT_MAGIC,
	      "live image");
	close(device);
}

static void read_by_read(const struct statchan_source_info *info,
			 const struct statchan_schema *schema)
{
	size_t len = sizeof(struct statchan_snapshot) + 8 * (size_t)info->n_counters;
	char *bytes = room(65536 > len ? 65536 : len);
	ssize_t got;

	open_channel(info, STATCHAN_T_READ, STATCHAN_CHANNEL_SNAPSHOT);
	check(pread(device, bytes, len, 0) == (ssize_t)len, "pread of a snapshot");
	check_counters(schema, (const void *)bytes);
	close(device);
	open_channel(info, STATCHAN_T_READ, STATCHAN_CHANNEL_SAMPLES);
	emit(info->name, 3);
	got = read(device, bytes, 65536);
	check(got > 0, "read of records");
	take_records(bytes, (uint64_t)got, ((const struct statchan_record *)bytes)->seq);
	close(device);
	free(bytes);
}

static void read_relay(const struct statchan_source_info *info)
{
	struct statchan_relay_state state = {.size = sizeof(state), .flags = STATCHAN_RELAY_FLUSH};
	struct statchan_channel_req channel =
		open_channel(info, STATCHAN_T_RELAY, STATCHAN_CHANNEL_SAMPLES);
	char path[STATCHAN_PATH_MAX + 8];
	char *bytes = room(65536);
	ssize_t got;
	int file;

	snprintf(path, sizeof(path), "%s/cpu0", channel.path);
	file = open(path, O_RDONLY);
	check(file >= 0, "relay file");
	emit(info->name, 3);
	got = read(file, bytes, 65536);
	check(got > 0, "read of a relay file");
	take_records(bytes, (uint64_t)got, ((const struct statchan_record *)bytes)->seq);
	if (ioctl(device, STATCHAN_IOC_RELAY_STATE, &state)) fail("relay state");
	check(state.subbufs == 2 && state.subbuf_size == 32768, "relay state");
	close(file);
	close(device);
	free(bytes);
}

static void look_around(const struct statchan_source_info *info)
{
	struct statchan_transport_info transport[16];
	struct statchan_transports transports = {
		.size = sizeof(transports), .count = 16, .buf = (uintptr_t)transport};
	struct statchan_source_next next = {.size = sizeof(next)};
	struct statchan_channel_info channel = {.size = sizeof(channel)};
	struct statchan_source_req req = {.size = sizeof(req)};
	struct statchan_calibrate step = {
		.size = sizeof(step), .step = STATCHAN_CAL_COPY, .iterations = 1, .bytes = 4096};

	if (ioctl(device, STATCHAN_IOC_TRANSPORTS, &transports)) fail("transports");
	check(transports.count >= 7 && !strcmp(transport[0].name, "ioctl"), "transports");
	if (ioctl(device, STATCHAN_IOC_SOURCE_NEXT, &next)) fail("source next");
	check(next.id == info->id, "source next");
	if (ioctl(device, STATCHAN_IOC_CHANNEL_NEXT, &channel)) fail("channel next");
	check(channel.source == info->id && channel.pid == (__u32)getpid(), "channel next");
	strcpy(req.name, "of32bits");
	strcpy(req.kind, "synth");
	if (ioctl(device, STATCHAN_IOC_SOURCE_ADD, &req)) fail("source add");
	check(req.id > info->id, "source add");
	if (ioctl(device, STATCHAN_IOC_SOURCE_DEL, &req)) fail("source del");
	step.buf = (uintptr_t)room(4096);
	if (ioctl(device, STATCHAN_IOC_CALIBRATE, &step)) fail("calibrate");
	check(step.iterations == 1 && step.ns, "calibrate");
	free((void *)(uintptr_t)step.buf);
}

int main(int argc, char **argv)
{
	struct statchan_version version = {.size = sizeof(version)};
	struct statchan_source_info info;
	struct statchan_schema *schema;

	check(argc == 3, "usage: statchan_abi32 SOURCE RECORDS");
	device = open("/dev/" STATCHAN_DEVICE, O_RDWR);
	if (device < 0) fail("open");
	if (ioctl(device, STATCHAN_IOC_VERSION, &version)) fail("version");
	check(version.abi == STATCHAN_ABI && version.nr_cpus > 0, "version");
	info = find(argv[1]);
	schema = read_schema(&info);
	read_snapshot(&info, schema);
	read_samples(&info, (unsigned)atoi(argv[2]));
	check_ledger((unsigned)atoi(argv[2]));
	look_around(&info);
	close(device);
	map_ring(&info);
	map_snapshots(&info, schema);
	read_by_read(&info, schema);
	read_relay(&info);
	free(schema);
	puts("ok");
	return 0;
}
