"""Listeners of the config beside real sessions: by name, each in a thread of its own, ended with the session."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from evolver_tui.core.errors import UnknownListener
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_filter import SignalFilter
from evolver_tui.engine.listeners import Listeners, NamedListener
from evolver_tui.engine.signals import SignalRegistry
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.signals import emit_signal
from tests.support.sessions import SUMMARIZE, running, send, workspace_in
from tests.support.webhook_receiver import PATIENCE_SECONDS, SECRET, Receiver, Reply

pytestmark = pytest.mark.anyio


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[Signal] = []
        self.closed: list[float] = []
        self.error: Exception | None = None

    def __call__(self, signal: Signal) -> None:
        self.heard.append(signal)
        if self.error is not None:
            raise self.error

    def close(self, seconds: float) -> None:
        """Remember that."""
        self.closed.append(seconds)


def named(name: str, ear: Ear, words: str = "") -> NamedListener:
    return NamedListener(name, ear, SignalFilter.of(words))


def webhook_of(url: str, words: str = "") -> str:
    return f'[listeners.ops]\nkind = "webhook"\nurl = "{url}"\nsecret_env = "OPS_SECRET"\nsignals = "{words}"\n'


# --- with a session


async def test_a_webhook_hears_a_session_to_its_end(tmp_path: Path) -> None:
    with Receiver() as receiver:
        place = workspace_in(tmp_path, webhook_of(receiver.url), {"OPS_SECRET": SECRET})
        async with running(place) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("review.requested")
        names = [delivery.event["name"] for delivery in receiver.deliveries]
        assert names == [*watch.names(), "analytics.session_summary", "session.ended"]
        assert {delivery.event["context"]["session_id"] for delivery in receiver.deliveries} == {session.id}
    assert not place.paths.undelivered.exists()


async def test_what_a_webhook_does_not_want_takes_no_place_in_its_queue(tmp_path: Path) -> None:
    ear = Ear()
    registry = SignalRegistry(queue_capacity=1)
    listeners = Listeners(registry, [named("narrow", ear, "custom.*")])
    listeners.open()
    for _ in range(100):
        registry.emit(Signal("llm.generation_start"))
    registry.emit(Signal("custom.ready"))
    await listeners.close()
    assert [signal.name for signal in ear.heard] == ["custom.ready"]
    assert registry.get_listener_count() == 0
    assert len(ear.closed) == 1


async def test_a_server_that_is_away_ends_no_session_and_loses_nothing(tmp_path: Path) -> None:
    with Receiver() as receiver:
        url = receiver.url
    place = workspace_in(tmp_path, webhook_of(url, "custom.*"), {"OPS_SECRET": SECRET})
    async with running(place):
        for number in range(20):
            emit_signal("custom.step", {"number": number})
    lines = (place.paths.undelivered / "ops.jsonl").read_text().splitlines()
    assert [json.loads(line)["signal"]["payload"]["number"] for line in lines] == list(range(20))


async def test_a_frozen_server_holds_no_end_up(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.then(Reply(before=lambda receiver: receiver.is_closing.wait(PATIENCE_SECONDS)))
        place = workspace_in(tmp_path, webhook_of(receiver.url, "custom.*"), {"OPS_SECRET": SECRET})
        async with running(place):
            emit_signal("custom.first")
            await asyncio.to_thread(receiver.wait_for, 1)
            emit_signal("custom.second")
        lines = (place.paths.undelivered / "ops.jsonl").read_text().splitlines()
    letters = [json.loads(line) for line in lines]
    assert [(each["signal"]["name"], each["reason"]) for each in letters] == [
        ("custom.first", "the session ended"), ("custom.second", "the session ended"),
    ]  # fmt: skip


async def test_what_is_told_of_a_listener_is_not_sent_to_it(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.then(Reply(400))
        place = workspace_in(tmp_path, webhook_of(receiver.url, ["custom.*", "listener.*"][1]), {"OPS_SECRET": SECRET})
        async with running(place) as (session, watch):
            session.listeners.send("ops", Signal("custom.wanted"))
            told = await watch.until("listener.undelivered")
            emit_signal("listener.failed", {"listener": "other"})
            await asyncio.to_thread(receiver.wait_for, 2)
    assert told.payload["listener"] == "ops"
    assert [each.event["name"] for each in receiver.deliveries] == ["custom.wanted", "listener.failed"]


# --- by name


async def test_a_signal_is_sent_to_one_listener_whatever_it_wants() -> None:
    one, other = Ear(), Ear()
    registry = SignalRegistry()
    listeners = Listeners(registry, [named("one", one, "llm.*"), named("other", other)])
    listeners.open()
    listeners.send("one", Signal("custom.alarm"))
    await listeners.close()
    assert [signal.name for signal in one.heard] == ["custom.alarm"]
    assert other.heard == []
    with pytest.raises(UnknownListener, match=r"no listener 'onne'\. Did you mean 'one'"):
        listeners.send("onne", Signal("custom.alarm"))
    with pytest.raises(UnknownListener, match="tables"):
        Listeners(registry, []).send("one", Signal("custom.alarm"))


async def test_a_listener_is_called_by_its_name_and_a_fault_that_comes_again_is_told_at_once() -> None:
    told: list[tuple[str, int]] = []
    registry = SignalRegistry(on_error=lambda name, signal, error, failures: told.append((name, failures)))
    ear = Ear()
    listeners = Listeners(registry, [named("disk", ear)])
    listeners.open()

    async def hear(count: int, error: Exception | None) -> None:
        ear.error = error
        for _ in range(count):
            registry.emit(Signal("custom.event"))
        await asyncio.to_thread(registry.finish, ear, PATIENCE_SECONDS)

    await hear(3, OSError("full"))
    await hear(1, None)
    await hear(1, OSError("full"))
    await hear(10, None)
    await hear(1, OSError("full"))
    await listeners.close()
    assert told == [("disk", 1), ("disk", 2), ("disk", 3), ("disk", 4), ("disk", 1)]


async def test_the_demo_tells_nobody(tmp_path: Path) -> None:
    with Receiver() as receiver:
        real = workspace_in(tmp_path, webhook_of(receiver.url), {"OPS_SECRET": SECRET})
        async with running(find_workspace(str(tmp_path), None, None, real.environ, is_demo=True)) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("review.requested")
            assert session.listeners.names == ()
            with pytest.raises(UnknownListener, match="the demo has none"):
                session.listeners.send("ops", Signal("custom.alarm"))
        assert receiver.deliveries == []


async def test_a_listener_that_cannot_be_closed_keeps_nobody_from_ending(tmp_path: Path) -> None:
    class Stubborn(Ear):
        def close(self, seconds: float) -> None:
            raise OSError("no")

    stubborn, quiet = Stubborn(), Ear()
    listeners = Listeners(SignalRegistry(), [named("stubborn", stubborn), named("quiet", quiet)])
    listeners.open()
    await listeners.close()
    assert len(quiet.closed) == 1
