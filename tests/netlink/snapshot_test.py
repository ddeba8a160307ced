# SPDX-License-Identifier: MIT
"""Snapshots and schemas: dumps in pieces."""
import errno
import socket
import struct

from family import NLM_F_DUMP, NLMSG_DONE, SPEC, Family, messages
from harness import HEAD, ONES, Source, pieces, refused, same, test, true


@test
def a_snapshot_has_the_same_bytes_in_every_size_of_piece():
    with Source("sw0", "ports=512 fields=64 queues=8 qfields=4 run=0") as s:
        images = set()
        with Family() as f:
            first, image = pieces(f.dump("snapshot-get", source=s.id, flags=1))
            generation = first["generation"]
            true("digest", first["digest"])
            images.add(image)
        for receive in 200, 1000, 4096, 8192, 32768, 65536, 1 << 20, ONES:
            with Family(receive=min(receive, 1 << 20)) as f:
                got = list(f.dump("snapshot-get", source=s.id, generation=generation,
                                  length=receive))
                images.add(pieces(got)[1])
        with Family() as f:
            for length in 0, 1, 99:         # 72 + one value + NLMSG_DONE is 100
                refused(errno.EMSGSIZE, f.dump, "snapshot-get", source=s.id, length=length)
        same("different images", len(images), 1)
        head = HEAD.unpack_from(images.pop())
        same("magic, counters, generation", (head[0], head[4], head[5]),
             (0x50414e53, 512 * 64 + 512 * 8 * 4, generation))


@test
def pieces_can_be_received_in_place():
    """DATA is 8-aligned; all pieces but the first begin alike; DONE follows the last."""
    with Source("sw0", "ports=512 fields=64 run=0") as s, Family() as f:
        f.send("snapshot-get", NLM_F_DUMP, source=s.id, length=65536)
        prefixes, sizes, done = [], [], False
        while not done:
            data = f.recv()
            parts = list(messages(data))
            if parts[0][0] != NLMSG_DONE:
                body = parts[0][3]
                content = SPEC.decode(body[4:])["data"]
                prefixes.append(data.index(content))
                sizes.append(len(data))
            done = parts[-1][0] == NLMSG_DONE
        same("alignment", [p % 8 for p in prefixes], [0] * len(prefixes))
        same("prefixes", len(set(prefixes[1:])), 1)
        true(f"64 KiB pieces: {max(sizes)}", max(sizes) > 60000)


@test
def a_dump_ends_with_any_receive_buffer():
    with Source("sw0", "ports=64 fields=64 run=0") as s:
        for receive in 1, 16, 100, 1000:
            with Family() as f:
                f.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                f.sock.settimeout(10)
                f.send("snapshot-get", NLM_F_DUMP, source=s.id)
                for n in range(1000):
                    f.sock.recvmsg(receive)
                    f.sock.setblocking(False)
                    try:
                        f.sock.recv(1, socket.MSG_PEEK)
                    except BlockingIOError:
                        break
                    f.sock.setblocking(True)
                true("it ended", n < 999)


@test
def a_schema_describes_the_snapshot():
    with Source("sw0", "ports=3 fields=300 queues=2 qfields=500 run=0") as s, Family() as f:
        first, blob = pieces(f.dump("schema-get", source=s.id))
        magic, length, groups, fields, counters, digest = struct.unpack_from("=IIIIQQ", blob)
        same("head", (magic, length, groups, fields, counters),
             (0x4d484353, len(blob), 2, 800, 3 * 300 + 6 * 500))
        _, image = pieces(f.dump("snapshot-get", source=s.id))
        same("hash", HEAD.unpack_from(image)[6], digest)


@test
def closing_half_way_gives_the_snapshot_back():
    with Source("sw0", "ports=512 fields=64 run=0") as s:
        for _ in range(200):                       # there are 64 slots
            f = Family()
            f.send("snapshot-get", NLM_F_DUMP, source=s.id)
            f.recv()
            f.close()
        with Family() as f:
            pieces(f.dump("snapshot-get", source=s.id))


@test
def dumps_run_in_parallel_and_do_not_tear():
    with Source("sw0", "ports=512 fields=64 run=0") as s:
        socks = [Family() for _ in range(8)]
        generations = []
        dumps = [f.dump("snapshot-get", source=s.id) for f in socks]
        images = [b""] * 8
        while dumps:
            for i, d in enumerate(dumps):
                r = next(d, None)
                if r is None:
                    dumps[i] = None
                    continue
                same("offset", r["offset"], len(images[i]))
                images[i] += r["data"]
                if "length" in r:
                    generations.append(r["generation"])
            if not any(dumps):
                break
            dumps = [d or iter(()) for d in dumps]
        same("generations", len(set(generations)), 8)
        same("one image each", [HEAD.unpack_from(i)[5] for i in images], generations)
        for f in socks:
            f.close()


@test
def a_source_may_go_while_a_dump_runs():
    with Source("sw0", "ports=512 fields=64 run=0") as s, Family() as f:
        d = f.dump("snapshot-get", source=s.id)
        got = [next(d)]
        s.delete()
        first, image = pieces(got + list(d))
        same("whole", len(image), first["length"])
