"""Listeners that come along, and those of other packages, beside real sessions."""

from __future__ import annotations

import json
import stat
import sys
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

from evolver_tui.adapters.listeners.installed import attach_installed
from evolver_tui.adapters.listeners.signal_file import SignalFile
from evolver_tui.core.signal import Signal
from evolver_tui.signals import SignalRegistry, emit_signal, get_signal_registry
from tests.support.sessions import SUMMARIZE, running, send, workspace_in

PACKAGE = Path(__file__).parents[1] / "support" / "listener_package"
pytestmark = pytest.mark.anyio


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What a file of signals holds."""
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def signal_file(path: Path, *, max_bytes: int = 1_000_000, keep: int = 5) -> SignalFile:
    """A file without a session."""
    return SignalFile(path, lambda: ["hunter2"], max_bytes=max_bytes, keep=keep)


# --- the file


async def test_a_session_writes_every_signal_to_the_file_to_its_last_one(tmp_path: Path) -> None:
    path = tmp_path / "signals.jsonl"
    place = workspace_in(tmp_path, f"[listeners.log]\nkind = 'file'\npath = {str(path)!r}\n")
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE)
        await watch.until("review.requested")
    told = lines_of(path)
    heard = [signal.name for signal in watch.heard]
    assert [each["name"] for each in told] == [*heard, "analytics.session_summary", "session.ended"]
    assert {each["type"] for each in told} == {"SIGNAL_EMITTED"}
    assert {each["context"]["session_id"] for each in told} == {session.id}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_config_says_which_signals_and_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    place = workspace_in(tmp_path, f'[listeners.log]\nkind = "file"\npath = "{tmp_path}/full"\nsignals = "custom.*"\n')
    async with running(place) as (_, watch):
        emit_signal("custom.ready")
        failed = await watch.until("listener.failed")
    assert (failed.payload["listener"], failed.payload["signal"]) == ("log", "custom.ready")
    assert "No space left" in failed.payload["error"]
    assert [signal.payload["failures"] for signal in watch.heard if signal.name == "listener.failed"] == [1]


def test_no_secret_stands_there(tmp_path: Path) -> None:
    file = signal_file(tmp_path / "s.jsonl")
    file(Signal("custom.tired", {"why": "hunter2 is wrong", "odd": "\x1b[2J\x7f\u202e"}, {"level": "error"}))
    (event,) = lines_of(tmp_path / "s.jsonl")
    assert event["name"] == "custom.tired"
    assert "hunter2" not in event["payload"]["why"]
    assert event["payload"]["odd"] == "\x1b[2J\x7f\u202e"
    assert (tmp_path / "s.jsonl").read_text().isprintable() is False  # the line's end
    assert (tmp_path / "s.jsonl").read_text().rstrip("\n").isprintable()


def test_a_file_that_grows_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    file = signal_file(path, max_bytes=250, keep=2)
    for number in range(12):
        file(Signal("custom.step", {"number": number}))
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["s.jsonl", "s.jsonl.1", "s.jsonl.2"]
    kept = [each["payload"]["number"] for name in reversed(names) for each in lines_of(tmp_path / name)]
    assert kept == list(range(kept[0], 12))
    assert len(kept) == 6 or kept[0] > 0
    assert all((tmp_path / name).stat().st_size <= 250 for name in names)


def test_a_file_that_is_moved_away_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    file = signal_file(path)
    file(Signal("custom.first"))
    path.rename(tmp_path / "moved")
    file(Signal("custom.second"))
    path.unlink()
    file(Signal("custom.third"))
    assert [each["name"] for each in lines_of(path)] == ["custom.third"]
    assert [each["name"] for each in lines_of(tmp_path / "moved")] == ["custom.first"]


# --- other packages


async def test_an_installed_package_listens_and_reacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = next(WheelBuilder(str(PACKAGE)).build(directory=str(tmp_path / "wheels"), versions=["standard"]))
    site = tmp_path / "site-packages"
    zipfile.ZipFile(built).extractall(site)
    monkeypatch.syspath_prepend(site)
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        told = await watch.until("custom.crm_told")
        assert told.payload == {"task_id": "task-1"}
        assert told.context["session_id"] == session.id
    get_signal_registry().clear()
    sys.modules.pop("crm_export")


def test_what_cannot_be_attached_is_told_and_the_others_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = SignalRegistry()
    points = [
        EntryPoint("absent", "no_such_module:listen", "evolver_tui.listeners"),
        EntryPoint("broken", "tests.engine.test_listeners:fails", "evolver_tui.listeners"),
        EntryPoint("good", "tests.engine.test_listeners:listens", "evolver_tui.listeners"),
    ]
    notices = attach_installed(registry, points)
    assert [notice.partition(" cannot")[0] for notice in notices] == [
        "The listener absent of the package no_such_module:listen",
        "The listener broken of the package tests.engine.test_listeners:fails",
    ]
    assert "OSError: no way" in notices[1]
    assert attach_installed(registry, points) == ()
    assert registry.get_listener_count("custom.*") == 1


def fails(registry: SignalRegistry) -> None:
    """A listener that cannot begin."""
    raise OSError("no way\x1b[2J")


def listens(registry: SignalRegistry) -> None:
    """One that can."""
    registry.register("custom.*", print)
