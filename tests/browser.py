"""Chromium without a window, driven over its own protocol; nothing beside Chromium is needed.

https://chromedevtools.github.io/devtools-protocol/, spoken over the pipe of
``--remote-debugging-pipe``: JSON messages that end with a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 30.0


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One Chromium with one page.

    Args:
        program: path of Chromium.
        profile: an empty folder for what it stores.
    """

    def __init__(self, program: str, profile: Path) -> None:
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()
        # the protocol wants file descriptors 3 and 4; the shell puts them there
        line = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
        flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe")
        quiet = (
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
        )
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", line, program, *flags, *quiet, "about:blank"],
            pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_child)
        os.close(from_child)
        self._rest = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def open(self, path: Path) -> float:
        """Open a file, wait until it is loaded, and return the seconds that took."""
        self.events.clear()
        start = time.perf_counter()
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())
        return time.perf_counter() - start

    def run(self, script: str) -> Any:
        """Run JavaScript, which may await, and return the value of its last expression."""
        answer = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until the JavaScript expression `condition` holds."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > until:
                raise AssertionError(f"never came true: {condition}")
            time.sleep(0.02)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Make the window `width` x `height` CSS pixels, narrow ones as on a phone."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )

    def press(self, key: str) -> None:
        """Press and release a key, such as ``Tab`` or ``ArrowRight``."""
        code = {"Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}[key]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Save what the window shows, or the whole page, as PNG."""
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def complaints(self) -> list[str]:
        """Return what the page asked from a network or reported as an error since `open`."""
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                url = params["request"]["url"]
                found += [url] if not url.startswith(("file:", "data:", "blob:")) else []
            elif event["method"] == "Runtime.exceptionThrown" or (
                event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error"
            ):
                found.append(json.dumps(params))
        return found

    def close(self) -> None:
        """End Chromium."""
        os.write(self._out, b'{"id": 0, "method": "Browser.close"}\0')
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]  # type: ignore[no-any-return]
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise AssertionError("Chromium is silent")
            data = os.read(self._in, 1 << 20)
            if not data:
                raise AssertionError("Chromium has ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)  # type: ignore[no-any-return]
