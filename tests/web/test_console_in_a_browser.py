"""`evolver-tui serve`: a console of one's own in each page, for whoever has the token."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from evolver_tui.core.signal_catalogue.inbox_signals import REVIEW_REQUESTED
from tests.support.chromium import Browser, Page, chromium
from tests.support.processes import run_command
from tests.support.served_console import ServedConsole, served_console
from tests.support.sessions import running, send, workspace_in
from tests.support.terminal import SECONDS_TO_LOOK

pytestmark = pytest.mark.anyio

NO_MESSAGES = (
    "", "{", "[" * 20_000, "[]", '["stdin"]', '["stdin", 7]', '["stdin", "\\ud800"]', '["shut down"]',
    '["resize", {"width": "x", "height": []}]', '["resize", {"width": -1e400, "height": 1e9}]',
)  # fmt: skip
TASK = {"taskId": "t1", "taskName": "Summarize the notes", "llmTaskType": "summarize", "content": "Notes."}


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A home with one draft that waits for a decision, and a hub that is not there."""
    place = workspace_in(tmp_path, '[hub]\nurl = "http://127.0.0.1:9/taskhub"\n')
    async with running(place) as (session, watch):
        await send(session, TASK)
        await watch.until(REVIEW_REQUESTED.name)
    return place.paths.config_file.parent.parent


@pytest.fixture
async def served(home: Path) -> AsyncIterator[ServedConsole]:
    async with served_console(home, "--no-worker") as server:
        yield server


def rows(home: Path, query: str) -> list[tuple[object, ...]]:
    """What the database of a home says."""
    (file,) = home.rglob("evolver.db")
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def environ_of(process: int) -> bytes:
    """What a process was started with."""
    return Path(f"/proc/{process}/environ").read_bytes()


def consoles_of(home: Path) -> Iterator[int]:
    """Processes of consoles that are open there."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"serve" not in words and f"--home={home}".encode() in words and b"evolver_tui" in words:
                yield int(place.name)


async def until_nothing_is_open(home: Path) -> None:
    async with asyncio.timeout(60):
        while list(consoles_of(home)):  # noqa: ASYNC110 - processes of another one tell nothing
            await asyncio.sleep(0.05)


async def test_a_terminal_shows_the_desk_takes_keys_and_another_size(served: ServedConsole) -> None:
    async with served.terminal() as page:
        await page.until(lambda text: "Summarize the notes" in text and "needs you 1" in text)
        await page.send("stdin", "?")
        await page.until(lambda text: "type to filter" in text)
        page.screen.resize(24, 80)
        await page.send("resize", {"width": 80, "height": 24})
        await page.until(lambda text: any("esc close" in row for row in text.split("\n")[20:]))
        await page.send("ping", "1")
        await page.until(lambda _: bool(page.texts))
        assert page.texts == [["pong", "1"]]


async def test_what_is_no_message_is_passed_over(served: ServedConsole) -> None:
    async with served.terminal() as page:
        await page.until(lambda text: "needs you 1" in text)
        for text in NO_MESSAGES:
            await page.socket.send(text)
        await page.send("resize", {"width": 120, "height": 40})
        await page.send("stdin", "?")
        await page.until(lambda text: "type to filter" in text)


async def test_nobody_comes_in_without_the_token_or_twice_by_one_ticket_or_from_another_site(
    served: ServedConsole,
) -> None:
    assert (await served.ask("/api/ticket", token="guessed")).status_code == 401
    assert (await served.ask("/api/ticket", Origin="https://evil.example")).status_code == 403
    assert (await served.ask("/api/ticket", "GET")).status_code == 405
    assert (await served.ask("/static/..%2f..%2fserver.py", "GET")).status_code == 404
    ticket = await served.ticket()
    for url, origin in (
        (served.terminal_url("guessed"), served.url),
        (served.terminal_url(ticket), "https://evil.example"),
    ):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with connect(url, proxy=None, origin=origin) as socket:  # type: ignore[arg-type]
                await socket.recv()
    async with connect(served.terminal_url(ticket), proxy=None) as socket:
        assert await socket.recv()
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with connect(served.terminal_url(ticket), proxy=None) as again:
                await again.recv()


async def test_token_can_be_set_and_is_not_handed_on(home: Path) -> None:
    async with served_console(home, "--no-worker", EVOLVER_WEB_TOKEN="chosen by ada & co #1") as server:
        assert server.token == "chosen by ada & co #1"
        async with server.terminal() as page:
            await page.until(lambda text: "needs you 1" in text)
            for process in consoles_of(home):
                assert b"chosen by ada" not in environ_of(process)


async def test_a_page_that_goes_ends_its_console_in_order(served: ServedConsole, home: Path) -> None:
    async with served.terminal() as page:
        await page.until(lambda text: "needs you 1" in text)
        assert list(consoles_of(home))
    await until_nothing_is_open(home)
    assert rows(home, "SELECT count(*) FROM session WHERE ended_at IS NULL") == [(0,)]


async def test_consoles_are_ended_in_order_with_their_server(served: ServedConsole, home: Path) -> None:
    async with served.terminal() as page:
        await page.until(lambda text: "needs you 1" in text)
        assert await served.end() == 0
    await until_nothing_is_open(home)
    assert rows(home, "SELECT count(*) FROM session WHERE ended_at IS NULL") == [(0,)]


async def test_console_that_is_quit_ends_its_page(served: ServedConsole) -> None:
    async with served.terminal() as page:
        await page.until(lambda text: "needs you 1" in text)
        await page.send("stdin", "q")
        with pytest.raises(ConnectionClosed):
            await page.until(lambda _: False)


async def test_there_are_only_so_many(served: ServedConsole) -> None:
    async with contextlib.AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(served.terminal()) for _ in range(8)]
        for page in pages:
            await page.until(lambda text: "needs you" in text)
        refused = await served.ask("/api/ticket")
        assert refused.status_code == 503
        assert "8 consoles" in refused.json()["error"]


def test_token_that_no_browser_sends_is_refused(tmp_path: Path) -> None:
    done = run_command("serve", "--port", "0", home=tmp_path, EVOLVER_WEB_TOKEN="\x1b]0;x\x07é")
    assert done.returncode == 2
    assert "EVOLVER_WEB_TOKEN" in done.stderr
    assert "\x1b" not in done.stderr


def test_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_command("serve", "--port", str(taken.getsockname()[1]), home=tmp_path)
    assert done.returncode == 2
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


# --- a real browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


def size_of(process: int) -> os.terminal_size:
    """Of the terminal that a process stands in."""
    descriptor = os.open(f"/proc/{process}/fd/0", os.O_RDONLY | os.O_NOCTTY)
    try:
        return os.get_terminal_size(descriptor)
    finally:
        os.close(descriptor)


async def until_approved(page: Page, home: Path) -> None:
    """Go to the draft, look, and approve it; once more where the console was not as far yet."""
    async with asyncio.timeout(60):
        while not rows(home, "SELECT 1 FROM question WHERE answered_at IS NOT NULL"):
            await page.press("o", 79, text="o")
            await asyncio.sleep(SECONDS_TO_LOOK)
            await page.press("a", 65, text="a")
            await asyncio.sleep(SECONDS_TO_LOOK)


async def test_the_desk_is_used_by_keys_in_a_browser(served: ServedConsole, home: Path, browser: Browser) -> None:
    async with browser.page(served.address) as page:
        await page.until("document.body?.classList.contains('-first-byte') && document.querySelector('#over').hidden")
        assert await page.value("location.hash") == ""
        await until_approved(page, home)
        ((answer,),) = rows(home, "SELECT answer_json FROM question")
        assert re.search(r'"kind":\s*"approve"', str(answer))
        console = max(consoles_of(home))
        before = size_of(console)
        await page.call("Emulation.setDeviceMetricsOverride", width=700, height=420, deviceScaleFactor=1, mobile=False)
        async with asyncio.timeout(60):
            while size_of(console) == before:  # noqa: ASYNC110 - the page tells of it when it has
                await asyncio.sleep(0.05)
        assert size_of(console).columns < before.columns
        fits = "(() => { const box = document.querySelector('.xterm-screen').getBoundingClientRect();"
        fits += " return box.right <= innerWidth && box.bottom <= innerHeight; })()"
        assert await page.until(fits)
        await page.press("q", 81, text="q")
        await page.until("document.querySelector('#title').textContent === 'The console was closed'")
        await page.click("#go")
        await page.until("document.body?.classList.contains('-first-byte') && document.querySelector('#over').hidden")
        # xterm.js tells so of a key that is let go after the end.
        assert [problem for problem in page.problems if "WebSocket is already in CLOSING" not in problem] == []


async def test_a_page_without_the_token_asks_for_it(served: ServedConsole, browser: Browser) -> None:
    async with browser.page(served.url) as page:
        await page.until("document.activeElement.id === 'token'")
        assert "serve" in await page.text("#words")
        await page.type("guessed")
        await page.press("Enter", 13)
        await page.until(
            "document.activeElement.id === 'token' && document.querySelector('#token').value === 'guessed'"
        )
        await page.value("document.querySelector('#token').value = ''")
        await page.type(served.token)
        await page.press("Enter", 13)
        await page.until("document.body?.classList.contains('-first-byte')")
