/* SPDX-License-Identifier: MIT */
/*
 * The layout of <linux/statchan.h>, which programs of both sizes and the kernel must agree on.
 * Compiles as C89 and as C++, for -m64 and -m32; there is nothing to run. A line here changes
 * only if the ABI does: additions go to the end of a structure.
 */
#include <linux/statchan.h>
#include <stddef.h>

#define CHECK(name, condition) typedef char check_##name[(condition) ? 1 : -1]
#define SIZE(type, bytes) CHECK(type, sizeof(struct type) == (bytes) && (bytes) % 4 == 0)
#define FIELD(type, field, at) CHECK(type##_##field, offsetof(struct type, field) == (at))

SIZE(statchan_snapshot, 64);
FIELD(statchan_snapshot, magic, 0);
FIELD(statchan_snapshot, head_len, 4);
FIELD(statchan_snapshot, flags, 8);
FIELD(statchan_snapshot, source, 12);
FIELD(statchan_snapshot, n_counters, 16);
FIELD(statchan_snapshot, generation, 24);
FIELD(statchan_snapshot, schema_hash, 32);
FIELD(statchan_snapshot, begin_ns, 40);
FIELD(statchan_snapshot, end_ns, 48);
FIELD(statchan_snapshot, reserved, 56);

SIZE(statchan_schema, 32);
FIELD(statchan_schema, magic, 0);
FIELD(statchan_schema, len, 4);
FIELD(statchan_schema, n_groups, 8);
FIELD(statchan_schema, n_fields, 12);
FIELD(statchan_schema, n_counters, 16);
FIELD(statchan_schema, hash, 24);

SIZE(statchan_group, 48);
FIELD(statchan_group, name, 0);
FIELD(statchan_group, instances, 32);
FIELD(statchan_group, n_fields, 36);
FIELD(statchan_group, first_field, 40);
FIELD(statchan_group, first_counter, 44);

SIZE(statchan_field, 40);
FIELD(statchan_field, name, 0);
FIELD(statchan_field, type, 32);
FIELD(statchan_field, unit, 34);
FIELD(statchan_field, reserved, 36);

SIZE(statchan_record, 48);
FIELD(statchan_record, len, 0);
FIELD(statchan_record, type, 4);
FIELD(statchan_record, cpu, 6);
FIELD(statchan_record, seq, 8);
FIELD(statchan_record, time_ns, 16);
FIELD(statchan_record, orig_len, 24);
FIELD(statchan_record, ifindex, 28);
FIELD(statchan_record, rate, 32);
FIELD(statchan_record, flags, 36);
FIELD(statchan_record, protocol, 38);
FIELD(statchan_record, vlan_tci, 40);
FIELD(statchan_record, vlan_proto, 42);
FIELD(statchan_record, queue, 44);

SIZE(statchan_lost, 56);
FIELD(statchan_lost, len, 0);
FIELD(statchan_lost, type, 4);
FIELD(statchan_lost, cpu, 6);
FIELD(statchan_lost, first_seq, 8);
FIELD(statchan_lost, last_seq, 16);
FIELD(statchan_lost, count, 24);
FIELD(statchan_lost, first_ns, 32);
FIELD(statchan_lost, last_ns, 40);
FIELD(statchan_lost, reason, 48);
FIELD(statchan_lost, reserved, 52);

SIZE(statchan_ledger, 144);
FIELD(statchan_ledger, cpu, 0);
FIELD(statchan_ledger, reserved, 4);
FIELD(statchan_ledger, first_seq, 8);
FIELD(statchan_ledger, next_seq, 16);
FIELD(statchan_ledger, produced, 24);
FIELD(statchan_ledger, accepted, 32);
FIELD(statchan_ledger, filtered, 40);
FIELD(statchan_ledger, truncated, 48);
FIELD(statchan_ledger, wakeups, 56);
FIELD(statchan_ledger, consumed, 64);
FIELD(statchan_ledger, bytes, 72);
FIELD(statchan_ledger, lost, 80);

SIZE(statchan_ring_consumer, 8);
FIELD(statchan_ring_consumer, pos, 0);

SIZE(statchan_ring_producer, 48);
FIELD(statchan_ring_producer, head, 0);
FIELD(statchan_ring_producer, tail, 8);
FIELD(statchan_ring_producer, announced, 16);
FIELD(statchan_ring_producer, flags, 24);
FIELD(statchan_ring_producer, cpu, 28);
FIELD(statchan_ring_producer, evicting, 32);
FIELD(statchan_ring_producer, evicted, 40);

SIZE(statchan_bpf, 1336);
FIELD(statchan_bpf, key, 0);
FIELD(statchan_bpf, op, 8);
FIELD(statchan_bpf, answer, 12);
FIELD(statchan_bpf, cpu, 16);
FIELD(statchan_bpf, room, 20);
FIELD(statchan_bpf, slot, 24);
FIELD(statchan_bpf, reserved, 28);
FIELD(statchan_bpf, size, 32);
FIELD(statchan_bpf, head, 40);
FIELD(statchan_bpf, tail, 48);
FIELD(statchan_bpf, pad, 56);
FIELD(statchan_bpf, record, 64);

SIZE(statchan_live, 64);
FIELD(statchan_live, magic, 0);
FIELD(statchan_live, flags, 4);
FIELD(statchan_live, seq, 8);
FIELD(statchan_live, writing, 16);
FIELD(statchan_live, period_ns, 24);
FIELD(statchan_live, image_len, 32);
FIELD(statchan_live, image_offset, 40);
FIELD(statchan_live, errors, 56);

SIZE(statchan_transport_info, 40);
FIELD(statchan_transport_info, id, 0);
FIELD(statchan_transport_info, caps, 4);
FIELD(statchan_transport_info, name, 8);

SIZE(statchan_version, 16);
FIELD(statchan_version, size, 0);
FIELD(statchan_version, abi, 4);
FIELD(statchan_version, page_size, 8);
FIELD(statchan_version, nr_cpus, 12);

SIZE(statchan_transports, 16);
FIELD(statchan_transports, size, 0);
FIELD(statchan_transports, count, 4);
FIELD(statchan_transports, buf, 8);

SIZE(statchan_source_req, 80);
FIELD(statchan_source_req, size, 0);
FIELD(statchan_source_req, id, 4);
FIELD(statchan_source_req, name, 8);
FIELD(statchan_source_req, kind, 40);
FIELD(statchan_source_req, params, 72);

SIZE(statchan_source_info, 1144);
FIELD(statchan_source_info, size, 0);
FIELD(statchan_source_info, id, 4);
FIELD(statchan_source_info, name, 8);
FIELD(statchan_source_info, kind, 40);
FIELD(statchan_source_info, params, 72);
FIELD(statchan_source_info, n_counters, 1096);
FIELD(statchan_source_info, schema_hash, 1104);
FIELD(statchan_source_info, generation, 1112);
FIELD(statchan_source_info, observed, 1120);
FIELD(statchan_source_info, emitted, 1128);
FIELD(statchan_source_info, rate, 1136);
FIELD(statchan_source_info, channels, 1140);

SIZE(statchan_source_next, 8);
FIELD(statchan_source_next, size, 0);
FIELD(statchan_source_next, id, 4);

SIZE(statchan_schema_req, 24);
FIELD(statchan_schema_req, size, 0);
FIELD(statchan_schema_req, source, 4);
FIELD(statchan_schema_req, buf, 8);
FIELD(statchan_schema_req, len, 16);

SIZE(statchan_snapshot_req, 64);
FIELD(statchan_snapshot_req, size, 0);
FIELD(statchan_snapshot_req, source, 4);
FIELD(statchan_snapshot_req, flags, 8);
FIELD(statchan_snapshot_req, reserved, 12);
FIELD(statchan_snapshot_req, max_age_ns, 16);
FIELD(statchan_snapshot_req, generation, 24);
FIELD(statchan_snapshot_req, buf, 32);
FIELD(statchan_snapshot_req, len, 40);
FIELD(statchan_snapshot_req, digest, 48);
FIELD(statchan_snapshot_req, offset, 56);

SIZE(statchan_channel_config, 48);
FIELD(statchan_channel_config, rate, 0);
FIELD(statchan_channel_config, snaplen, 4);
FIELD(statchan_channel_config, watermark_records, 8);
FIELD(statchan_channel_config, watermark_bytes, 12);
FIELD(statchan_channel_config, timeout_ns, 16);
FIELD(statchan_channel_config, buffer_size, 24);
FIELD(statchan_channel_config, subbufs, 32);
FIELD(statchan_channel_config, mode, 36);
FIELD(statchan_channel_config, period_ns, 40);

SIZE(statchan_channel_req, 288);
FIELD(statchan_channel_req, size, 0);
FIELD(statchan_channel_req, source, 4);
FIELD(statchan_channel_req, transport, 8);
FIELD(statchan_channel_req, kind, 12);
FIELD(statchan_channel_req, want, 16);
FIELD(statchan_channel_req, got, 64);
FIELD(statchan_channel_req, id, 112);
FIELD(statchan_channel_req, page_size, 116);
FIELD(statchan_channel_req, nr_cpus, 120);
FIELD(statchan_channel_req, follows, 124);
FIELD(statchan_channel_req, ring_stride, 128);
FIELD(statchan_channel_req, map_len, 136);
FIELD(statchan_channel_req, path, 144);
FIELD(statchan_channel_req, key, 272);
FIELD(statchan_channel_req, step, 280);
FIELD(statchan_channel_req, flags, 284);

SIZE(statchan_channel_info, 128);
FIELD(statchan_channel_info, size, 0);
FIELD(statchan_channel_info, id, 4);
FIELD(statchan_channel_info, source, 8);
FIELD(statchan_channel_info, transport, 12);
FIELD(statchan_channel_info, kind, 16);
FIELD(statchan_channel_info, flags, 20);
FIELD(statchan_channel_info, pid, 24);
FIELD(statchan_channel_info, subscribers, 28);
FIELD(statchan_channel_info, want, 32);
FIELD(statchan_channel_info, got, 80);

SIZE(statchan_channel_run, 8);
FIELD(statchan_channel_run, size, 0);
FIELD(statchan_channel_run, reserved, 4);

SIZE(statchan_read, 32);
FIELD(statchan_read, size, 0);
FIELD(statchan_read, flags, 4);
FIELD(statchan_read, buf, 8);
FIELD(statchan_read, len, 16);
FIELD(statchan_read, records, 24);

SIZE(statchan_ledger_req, 24);
FIELD(statchan_ledger_req, size, 0);
FIELD(statchan_ledger_req, channel, 4);
FIELD(statchan_ledger_req, count, 8);
FIELD(statchan_ledger_req, flags, 12);
FIELD(statchan_ledger_req, buf, 16);

SIZE(statchan_relay_state, 48);
FIELD(statchan_relay_state, size, 0);
FIELD(statchan_relay_state, cpu, 4);
FIELD(statchan_relay_state, consume, 8);
FIELD(statchan_relay_state, produced, 16);
FIELD(statchan_relay_state, consumed, 24);
FIELD(statchan_relay_state, subbuf_size, 32);
FIELD(statchan_relay_state, subbufs, 36);
FIELD(statchan_relay_state, flags, 40);
FIELD(statchan_relay_state, filled, 44);

SIZE(statchan_calibrate, 48);
FIELD(statchan_calibrate, size, 0);
FIELD(statchan_calibrate, step, 4);
FIELD(statchan_calibrate, flags, 8);
FIELD(statchan_calibrate, reserved, 12);
FIELD(statchan_calibrate, iterations, 16);
FIELD(statchan_calibrate, bytes, 24);
FIELD(statchan_calibrate, buf, 32);
FIELD(statchan_calibrate, ns, 40);

SIZE(statchan_error, 204);
FIELD(statchan_error, size, 0);
FIELD(statchan_error, text, 4);
