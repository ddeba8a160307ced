# SPDX-License-Identifier: MIT
"""Samples: channels, sharing, loss, the end."""
import errno
import os
import signal
import time

from family import Family
from harness import (ONES, Reader, Source, channels, ledger, refused, same, test, total, true,
                     wait_until)


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
            r.drain(n * os.cpu_count())
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
        r.drain(1000)
        same("received", (r.records, r.lost), (1000, 0))
        late = Reader(s)
        s.set("emit=10")
        late.drain(10)
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
        r.drain(10000)
        same("received and told", (r.records, r.lost),
             (entry["accepted"], entry["lost-ring-full"]))
        s.set("emit=10")
        r.drain(10010)
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
        quick.drain(5000)
        s.set("emit=10")
        slow.drain()
        quick.drain(5010)
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
                Reader(s).drain(timeout=100)
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
        r.drain(50)
        same("large", (r.records, r.lost), (50, 0))
        r.close()
        s.set("size=0")
        r = Reader(s, **{"watermark-records": 1, "timeout": ONES})
        s.set("emit=5")
        r.drain(5)
        same("one by one", (r.records, r.lost), (5, 0))
        r.close()


@test
def records_come_from_any_context():
    with Source("sw0", "run=0 cpus=0") as s:
        for context in "process", "softirq", "hardirq":
            r = Reader(s, rcvbuf=64 << 20)
            s.set(f"context={context} emit=3000")
            r.drain(3000 * os.cpu_count())
            same(context, r.records + r.lost, total(ledger(r.channel), "produced"))
            r.close()
