"""A headless Chromium, driven through its own DevTools over a pipe."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Chromium:
    """A browser with one page open.

    Args:
        folder: Where it keeps its profile.
    """

    def __init__(self, folder: Path) -> None:
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None or os.name == "nt":
            pytest.skip("no Chromium is installed: apt-get install chromium")
        (their_in, self._out), (self._in, their_out) = os.pipe(), os.pipe()
        # DevTools reads from descriptor 3 and writes to descriptor 4.
        wire = f'exec "$@" 3<&{their_in} 4>&{their_out}'
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        options += [f"--user-data-dir={folder}", "--no-first-run", "--disable-background-networking", "about:blank"]
        command = ["bash", "-c", wire, "bash", program, *options]
        self._process = subprocess.Popen(
            command, pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(their_in)
        os.close(their_out)
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._rest = b""
        [target] = [one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One call of DevTools; events that come meanwhile are passed over."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                data = os.read(self._in, 1 << 20)
                assert data, "the browser is gone"
                self._rest += data
            line, _, self._rest = self._rest.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401  # JSON
        """What an expression, or the promise that it gives, comes to in the page."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def open(self, page: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Show a page in a window of this size, and wait until it is there."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=page.resolve().as_uri())
        ready = "document.readyState === 'complete' ? done(1) : addEventListener('load', () => done(1))"
        while self.evaluate("location.href") == "about:blank":
            pass
        self.evaluate(f"new Promise(done => {ready})")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the mouse."""
        for kind, (x, y), buttons in (
            ("mousePressed", start, 1),
            ("mouseMoved", end, 1),
            ("mouseReleased", end, 0),
        ):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def press(self, key: str) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path: Path, quality: int | None = None) -> Path:
        """A picture of the window, as PNG, or as JPEG of this quality."""
        kind: dict[str, object] = {"format": "png"} if quality is None else {"format": "jpeg", "quality": quality}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **kind)["data"]))
        return path

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
