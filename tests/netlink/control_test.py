# SPDX-License-Identifier: MIT
"""The family: requests, their checks, their errors, events."""
import errno

from family import NLM_F_DUMP, NLMSG_ERROR, SPEC, Family, messages, nla
from harness import Source, refused, same, test, true


@test
def version_and_transports():
    with Family() as f:
        same("abi", f.do("version-get")[0]["abi"], 1)
        found = {t["name"]: t["caps"] for t in f.dump("transport-get")}
        same("transports", sorted(found), ["bpf", "ioctl", "mmap", "netlink", "procfs", "read", "relay"])


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
