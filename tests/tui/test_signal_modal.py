"""A signal of the feed, read in full: what it holds, and the way to those before and after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from textual.containers import VerticalScroll

from evolver_tui.core.signal import Signal
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.modals import SignalModal
from evolver_tui.tui.views import ACTIONS
from tests.support.modal_host import SMALL, Host, opened, press, shown, stay

pytestmark = pytest.mark.anyio


def ladder(number: int) -> tuple[Sequence[Signal], Callable[[Signal, int], Signal]]:
    """Signals, oldest first, and the way from one to another."""
    signals = [Signal(f"task.queued {index}", {"n": index}) for index in range(number)]

    def beside(signal: Signal, step: int) -> Signal:
        return signals[max(0, min(number - 1, signals.index(signal) + step))]

    return signals, beside


async def test_a_signal_is_read_in_full() -> None:
    host = Host()
    payload = {
        "hub_url": "http://h/x",
        "tasks": [{"id": "t1", "tags": []}, "two\nlines"],
        "retries": 0,
        "ok": True,
        "nothing": None,
        "share": 0.5,
        "reason": "word " * 60 + "end.",
    }
    signal = Signal("hub.ended", payload, {"level": "error", "task_id": "task-18", "source": "link"})
    async with opened(SignalModal(Keymap(ACTIONS), signal, stay, now=host.clock), host) as pilot:
        text = shown(host)
        await press(pilot, "pagedown")
        text += shown(host)
        rows_shown = [row.strip(" │▁▂▃▄▅▆▇█") for row in text.splitlines()]
        for words in ("hub.ended", "level  x error", "task   task-18", "word end.", "source: link"):
            assert words in text
        assert rows_shown.index("hub_url: http://h/x") > rows_shown.index(next(r for r in rows_shown if "reason:" in r))
        start = rows_shown.index("tasks:")
        assert rows_shown[start : start + 6] == ["tasks:", "-", "id: t1", "tags: []", "- two", "lines"]
        for words in ("retries: 0", "ok: true", "nothing: none", "share: 0.5"):
            assert words in rows_shown
        await press(pilot, "escape")
    assert host.result is None


async def test_the_feeds_keys_step_to_older_and_newer_signals() -> None:
    host = Host()
    signals, beside = ladder(5)
    modal = SignalModal(Keymap(ACTIONS), signals[3], beside, now=host.clock)
    async with opened(modal, host, SMALL) as pilot:
        for key, number, keys in (
            ("k", 2, "k older · j newer"),
            ("up", 1, "k older · j newer"),
            ("g", 0, "oldest · j newer"),
            ("k", 0, "oldest · j newer"),
            ("down", 1, "k older · j newer"),
            ("G", 4, "k older · newest"),
            ("j", 4, "k older · newest"),
        ):
            await press(pilot, key)
            await pilot.pause()
            assert f"╭─ task.queued {number} ─" in shown(host), key
            assert f"n: {number}" in shown(host)
            assert f"{keys} · esc close" in shown(host), key
        await press(pilot, "enter")
    assert host.result is None


async def test_a_long_signal_scrolls_and_an_endless_one_is_cut() -> None:
    host = Host()
    nested: dict[str, Any] = {}
    nested["itself"] = nested
    lines = "\n".join(f"line {number}" for number in range(100))
    signal = Signal("x", {"lines": lines, "a": nested, "b": ["y"] * 9_999})
    async with opened(SignalModal(Keymap(ACTIONS), signal, stay, now=host.clock), host, SMALL) as pilot:
        await pilot.pause()
        assert "scroll · esc close" in shown(host)
        seen = shown(host)
        for _ in range(8):
            await press(pilot, "pagedown")
            seen += shown(host)
        assert "line 0" in seen
        assert "line 99" in seen
        host.screen.query_one("#text", VerticalScroll).scroll_end(animate=False)
        await pilot.pause()
        assert "there is more; the log has all of it." in shown(host)
        await press(pilot, "escape")
