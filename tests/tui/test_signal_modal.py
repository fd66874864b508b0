"""A signal of the feed, read in full: what it holds, and the way to those before and after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from textual.events import Key

from evolver_tui.core.signal import Signal
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.drawing.value_tree import Section
from evolver_tui.tui.modals import SignalModal
from evolver_tui.tui.screens.desk.actions.log import COPY_SIGNAL
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
    async with opened(SignalModal(Keymap(ACTIONS), signal, stay, now=host.clock), host, (120, 60)) as pilot:
        await pilot.pause()
        text = shown(host)
        for words in ("hub.ended", "level: x error", "task: task-18", "word end.", "source: link"):
            assert words in text
        rows = rows_of(text)
        (reason,) = (index for index, row in enumerate(rows) if row.startswith("▾ reason: word word"))
        assert rows.index("hub_url: http://h/x") > reason
        start = rows.index("▾ tasks:")
        assert rows[start : start + 6] == ["▾ tasks:", "▾ 0:", "id: t1", "tags: []", "▾ 1: two", "lines"]
        for words in ("retries: 0", "ok: true", "nothing: null", "share: 0.5"):
            assert words in rows
        await press(pilot, "escape")
    assert host.result is None


def rows_of(text: str) -> list[str]:
    return [row.strip(" │▁▂▃▄▅▆▇█") for row in text.splitlines()]


async def test_the_feeds_keys_step_to_older_and_newer_signals() -> None:
    host = Host()
    signals, beside = ladder(5)
    seen: list[Signal] = []
    modal = SignalModal(Keymap(ACTIONS), signals[3], beside, on_show=seen.append, now=host.clock)
    async with opened(modal, host, SMALL) as pilot:
        for key, number, keys in (
            ("k", 2, "k older · j newer"),
            ("k", 1, "k older · j newer"),
            ("g", 0, "oldest · j newer"),
            ("k", 0, "oldest · j newer"),
            ("j", 1, "k older · j newer"),
            ("G", 4, "k older · newest"),
            ("j", 4, "k older · newest"),
        ):
            await press(pilot, key)
            await pilot.pause()
            assert f"╭─ task.queued {number} ─" in shown(host), key
            assert f"n: {number}" in shown(host)
            assert f"{keys} · arrows move and fold · esc close" in shown(host), key
            assert seen[-1] is signals[number]
        await press(pilot, "escape")
    assert host.result is None


async def test_a_key_that_comes_before_there_is_anything_to_see_counts() -> None:
    host = Host()
    signals, beside = ladder(3)
    async with host.run_test(size=SMALL) as pilot:
        modal = SignalModal(Keymap(ACTIONS), signals[2], beside, now=host.clock)
        await host.push_screen(modal)  # mounted, and not drawn
        modal.on_key(Key("k", "k"))
        await pilot.pause()
        assert "task.queued 1 " in shown(host)


async def test_the_arrows_go_about_in_a_signal_and_fold_it() -> None:
    host = Host()
    signal = Signal("x.y", {"outer": {"inner": {"leaf": 1}, "other": 2}, "text": "a\nb"})
    copied: list[Any] = []
    modal = SignalModal(Keymap(ACTIONS), signal, stay, copy=copied.append, copies=COPY_SIGNAL, now=host.clock)
    async with opened(modal, host) as pilot:
        await pilot.pause()
        assert "leaf: 1" in shown(host)
        await press(pilot, "Y")
        assert copied[-1] == {"type": "SIGNAL_EMITTED", "name": "x.y", "payload": signal.payload, "context": {}}
        await press(pilot, "down", "down", "down", "down", "left")
        assert "▸ outer: 2 fields" in shown(host)
        assert "leaf" not in shown(host)
        await press(pilot, "Y")
        assert copied[-1] == signal.payload["outer"]
        await press(pilot, "right", "right", "Y")
        assert copied[-1] == {"leaf": 1}
        await press(pilot, "enter")
        assert "▸ inner: 1 field" in shown(host)
        await press(pilot, "left", "left", "left", "left")
        assert "▸ payload: 2 fields" in shown(host)
        await press(pilot, "enter", "pagedown", "Y")
        assert copied[-1] == "a\nb"
        await press(pilot, "escape")
    assert host.result is None


async def test_what_is_deep_wide_or_endless_opens_at_once_and_bit_by_bit() -> None:
    host = Host()
    nested: dict[str, Any] = {}
    nested["itself"] = nested
    deep: Any = "bottom"
    for level in range(100):
        deep = {f"level {level}": deep}
    wide = {f"key {number}": number for number in range(10_000)}
    signal = Signal("x", {"lines": "\n".join(map(str, range(2_000))), "endless": nested, "deep": deep, "wide": wide})
    modal = SignalModal(Keymap(ACTIONS), signal, stay, now=host.clock)
    async with opened(modal, host, SMALL) as pilot:
        await pilot.pause()
        assert len(modal.values._rows) < 600
        await press(pilot, "G")
        modal.values.move_bottom()
        assert "▸ wide: 10,000 fields" in [f"{row.lead.strip()} {row.name}: {row.text}" for row in modal.values._rows]
        modal.values.unfold()
        modal.values.move_bottom()
        await pilot.pause()
        assert "… 9,000 more" in shown(host)
        await press(pilot, "enter")
        assert "key 1000: 1000" in shown(host)
        modal.values.show([Section("deep", deep)])
        for _ in range(400):
            modal.values.unfold()
        await pilot.pause()
        assert "bottom" in shown(host)
        modal.values.show([Section("long", "x" * 1_000_000)])
        await pilot.pause()
        assert "xxx" in shown(host)
        await press(pilot, "escape")
