"""A real Chromium without a window, driven over its debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 60.0
"""Only a hang takes so long."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """The path of the browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


class Page:
    """One page of a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._calls: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self.problems: list[str] = []
        """What the page's console told as an error: exceptions, and what its policy forbade."""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._connection:
            message = json.loads(text)
            if "id" in message:
                self._calls.pop(message["id"]).set_result(message)
                continue
            match message["method"], message["params"]:
                case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                    self.problems.append(json.dumps(details)[:2_000])
                case "Log.entryAdded", {"entry": {"level": "error", "text": words}}:
                    self.problems.append(words)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol; its result."""
        self._number += 1
        answer = self._calls[self._number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await answer
        assert "error" not in message, message
        return dict(message["result"])

    async def open(self, url: str) -> None:
        """Go there."""
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def value(self, expression: str) -> Any:
        """What an expression is in the page, as JSON has it."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until it is true there: the page itself looks, with each frame."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := await self.value(f"({expression}) || null")):  # noqa: ASYNC110 - asked from outside
                await asyncio.sleep(0.02)
        return found

    async def text(self, selector: str) -> str:
        """What a person reads there."""
        return str(await self.value(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, code: int, **more: Any) -> None:
        """Press and release one key."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code, **more}
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    async def click(self, selector: str) -> None:
        """Click in its middle, as a mouse does."""
        where = await self.value(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    async def picture(self) -> bytes:
        """What it looks like, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])


class Browser:
    """A running browser."""

    def __init__(self, port: int) -> None:
        self._port = port

    @asynccontextmanager
    async def page(self, url: str, *, dark: bool = False) -> AsyncIterator[Page]:
        """A page of its own, opened there."""
        target = await asyncio.to_thread(_new_target, self._port)
        async with connect(target, max_size=None, proxy=None) as connection:
            page = Page(connection)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            await page.call("Emulation.setEmulatedMedia", features=[scheme])
            await page.open(url)
            yield page
            page._reading.cancel()


def _new_target(port: int) -> str:
    import httpx

    reply = httpx.put(f"http://127.0.0.1:{port}/json/new?about:blank", timeout=PATIENCE_SECONDS, trust_env=False)
    return str(reply.json()["webSocketDebuggerUrl"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with a profile of its own, which goes with it."""
    program = find_chromium()
    folder = Path(tempfile.mkdtemp(prefix="chromium-"))
    command = [program, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}", "--disable-gpu"]
    command += ["--no-first-run", "--disable-dev-shm-usage", "--no-proxy-server", "--window-size=1280,860"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")
    process = await asyncio.to_thread(_start, [*command, "about:blank"])
    try:
        assert process.stderr is not None
        port = await asyncio.to_thread(_port_of, process)
        # Whoever reads no more of it holds the browser up.
        draining = asyncio.create_task(asyncio.to_thread(process.stderr.read))
        yield Browser(port)
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        await asyncio.gather(draining, return_exceptions=True)
        shutil.rmtree(folder, ignore_errors=True)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if b"DevTools listening on ws://" in line:
            return int(line.split(b"ws://", 1)[1].split(b"/", 1)[0].rsplit(b":", 1)[1])
    raise AssertionError("Chromium ended before it listened.")
