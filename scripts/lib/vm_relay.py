#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs QEMU and carries the bytes between its ports and this process's own streams.

The other end is scripts/lib/guest/stage2. Each port is one socket pair:

  ctl  lines both ways
  in   our standard input to the guest; we shut it down at end of file
  out  to our standard output, until the token has come
  err  to our standard error, until the token has come
  qmp  QEMU's own control socket
  tty  an interactive job's terminal (then in, out and err are not used)

What became of the guest goes as one line into the result file:

  exit STATUS   the job ended and everything it wrote has been delivered
  gone          QEMU ended before that (a panic, a power-off)
  timeout       the time limit passed; QEMU was ended
  broken        our reader closed standard output or standard error
  signal N      we were told to stop

QEMU never outlives this process, however it ends.
"""

import argparse
import contextlib
import fcntl
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import tty

CHUNK = 65536
ESCAPE = b"\x1d"  # Ctrl-], three times: ends the guest of an interactive job


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def held_back(data, token):
    """How many bytes at the end of data may be the beginning of the token."""
    for length in range(min(len(token) - 1, len(data)), 0, -1):
        if data.endswith(token[:length]):
            return length
    return 0


class Relay:
    def __init__(self, options):
        self.options = options
        self.token = options.token.encode()
        # a signal may come within get(): another queue's put() would wait for ever
        self.events = queue.SimpleQueue()
        self.sockets = {}
        self.qemu = None

    # --- QEMU

    def start_qemu(self, command):
        names = ["ctl", "qmp"] + (["tty"] if self.options.terminal else ["in", "out", "err"])
        theirs = []
        for name in names:
            ours, other = socket.socketpair()
            self.sockets[name] = ours
            theirs.append(other)
            command += ["-chardev", f"socket,id={name},fd={other.fileno()}"]
        self.qemu = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=os.environ | {"LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=self.options.qemu_log, stderr=subprocess.STDOUT,
            pass_fds=[s.fileno() for s in theirs], start_new_session=True)
        for other in theirs:
            other.close()

    def stop_qemu(self):
        self.qemu.kill()
        self.qemu.wait()

    # --- one thread per direction

    def thread(self, target, *arguments):
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def carry_output(self, name, fd):
        """Port to our stream, up to the token; the token itself is not delivered."""
        source, pending = self.sockets[name], b""
        while data := source.recv(CHUNK):
            pending += data
            end = pending.find(self.token)
            keep = held_back(pending, self.token) if end < 0 else len(pending) - end
            try:
                write_all(fd, pending[:len(pending) - keep])
            except OSError:
                self.events.put("broken")
                return
            if end >= 0:
                break
            pending = pending[len(pending) - keep:]
        self.events.put(f"end {name}")

    def carry_input(self, fd):
        sink = self.sockets["in"]
        try:
            while data := os.read(fd, CHUNK):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the guest is gone, or our input can not be read: the job sees its end

    def carry_keys(self, fd):
        sink, escapes = self.sockets["tty"], 0
        while data := os.read(fd, CHUNK):
            escapes = escapes + len(data) if data.strip(ESCAPE) == b"" else 0
            if escapes >= 3:
                self.events.put(f"signal {int(signal.SIGINT)}")
                return
            sink.sendall(data)

    def carry_screen(self, fd):
        while data := self.sockets["tty"].recv(CHUNK):
            write_all(fd, data)

    def read_control(self):
        with self.sockets["ctl"].makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                self.events.put(line.decode(errors="replace").strip())
        self.events.put("gone")

    # --- the whole

    def tell_window_size(self, *_):
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
        rows, columns = struct.unpack("HHHH", size)[:2]
        self.sockets["ctl"].sendall(b"winch %d %d\n" % (rows, columns))

    def start_streams(self):
        self.thread(self.read_control)
        if self.options.terminal:
            signal.signal(signal.SIGWINCH, self.tell_window_size)
            self.thread(self.carry_keys, 0)
            self.thread(self.carry_screen, 1)
            return set()
        self.thread(self.carry_output, "out", 1)
        self.thread(self.carry_output, "err", 2)
        if self.options.stdin:
            self.thread(self.carry_input, 0)
        return {"end out", "end err"}

    def wait(self, unfinished):
        """Until the job has ended and its streams have."""
        status, deadline = None, time.monotonic() + self.options.timeout
        while status is None or unfinished:
            try:
                event = self.events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.ask_for_a_dump()
                return "timeout"
            if event.startswith("exit "):
                status = event
            elif event.startswith("end "):
                unfinished.discard(event)
            elif event:
                return event
        self.wait_for_log()
        return status

    def wait_for_log(self):
        """The guest writes the token to its log last: the log is then complete."""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            with open(self.options.log, "rb") as log:
                if self.token in log.read():
                    return
            time.sleep(0.01)

    def ask_for_a_dump(self):
        """What hangs? The guest's process 1 logs it; if that hangs too, an NMI makes the
        kernel panic and show what every CPU does."""
        with contextlib.suppress(OSError):
            self.sockets["ctl"].sendall(b"dump\n")
            if not self.heard("dumped", 5):
                self.sockets["qmp"].sendall(
                    b'{"execute": "qmp_capabilities"} {"execute": "inject-nmi"}')
                self.heard("gone", 5)

    def heard(self, wanted, seconds):
        deadline = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while True:
                event = self.events.get(timeout=max(0.0, deadline - time.monotonic()))
                if event in (wanted, "gone"):
                    return True
        return False

    def run(self, command):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: self.events.put(f"signal {n}"))
        self.start_qemu(command)
        saved = termios.tcgetattr(0) if self.options.terminal else None
        try:
            if saved:
                tty.setraw(0)
            return self.wait(self.start_streams())
        finally:
            self.stop_qemu()
            if saved:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", required=True)
    parser.add_argument("--log", required=True, help="the guest's kernel log")
    parser.add_argument("--qemu-log", required=True, type=argparse.FileType("wb"))
    parser.add_argument("--result", required=True)
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    result = Relay(options).run(options.command)
    with open(options.result, "w", encoding="ascii") as file:
        file.write(result + "\n")
    sys.stdout = None
    os._exit(0)  # a thread may still block on a stream of ours


if __name__ == "__main__":
    main()
