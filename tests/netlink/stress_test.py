# SPDX-License-Identifier: MIT
"""Opens, closes, dumps, kills and vanishing sources at once."""
import errno
import os
import random
import signal
import time

from family import NLM_F_DUMP, Family, NetlinkError
from harness import channels, test, true, wait_until


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
