# SPDX-License-Identifier: MIT
"""Who may do what; network namespaces."""
import errno
import os

from family import NLM_F_DUMP, Family
from harness import (Failure, Reader, Source, channels, in_child, pieces, refused, same, test, true,
                     unshare_net, wait_until)


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
            unshare_net()
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
