#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the netlink front end and transport promise, seen on the wire.

For the lab: root, statchan and statchan_synth loaded. One test is one function.
    scripts/vm -- tests/netlink/run [NAME...]
"""
import errno
import os
import random
import signal
import socket
import struct
import sys
import time

from family import Family, NetlinkError, SPEC, messages, nla, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR

ONES = (1 << 64) - 1
HEAD = struct.Struct("=IIIIQQQQQQ")                # struct statchan_snapshot
RECORD = struct.Struct("=IHHQQIIIHHHHI")           # struct statchan_record
LOST = struct.Struct("=IHHQQQQQII")                # struct statchan_lost
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Failure(Exception):
    pass


def same(what, got, want):
    if got != want:
        raise Failure(f"{what}: got {got!r}, want {want!r}")


def true(what, condition):
    if not condition:
        raise Failure(what)


def refused(code, function, *args, **kwargs):
    """Runs it to its end; the NetlinkError it must fail with."""
    try:
        result = function(*args, **kwargs)
        if not isinstance(result, list):
            list(result)
    except NetlinkError as e:
        same(f"errno of '{e.text}'", errno.errorcode[e.errno], errno.errorcode[code])
        return e
    raise Failure(f"succeeded, want {errno.errorcode[code]}")


class Source:
    """A synth source for the time of a with."""

    def __init__(self, name, params="run=0"):
        self.name, self.params = name, params

    def __enter__(self):
        self.ctl = Family()
        self.id = self.ctl.do("source-add", name=self.name, kind="synth",
                              params=self.params)[0]["source"]
        return self

    def __exit__(self, *_):
        try:
            self.ctl.do("source-del", name=self.name)
        except NetlinkError:
            pass
        self.ctl.close()

    def set(self, params):
        self.ctl.do("source-set", name=self.name, params=params)

    def delete(self):
        self.ctl.do("source-del", name=self.name)


def pieces(replies):
    image, first = b"", None
    for r in replies:
        first = first or r
        same("offset", r["offset"], len(image))
        image += r["data"]
    same("length", len(image), first["length"])
    return first, image


def channels():
    with Family() as f:
        return {c["channel"]: c["channel-info"] for c in f.dump("channel-get")}


def ledger(channel):
    with Family() as f:
        return [m["ledger"] for m in f.dump("ledger-get", channel=channel)]


def total(entries, field):
    return sum(e[field] for e in entries)


def wait_until(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def in_child(function):
    """Runs it in a process of its own, which may give up rights and namespaces."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        text = b""
        try:
            function()
        except BaseException as e:                           # all of it goes to the parent
            text = f"{type(e).__name__}: {e}".encode()
        os.write(write, text)
        os._exit(0)
    os.close(write)
    text = b""
    while chunk := os.read(read, 65536):
        text += chunk
    os.close(read)
    os.waitpid(pid, 0)
    true(text.decode(), not text)


class Reader:
    """A subscriber that checks what it gets: positions, sequence, gaps."""

    def __init__(self, source, join=True, rcvbuf=None, **config):
        self.family = Family(rcvbuf=rcvbuf)
        self.answer = self.family.do("channel-open", source=source.id, config=config)[0]
        self.channel = self.answer["channel"]
        self.next_seq, self.next_position = {}, {}
        self.records = self.lost = self.overrun = self.overruns = self.messages = 0
        self.sum = 0
        self.eos = False
        if join:
            self.join()

    def join(self):
        self.family.join(self.answer["group"])

    def close(self):
        self.family.close()

    def _records(self, cpu, data):
        offset = 0
        while offset < len(data):
            size, kind, rcpu, seq = struct.unpack_from("=IHHQ", data, offset)
            same("cpu of the record", rcpu, cpu)
            true("seq grows", seq >= self.next_seq.get(cpu, 0))
            if kind == 1:
                self.next_seq[cpu] = seq + 1
                self.records += 1
                self.sum ^= hash(data[offset:offset + size])
            else:
                same("type", kind, 2)
                lost = LOST.unpack_from(data, offset)
                self.lost += lost[5]
            offset += (size + 7) & ~7
        same("records end with the data", offset, len(data))

    def take(self, message):
        op, attrs, payload = message
        if op != "samples":
            return
        same("channel", attrs["channel"], self.channel)
        if "flags" in attrs:
            same("flags", attrs["flags"], 1)
            self.eos = True
            return
        true("nothing after the end", not self.eos)
        self.messages += 1
        cpu, position = attrs["cpu"], attrs["position"]
        same("alignment of data", (payload.index(attrs["data"]) + 16) % 8, 0)
        want = self.next_position.get(cpu, position)
        true("position grows", position >= want)
        self.overrun += position - want
        before = self.records
        self._records(cpu, attrs["data"])
        same("count", self.records - before, attrs["count"])
        self.next_position[cpu] = position + attrs["count"]

    def drain(self, timeout=1.0):
        while not self.eos:
            try:
                got = self.family.notifications(timeout)
            except OSError as e:
                if e.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
                continue
            if not got:
                break
            for message in got:
                self.take(message)
        return self


# ---- control ----

@test
def version_and_transports():
    with Family() as f:
        same("abi", f.do("version-get")[0]["abi"], 1)
        found = {t["name"]: t["caps"] for t in f.dump("transport-get")}
        same("transports", sorted(found), ["ioctl", "mmap", "netlink", "relay"])


@test
def sources_come_and_go_with_events():
    with Family() as f, Family() as listener:
        listener.join("events")
        with Source("sw0", "ports=2 fields=3 queues=0 run=0") as s:
            one = f.do("source-get", source=s.id)[0]
            same("by name", f.do("source-get", name="sw0")[0]["source"], s.id)
            same("counters", one["source-info"]["n-counters"], 6)
            true("in the list", s.id in [r["source"] for r in f.dump("source-get")])
            s.set("size=64")
        seen = []
        while got := listener.notifications(0.5):
            seen += [(a["event"], a["name"]) for op, a, _ in got if op == "event"]
        same("events", seen, [(1, "sw0"), (3, "sw0"), (2, "sw0")])
        e = refused(errno.ENOENT, f.do, "source-get", name="sw0")
        true(f"the sentence names it: {e.text}", "sw0" in e.text)
        same("blamed attribute", e.offset, 20)


@test
def requests_are_checked_strictly():
    u32 = SPEC.encode({"source": 1})
    with Family() as f, Source("sw0") as s:
        e = refused(errno.EINVAL, f.do, "version-get", raw=u32)
        true("unknown attribute is named", e.text and e.offset == 20)
        e = refused(errno.EINVAL, f.do, "source-get", source=s.id, raw=nla(60, b"1234"))
        same("the second is blamed", e.offset, 28)
        refused(errno.EINVAL, f.do, "source-get", raw=nla(6, b"12345678"))
        refused(errno.EINVAL, f.do, "source-get", name=b"no end of string")
        refused(errno.EINVAL, f.do, "source-get", source=s.id, name="sw0")
        refused(errno.EINVAL, f.do, "source-set", name="sw0", kind="synth", params="size=1")
        e = refused(errno.EINVAL, f.do, "source-add", kind="synth")
        same("missing", e.missing, SPEC.ids["statchan"]["name"])
        true(f"missing in words: {e.text}", "STATCHAN_A_NAME" in e.text)
        refused(errno.EINVAL, f.do, "source-add", name="x" * 40, kind="synth")
        refused(errno.EINVAL, f.do, "channel-open", source=s.id, config=nla(40, b"1234"))
        refused(errno.EINVAL, f.do, "channel-open", source=s.id,
                raw=nla(SPEC.ids["statchan"]["config"], b""))     # not marked as nested
        refused(errno.EINVAL, f.dump, "snapshot-get", source=s.id, flags=0x80)
        refused(errno.EINVAL, f.dump, "snapshot-get", source=s.id, cpu=1)
        refused(errno.EINVAL, f.dump, "source-get", source=s.id)
        refused(errno.EOPNOTSUPP, f.do, "snapshot-get", source=s.id)
        refused(errno.EOPNOTSUPP, f.dump, "version-get")
        f.send_raw(f.id, SPEC.cmds["snapshot-get"], b"", NLM_F_DUMP | 0x1000)
        kinds = [k for k, *_ in messages(f.recv())]
        same("unknown flags of the header", kinds, [NLMSG_ERROR])


@test
def failed_dumps_tell_why():
    with Family() as f, Source("sw0") as s:
        for op in "snapshot-get", "schema-get":
            e = refused(errno.ENOENT, f.dump, op, source=s.id + 1000)
            true(f"sentence: {e.text}", str(s.id + 1000) in e.text)
            e = refused(errno.EINVAL, f.dump, op)
            true(f"sentence: {e.text}", "STATCHAN_A_SOURCE" in e.text)
        e = refused(errno.ESTALE, f.dump, "snapshot-get", source=s.id, generation=99)
        true(f"sentence: {e.text}", "sw0" in e.text and "99" in e.text)
        e = refused(errno.ENOENT, f.dump, "ledger-get", channel=4711)
        true(f"sentence: {e.text}", "4711" in e.text)
        list(f.dump("snapshot-get", source=s.id))            # the socket is still good


# ---- snapshots ----

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


# ---- samples ----

@test
def a_channel_reports_wanted_and_effective():
    with Source("sw0") as s:
        with Family() as f:
            a = f.do("channel-open", source=s.id,
                     config={"snaplen": 100, "buffer-size": 100000})[0]
            same("group", a["group"], "samples0")
            same("wanted", a["config"]["buffer-size"], 100000)
            same("wanted timeout", a["config"]["timeout"], 0)
            e = a["effective"]
            true("effective buffer", e["buffer-size"] >= 100000)
            same("effective", (e["snaplen"], e["timeout"], e["watermark-records"]),
                 (100, 10000000, 64))
            info = channels()[a["channel"]]
            same("info", (info["transport"], info["subscribers"], info["pid"]),
                 (2, 1, os.getpid()))
            same("info agrees", info["got-buffer-size"], e["buffer-size"])
            e = refused(errno.EALREADY, f.do, "channel-open", source=s.id,
                        config={"snaplen": 100, "buffer-size": 100000})
            true(f"sentence: {e.text}", str(a["channel"]) in e.text)
            f.do("channel-close", channel=a["channel"])
            same("closed", channels(), {})
            refused(errno.ENOENT, f.do, "channel-close", channel=a["channel"])


@test
def equal_settings_share_and_the_last_one_closes():
    with Source("sw0") as s:
        readers = [Reader(s, join=False) for _ in range(8)]
        other = Reader(s, join=False, snaplen=64)
        same("one channel", len({r.channel for r in readers}), 1)
        true("another", other.channel != readers[0].channel)
        same("groups", (readers[7].answer["group"], other.answer["group"]),
             ("samples0", "samples1"))
        same("subscribers", channels()[readers[0].channel]["subscribers"], 8)
        refused(errno.ENOENT, other.family.do, "channel-close", channel=readers[0].channel)
        for n in range(8):
            same("subscribers", channels()[readers[0].channel]["subscribers"], 8 - n)
            readers[n].close()
        same("left", list(channels()), [other.channel])
        again = Reader(s, join=False, snaplen=65)
        same("lowest free group", again.answer["group"], "samples0")
        again.close()
        other.close()


@test
def sixteen_groups_and_a_sentence():
    with Source("sw0") as s:
        readers = [Reader(s, join=False, snaplen=i + 1, **{"buffer-size": 4096})
                   for i in range(16)]
        e = refused(errno.ENOSPC, Reader, s, join=False, snaplen=17)
        true(f"sentence: {e.text}", "16" in e.text)
        for r in readers:
            r.close()
        same("all closed", channels(), {})


@test
def every_subscriber_gets_every_record():
    with Source("sw0", "cpus=0 size=200 run=0") as s:
        readers = [Reader(s, rcvbuf=64 << 20) for _ in range(8)]
        n = 20000
        s.set(f"emit={n}")
        for r in readers:
            r.drain()
        cpus = len(readers[0].next_seq)
        entries = ledger(readers[0].channel)
        same("produced", total(entries, "produced"), n * cpus)
        lost = total(entries, "lost-ring-full") + total(entries, "lost-no-memory")
        same("accepted", total(entries, "accepted"), n * cpus - lost)
        for r in readers:
            same("overruns", (r.overruns, r.overrun), (0, 0))
            same("received", r.records, total(entries, "accepted"))
            same("gaps told", r.lost, lost)
        same("the same records", len({r.sum for r in readers}), 1)
        same("overrun is not for the kernel to say",
             {e["lost-socket-overrun"] for e in entries}, {ONES})
        print(f"    {readers[0].messages} messages of "
              f"{readers[0].records / readers[0].messages:.0f} records, {lost} lost")
        for r in readers:
            r.close()


@test
def nothing_is_lost_between_open_and_join():
    with Source("sw0", "run=0") as s:
        r = Reader(s, join=False, rcvbuf=4 << 20)
        s.set("emit=1000")
        time.sleep(0.1)
        r.join()
        r.drain()
        same("received", (r.records, r.lost), (1000, 0))
        late = Reader(s)
        s.set("emit=10")
        late.drain()
        same("a late one begins later", (late.records, late.next_position), (10, {0: 1010}))
        r.close()
        late.close()


@test
def who_never_joins_loses_honestly():
    with Source("sw0", "run=0") as s:
        r = Reader(s, join=False, **{"buffer-size": 65536})
        s.set("emit=10000")
        entry = ledger(r.channel)[0]
        true("ring full", entry["lost-ring-full"] > 0)
        same("equation", entry["accepted"] + entry["lost-ring-full"], 10000)
        r.join()
        r.drain()
        same("received and told", (r.records, r.lost),
             (entry["accepted"], entry["lost-ring-full"]))
        s.set("emit=10")
        r.drain()
        same("goes on", r.records, entry["accepted"] + 10)
        r.close()


@test
def a_full_socket_says_so_and_positions_say_how_much():
    with Source("sw0", "size=500 run=0") as s:
        slow = Reader(s, rcvbuf=20000, snaplen=500)
        quick = Reader(s, rcvbuf=64 << 20, snaplen=500)
        same("shared", slow.channel, quick.channel)
        s.set("emit=5000")
        slow.drain()
        quick.drain()
        s.set("emit=10")
        slow.drain()
        quick.drain()
        true("ENOBUFS", slow.overruns > 0)
        accepted = total(ledger(slow.channel), "accepted")
        same("quick", (quick.records, quick.overruns), (accepted, 0))
        same("slow", slow.records + slow.overrun, accepted)
        true("it lost", slow.overrun > 0)
        slow.close()
        quick.close()


@test
def the_end_follows_the_records():
    with Source("sw0", "run=0") as s:
        readers = [Reader(s), Reader(s), Reader(s, join=False, snaplen=10)]
        s.set("emit=777")
        s.delete()
        same("flag", {c["flags"] for c in channels().values()}, {1})
        readers[2].join()                                    # after the end, and first there
        for r in readers:
            r.drain()
            same("records and end", (r.records, r.eos), (777, True))
            r.close()
        same("closed", channels(), {})


@test
def killing_the_reader_frees_its_channel():
    with Source("sw0", "pps=10000 run=1") as s:
        for _ in range(20):
            pid = os.fork()
            if not pid:
                Reader(s).drain(100)
                os._exit(0)
            wait_until("the channel opens", channels)
            time.sleep(0.02)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            same("closed", channels(), {})


@test
def small_messages_and_large_records():
    with Source("sw0", "size=65000 run=0") as s:
        r = Reader(s, rcvbuf=64 << 20, snaplen=32768, **{"buffer-size": 4 << 20})
        s.set("emit=50")
        r.drain()
        same("large", (r.records, r.lost), (50, 0))
        r.close()
        s.set("size=0")
        r = Reader(s, **{"watermark-records": 1, "timeout": ONES})
        s.set("emit=5")
        r.drain()
        same("one by one", (r.records, r.lost), (5, 0))
        r.close()


@test
def records_come_from_any_context():
    with Source("sw0", "run=0 cpus=0") as s:
        for context in "process", "softirq", "hardirq":
            r = Reader(s, rcvbuf=64 << 20)
            s.set(f"context={context} emit=3000")
            r.drain()
            same(context, r.records + r.lost, total(ledger(r.channel), "produced"))
            r.close()


def churn(seed, end):
    """One of many: opens, joins, reads, closes and dumps as chance has it."""
    rng = random.Random(seed)
    while time.monotonic() < end:
        try:
            with Family(rcvbuf=rng.choice((4096, 1 << 20))) as f:
                sources = [r["source"] for r in f.dump("source-get")]
                source = rng.choice(sources or [1])
                for _ in range(rng.randrange(4)):
                    a = f.do("channel-open", source=source, config={
                        "snaplen": rng.randrange(1, 4), "buffer-size": 8192})[0]
                    if rng.random() < 0.8:
                        f.join(a["group"])
                        f.notifications(0.01)
                    if rng.random() < 0.3:
                        f.do("channel-close", channel=a["channel"])
                    list(f.dump("ledger-get", channel=a["channel"]))
                f.send("snapshot-get", NLM_F_DUMP, source=source)
                f.recv()
        except (NetlinkError, OSError):
            pass                                   # what may fail is another test's matter


@test
def everything_at_once():
    end = time.monotonic() + 8
    children = []
    for seed in range(10):
        pid = os.fork()
        if not pid:
            try:
                churn(seed, end)
            finally:
                os._exit(0)
        children.append(pid)
    rng = random.Random(99)
    with Family() as f:
        while time.monotonic() < end:
            name = f"sw{rng.randrange(3)}"
            try:
                if rng.random() < 0.5:
                    f.do("source-add", name=name, kind="synth", params="pps=20000 cpus=0")
                else:
                    f.do("source-del", name=name)
            except NetlinkError as e:
                true(f"{e}", e.errno in (errno.EEXIST, errno.ENOENT))
            if rng.random() < 0.2 and children:
                os.kill(children[0], signal.SIGKILL)
                os.waitpid(children.pop(0), 0)
            time.sleep(rng.random() / 10)
        for pid in children:
            os.waitpid(pid, 0)
        wait_until("all channels are closed", lambda: not channels())
        for r in list(f.dump("source-get")):
            f.do("source-del", name=r["name"])


# ---- rights and namespaces ----

@test
def samples_and_changes_need_the_capability():
    with Source("sw0") as s:
        def unprivileged():
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            with Family() as f:
                for group in range(16):
                    try:
                        f.join(f"samples{group}")
                    except PermissionError:
                        continue
                    raise Failure(f"joined samples{group}")
                f.join("events")
                refused(errno.EPERM, f.do, "channel-open", source=s.id)
                refused(errno.EPERM, f.do, "source-add", name="x", kind="synth")
                refused(errno.EPERM, f.do, "source-set", name="sw0", params="size=1")
                refused(errno.EPERM, f.do, "source-del", name="sw0")
                pieces(f.dump("snapshot-get", source=s.id))
        in_child(unprivileged)


@test
def readers_without_rights_can_not_hold_all_snapshots():
    with Source("sw0", "ports=512 fields=64 run=0") as s:
        def unprivileged():
            os.setresuid(65534, 65534, 65534)
            socks = [Family() for _ in range(9)]
            for f in socks[:8]:
                f.send("snapshot-get", NLM_F_DUMP, source=s.id)
            e = refused(errno.EBUSY, socks[8].dump, "snapshot-get", source=s.id)
            true(f"sentence: {e.text}", "CAP_NET_ADMIN" in e.text)
            socks[0].close()
            pieces(socks[8].dump("snapshot-get", source=s.id))
            pieces(socks[8].dump("snapshot-get", source=s.id))
        in_child(unprivileged)


@test
def a_namespace_sees_its_own_and_takes_it_along():
    with Source("sw0") as s:
        def elsewhere():
            os.unshare(os.CLONE_NEWNET) if hasattr(os, "unshare") else unshare_net()
            with Family() as f:
                same("none here", list(f.dump("source-get")), [])
                refused(errno.ENOENT, f.dump, "snapshot-get", source=s.id)
                refused(errno.ENOENT, f.do, "channel-open", source=s.id)
                same("no channels", list(f.dump("channel-get")), [])
                inner = f.do("source-add", name="sw0", kind="synth", params="pps=1000")
                a = f.do("channel-open", source=inner[0]["source"])[0]
                same("first group of this namespace", a["group"], "samples0")
                f.join(a["group"])
                true("samples", f.notifications(5))
        r = Reader(s, join=False)
        in_child(elsewhere)
        r.close()
        with Family() as f:
            same("one left", [x["source"] for x in f.dump("source-get")], [s.id])
        wait_until("its channel is gone", lambda: not channels())


def unshare_net():
    import ctypes
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        raise OSError(ctypes.get_errno(), "unshare")


def main(names):
    failed = 0
    chosen = [t for t in TESTS if not names or t.__name__ in names]
    for t in chosen:
        begin = time.monotonic()
        try:
            t()
            verdict = "ok  "
        except Exception as e:                               # a test that breaks has failed
            failed += 1
            verdict = f"FAIL {type(e).__name__}: {e}\n    "
        print(f"{verdict} {t.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
