"""The feed beyond what it keeps: it reads the session's log page by page, while keys and following go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import StoreError
from evolver_tui.core.signal import Signal
from evolver_tui.engine.signal_log import StoredSignal
from evolver_tui.signals import emit_signal
from evolver_tui.tui.modals import SignalModal
from evolver_tui.tui.screens.desk.panes import log_window, signal_feed
from evolver_tui.tui.screens.desk.panes.signal_feed import SignalFeed
from tests.support.desk_fixtures import Console, console
from tests.support.sessions import SUMMARIZE

pytestmark = pytest.mark.anyio

MANY = 1_300


@pytest.fixture(autouse=True)
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes thousands of signals takes hundreds here."""
    monkeypatch.setattr(signal_feed, "CAPACITY", 100)
    monkeypatch.setattr(signal_feed, "MOST_HELD", 200)
    monkeypatch.setattr(signal_feed, "NEAR_EDGE", 40)
    monkeypatch.setattr(log_window, "PAGE", 100)
    monkeypatch.setattr(log_window, "MOST_ROWS", 300)


def tell(first: int, end: int, name: str = "custom.step") -> None:
    for number in range(first, end):
        emit_signal(name, {"n": number})


def feed_of(desk: Console) -> SignalFeed:
    desk.app.screen.set_focus(desk.desk.feed)
    return desk.desk.feed


def in_sight(feed: SignalFeed) -> list[int]:
    """The numbers in the rows in sight."""
    lines = [feed.render_line(y).text for y in range(feed.list_height)]
    return [int(line.rpartition("n=")[2]) for line in lines if "n=" in line]


async def come(desk: Console, last: int) -> None:
    """Wait until the feed knows a signal."""
    feed = desk.desk.feed
    await desk.until(lambda: feed._signals and feed._signals[-1].payload.get("n") == last, f"signal {last}")


async def idle(desk: Console) -> None:
    feed = desk.desk.feed
    await desk.until(lambda: not feed._is_reading and not feed._wants_to_read, "the log to be read")


async def test_from_the_first_signal_to_the_last_without_a_gap(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        tell(0, MANY)
        await come(desk, MANY - 1)
        feed = feed_of(desk)
        await desk.press("G", "pageup")
        await idle(desk)
        height = feed.list_height
        seen = set(in_sight(feed))
        for _ in range(MANY // (height - 1) + 5):
            before = in_sight(feed)
            await desk.press("pageup")
            await idle(desk)
            now = in_sight(feed)
            seen |= set(now)
            if now == before:
                break
            assert now == sorted(now)
            assert len(feed._shown) <= log_window.MOST_ROWS
        assert seen >= set(range(MANY - height))
        assert "session.started" in desk.text()

        await desk.press("g")
        await idle(desk)
        seen = set(in_sight(feed))
        for _ in range(2 * MANY // (height - 1)):
            await desk.press("pagedown")
            await idle(desk)
            seen |= set(in_sight(feed))
            if not feed.is_paused:
                break
        assert seen == set(range(MANY))
        assert "follow" in desk.text()


async def test_what_stood_in_sight_stands_there_when_the_log_is_read(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        tell(0, MANY)
        await come(desk, MANY - 1)
        feed = feed_of(desk)
        await desk.press("G", "k")
        before = in_sight(feed)
        tell(MANY, MANY + 500)
        await come(desk, MANY + 499)
        assert in_sight(feed) == before
        assert "500 newer" in feed._subtitle or "501 newer" in feed._subtitle
        for _ in range(12):
            await desk.press("pageup")
        await idle(desk)
        lowest = in_sight(feed)
        assert feed._pause is not None
        assert feed._pause.window is not None
        assert lowest == list(range(lowest[0], lowest[-1] + 1))
        assert lowest[-1] == before[-1] - 12 * (feed.list_height - 1)
        await desk.press("G")
        assert in_sight(feed)[-1] == MANY + 499


async def test_a_filter_finds_what_is_kept_no_longer(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        tell(0, 3, "custom.rare")
        tell(3, MANY)
        await come(desk, MANY - 1)
        feed = feed_of(desk)
        await desk.press("slash", *"custom.rare", "enter")
        assert "0 match" in feed._subtitle
        await desk.press("k")
        await desk.until(lambda: in_sight(feed) == [0, 1, 2], "the old ones")
        await idle(desk)
        assert "3 match · paused in the log" in feed._subtitle
        await desk.press("escape")
        await desk.until(lambda: feed.search == "" and in_sight(feed)[-1:] == [2], "them among their neighbours")


class SlowLog:
    """A session's log whose pages come when a test says so, or fail."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.error: StoreError | None = None
        self.pages = 0

    async def seq_of(self, session_id: str, signal: Signal) -> int:
        return int(await self._store.seq_of(session_id, signal))

    async def signals(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[StoredSignal]:
        return await self._page(lambda: self._store.signals(session_id, after, limit))

    async def signals_before(self, session_id: str, seq: int | None = None, limit: int = 0) -> Sequence[StoredSignal]:
        return await self._page(lambda: self._store.signals_before(session_id, seq, limit))

    async def _page(self, read: Callable[[], Any]) -> Sequence[StoredSignal]:
        self.pages += 1
        if self.error is not None:
            raise self.error
        page: Sequence[StoredSignal] = await read()
        return page


async def test_a_log_that_cannot_be_read_says_so_and_keys_go_on(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        tell(0, MANY)
        await come(desk, MANY - 1)
        feed = feed_of(desk)
        log: Any = SlowLog(desk.session.store)
        log.error = StoreError("The database is away.", "Wait.")
        feed.attach(log, desk.session.id)
        await desk.press("G", "g")
        await desk.until(lambda: "The database is away. Wait." in desk.notices, "a notice")
        await desk.until(lambda: not feed._is_reading)
        assert log.pages == 1
        await desk.press("G")
        assert in_sight(feed)[-1] == MANY - 1
        log.error = None
        await desk.press("g")
        await desk.until(lambda: in_sight(feed)[:1] == [0], "the beginning")


async def test_a_search_says_how_far_it_looked_and_can_be_left(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        tell(0, MANY)
        await come(desk, MANY - 1)
        feed = feed_of(desk)
        looks: list[str] = []
        show_state = feed._show_state

        def watched() -> None:
            show_state()
            if "looked at" in str(feed._subtitle):
                looks.append(str(feed._subtitle))
                feed.follow()

        feed._show_state = watched  # type: ignore[method-assign]
        await desk.press("slash", *"custom.nowhere", "enter", "k")
        await desk.until(lambda: looks, "a search")
        await desk.until(lambda: not feed._is_reading and not feed.is_paused, "its end")
        assert "looked at 100, to " in looks[0] or "looked at 200, to " in looks[0]


async def test_a_key_pauses_the_feed_and_lets_it_follow_again(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        tell(0, 50)
        await come(desk, 49)
        feed = feed_of(desk)
        await desk.press("f")
        assert "paused, G follows" in feed._subtitle
        tell(50, 70)
        await come(desk, 69)
        assert in_sight(feed)[-1] == 49
        assert "paused, 20 newer, G follows" in feed._subtitle
        await desk.until(lambda: " f follow" in desk.text(), "the key line")
        tell(70, 1_270)
        await come(desk, 1_269)
        assert in_sight(feed)[-1] == 49
        assert "paused, 1,220 newer, G follows" in feed._subtitle
        await desk.press("pagedown", "pagedown", "pagedown")
        await idle(desk)
        assert in_sight(feed)[-1] == 49 + 3 * (feed.list_height - 1)
        await desk.press("f")
        assert in_sight(feed)[-1] == 1_269
        assert str(feed._subtitle).endswith("follow")


async def test_the_dialog_goes_on_into_the_log_and_copies(tmp_path: Path) -> None:
    copied = tmp_path / "copied.txt"
    async with console(tmp_path, copy_file=copied) as desk:
        tell(0, MANY)
        await come(desk, MANY - 1)
        feed_of(desk)
        await desk.press("enter")
        await desk.until_open(SignalModal)
        modal = desk.app.screen
        assert isinstance(modal, SignalModal)
        tell(MANY, MANY + 400)
        await desk.press(*["k"] * 250)
        await desk.until(lambda: desk.desk.feed._place_of(modal.signal) > 0, "it among the rows")
        for _ in range(5):
            await desk.press(*["k"] * 50)
            await idle(desk)
        assert modal.signal.payload["n"] < MANY - 400
        await desk.press("Y")
        wanted = modal.signal.payload["n"]
        await desk.until(lambda: any("copied" in notice for notice in desk.notices), "a notice")
        if copied.exists():
            assert json.loads(copied.read_text())["payload"] == {"n": wanted}
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.desk and not desk.desk.feed.is_paused, "the feed follows")


async def test_secrets_are_not_copied(tmp_path: Path) -> None:
    async with console(tmp_path, copy_file=tmp_path / "copied.txt") as desk:
        value = await desk.session.without_secrets({"password": "hunter22", "n": 1})
        assert "hunter22" not in json.dumps(value)


async def test_the_signals_of_a_task_are_found_in_the_log(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(SUMMARIZE)
        await desk.until(lambda: desk.desk.context.selected is not None, "the task")
        tell(0, MANY)
        await come(desk, MANY - 1)
        await desk.press("s")
        feed = desk.desk.feed
        await desk.until(lambda: feed.lowest is not None, "its signals")
        await idle(desk)
        assert feed.search == "task:task-1"
        assert {signal.context["task_id"] for signal in feed._shown} == {"task-1"}
        assert feed._shown[0].name == "task.queued"
