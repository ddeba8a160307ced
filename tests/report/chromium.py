# SPDX-License-Identifier: MIT
"""A headless Chromium, told what to do over its debugging pipe: no port, no driver, no library."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


class Chromium:
    """One browser with one page. Keeps what the page complained about and what it asked for."""

    def __init__(self, program="chromium"):
        if not shutil.which(program):
            raise RuntimeError(f"{program} is missing: run scripts/install-deps")
        self.home = tempfile.mkdtemp(prefix="statchan-chromium.")
        to_browser, commands = os.pipe()
        replies, from_browser = os.pipe()
        # The browser has its ends as descriptors 3 and 4.
        words = ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", program,
                 "--headless=new", "--disable-gpu", "--hide-scrollbars",
                 "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking",
                 "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={self.home}",
                 "about:blank"]
        if os.geteuid() == 0:
            words.insert(5, "--no-sandbox")  # its sandbox refuses root
        self.process = subprocess.Popen(words, pass_fds=(to_browser, from_browser),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.commands, self.replies = commands, replies
        self.buffer, self.number, self.session = b"", 0, None
        self.complaints, self.requests, self.loaded = [], [], False
        self._attach()

    def close(self):
        try:
            self.call("Browser.close", page=False)
        except (OSError, RuntimeError):
            self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.replies)
        shutil.rmtree(self.home, ignore_errors=True)

    def _attach(self):
        target = self.call("Target.createTarget", page=False, url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", page=False, targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0,
                  downloadThroughput=0, uploadThroughput=0)

    # ---- the pipe: JSON, each message ended by a zero byte

    def _receive(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.replies], [], [], left)[0]:
                raise RuntimeError("chromium did not answer in time")
            some = os.read(self.replies, 1 << 20)
            if not some:
                raise RuntimeError("chromium has gone")
            self.buffer += some
        message, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(message)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event, params):
        if event == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a)) for a in params["args"]))
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", str(details)))
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Page.loadEventFired":
            self.loaded = True

    def call(self, method, page=True, seconds=60, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if page and self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            reply = self._receive(deadline)
            if reply.get("id") != self.number:
                continue
            if "error" in reply:
                raise RuntimeError(f"{method}: {reply['error']['message']}")
            return reply["result"]

    # ---- what tests do

    def open(self, path, width=1280, height=900, dark=False):
        """Shows a file in a window of that size, and waits until it is there."""
        self.complaints, self.requests, self.loaded = [], [], False
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        deadline = time.monotonic() + 60
        while not self.loaded:
            self._receive(deadline)

    def evaluate(self, script):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def screenshot(self, path, whole=True):
        image = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **(
            {"clip": self._whole()} if whole else {}))
        with open(path, "wb") as file:
            file.write(base64.b64decode(image["data"]))

    def _whole(self):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def pdf(self, path):
        document = base64.b64decode(
            self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
        with open(path, "wb") as file:
            file.write(document)
        return document
