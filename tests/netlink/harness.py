# SPDX-License-Identifier: MIT
"""What the wire tests share: checks, a source, a reader, the runner."""
import errno
import os
import struct
import time

from family import Family, NetlinkError

ONES = (1 << 64) - 1
HEAD = struct.Struct("=IIIIQQQQQQ")                # struct statchan_snapshot
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

    def accounted(self):
        return self.records + self.lost + self.overrun

    def drain(self, want=None, timeout=3.0):
        """Until so many records are accounted for, and all that is there by then; else until the
        end, or silence."""
        while not self.eos:
            if want is not None:
                timeout = 20 if self.accounted() < want else 0.001
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


def unshare_net():
    import ctypes
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        raise OSError(ctypes.get_errno(), "unshare")


def main(names):
    failed = 0
    chosen = [t for t in TESTS if not names or t.__name__ in names]
    unknown = set(names) - {t.__name__ for t in chosen}
    if unknown:
        print(f"no such test: {' '.join(sorted(unknown))}")
        return 2
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
