"""The public door of signals: what its specification promises to listeners, by its own samples, and what we add."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.signals import (
    Listener,
    Signal,
    SignalEmittedEvent,
    SignalName,
    SignalNameError,
    SignalRegistry,
    emit_signal,
    get_signal_registry,
)
from tests.support.sessions import PATIENCE_SECONDS, running, workspace_in


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    """Each test begins and ends with an empty registry, as each process does."""
    get_signal_registry().clear()
    yield
    get_signal_registry().clear()


# --- the samples of the specification, with the import changed


def test_emit_by_a_plug_in() -> None:
    heard: list[Signal] = []
    get_signal_registry().register("custom.acme_ready_for_export", heard.append)
    emit_signal(
        "custom.acme_ready_for_export",
        payload={"invoice_id": 12345, "amount": 500.00},
        context={"source": "custom_plugin"},
    )
    (signal,) = heard
    assert SignalEmittedEvent.from_signal(signal).to_dict() == {
        "type": "SIGNAL_EMITTED",
        "name": "custom.acme_ready_for_export",
        "payload": {"invoice_id": 12345, "amount": 500.00},
        "context": {"source": "custom_plugin"},
    }
    assert signal.to_dict() == {
        "name": "custom.acme_ready_for_export",
        "payload": {"invoice_id": 12345, "amount": 500.00},
        "context": {"source": "custom_plugin"},
    }


def test_listen_to_one_and_to_all(capsys: pytest.CaptureFixture[str]) -> None:
    registry = get_signal_registry()

    def on_turn_complete(signal: Signal) -> None:
        print(f"Turn {signal.context['turn_id']} complete!")

    def on_any_signal(signal: Signal) -> None:
        print(f"Signal: {signal.name}")

    registry.register("analytics.turn_metrics_updated", on_turn_complete)
    registry.register_all(on_any_signal)
    emit_signal(name="analytics.turn_metrics_updated", payload={"turn_id": 7}, context={"turn_id": 7})
    emit_signal("conversation.interrupted")
    assert capsys.readouterr().out.splitlines() == [
        "Signal: analytics.turn_metrics_updated",
        "Turn 7 complete!",
        "Signal: conversation.interrupted",
    ]


def test_filters_counts_and_the_call_by_registry() -> None:
    registry, seen = get_signal_registry(), []

    def only_analytics(signal: Signal) -> None:
        if "analytics" in signal.name:
            seen.append(signal.name)

    registry.register_all(only_analytics)
    registry.register("analytics.turn_metrics_updated", lambda sig: seen.append(sig.payload["turn_id"]))
    assert registry.get_listener_count("analytics.turn_metrics_updated") == 1
    registry.emit(Signal("custom.event", {}, {}))
    registry.emit(Signal("analytics.turn_metrics_updated", {"turn_id": 7}, {}))
    assert seen == ["analytics.turn_metrics_updated", 7]


def test_a_listener_that_raises_is_reported_and_the_others_hear(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Signal] = []

    def fails(signal: Signal) -> None:
        raise ValueError("no\x1b[2J room")

    get_signal_registry().register("custom.event", fails)
    get_signal_registry().register("custom.event", heard.append)
    emit_signal("custom.event", payload={}, context={})
    assert len(heard) == 1
    error = capsys.readouterr().err
    assert "A listener for custom.event failed" in error
    assert "\x1b" not in error


def test_a_thread_of_the_listener_s_own() -> None:
    exported, is_done = [], threading.Event()

    def _do_export(signal: Signal) -> None:
        exported.append(signal.name)
        is_done.set()

    def heavy_export(signal: Signal) -> None:
        threading.Thread(target=_do_export, args=(signal,), daemon=True).start()

    get_signal_registry().register("custom.event", heavy_export)
    emit_signal("custom.event")
    assert is_done.wait(PATIENCE_SECONDS)
    assert exported == ["custom.event"]


def test_names_as_constants() -> None:
    heard: list[Signal] = []
    get_signal_registry().register(SignalName.LLM_GENERATION_START, heard.append)
    emit_signal("llm.generation_start", payload={"model": "qwen2.5-3b", "backend": "local"})
    assert [signal.name for signal in heard] == ["llm.generation_start"] == [SignalName.LLM_GENERATION_START]


def test_it_works_where_nobody_listens() -> None:
    emit_signal("custom.event", payload={}, context={})
    assert get_signal_registry().get_listener_count() == 0


# --- who hears what, and in which order


def test_everything_first_then_patterns_then_names_each_in_order() -> None:
    registry, order = SignalRegistry(), []

    def named(name: str) -> Listener:
        return lambda signal: order.append(name)

    registry.register("llm.generation_start", named("name 1"))
    registry.register("llm.*", named("pattern"))
    registry.register_all(named("all 1"))
    registry.register("llm.generation_start", named("name 2"))
    registry.register("l.*", named("another domain"))
    registry.register_all(named("all 2"))
    registry.emit(Signal("llm.generation_start"))
    assert order == ["all 1", "all 2", "pattern", "name 1", "name 2"]
    assert registry.get_listener_count() == 6
    assert registry.get_listener_count("llm.*") == 1
    assert registry.get_listener_count("llm.generation_start") == 2
    order.clear()
    registry.emit(Signal("llm.generation_complete"))
    assert order == ["all 1", "all 2", "pattern"]


def test_who_is_forgotten_hears_no_more() -> None:
    registry = SignalRegistry()
    heard: list[Signal] = []
    for name in ("a.b", "a.*"):
        registry.register(name, heard.append)
    registry.register_all(heard.append)
    registry.unregister(heard.append)
    registry.unregister(print)
    registry.emit(Signal("a.b"))
    assert not heard
    assert registry.get_listener_count() == 0


@pytest.mark.parametrize(
    "name", ["", "event", "custom.", ".event", "custom event.x", "custom.\x1b[2J", "*.event", "c*", "a." + "b" * 200]
)
def test_what_is_no_name_is_refused_in_words(name: str) -> None:
    registry = SignalRegistry()
    with pytest.raises(SignalNameError, match="is no name of a signal"):
        registry.register(name, print)
    with pytest.raises(SignalNameError, match=r"<domain>\.<observation>"):
        registry.emit(Signal(name))
    with pytest.raises(ValueError, match="no name"):
        emit_signal(name)


def test_any_thread_may_register_and_emit() -> None:
    registry = SignalRegistry()
    heard: list[Signal] = []
    registry.register_all(heard.append)

    def work(number: int) -> None:
        for step in range(200):
            registry.register(f"custom.n{number}x{step}", print)
            registry.register(f"custom{number}.*", print)
            registry.emit(Signal("other.event"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 800
    assert registry.get_listener_count() == 1601


# --- listeners that are slow, and those that emit


def test_a_slow_listener_hears_apart_and_what_it_misses_is_counted() -> None:
    may_go_on, has_begun, is_told = threading.Event(), threading.Event(), threading.Event()
    dropped: list[int] = []

    def tell(listener: str, count: int) -> None:
        dropped.append(count)
        if sum(dropped) == 5:
            is_told.set()

    registry = SignalRegistry(on_dropped=tell, slow_seconds=0.0, queue_capacity=3)
    slow_heard: list[int] = []
    emitter = threading.get_ident()
    threads = set()

    def slow(signal: Signal) -> None:
        threads.add(threading.get_ident())
        slow_heard.append(signal.payload["number"])
        if threading.get_ident() != emitter:
            has_begun.set()
            may_go_on.wait(PATIENCE_SECONDS)

    quick: list[Signal] = []
    registry.register_all(quick.append, stays=True)
    registry.register("custom.event", slow)
    registry.emit(Signal("custom.event", {"number": 0}))
    registry.emit(Signal("custom.event", {"number": 1}))
    assert has_begun.wait(PATIENCE_SECONDS)
    for number in range(2, 10):
        registry.emit(Signal("custom.event", {"number": number}))
    assert len(quick) == 10
    assert registry.get_dropped_count(slow) == 5
    may_go_on.set()
    assert is_told.wait(PATIENCE_SECONDS)
    assert dropped == [1, 4], "the first at once, the rest once it has caught up"
    assert slow_heard[:2] == [0, 1]
    assert len(threads) == 2
    registry.clear()


def test_what_tells_of_dropped_signals_takes_no_place_of_others() -> None:
    may_hear, telling = threading.Semaphore(0), threading.Event()
    heard: list[str] = []
    registry = SignalRegistry(queue_capacity=20)

    def tell(listener: str, count: int) -> None:
        registry.emit(Signal("listener.dropped", {"signals": count}))

    def slow(signal: Signal) -> None:
        may_hear.acquire()
        heard.append(signal.name)
        telling.set()

    registry.on_dropped = tell
    registry.register_all(slow, apart=True)
    for _ in range(100):
        telling.clear()
        for _ in range(10):
            registry.emit(Signal("custom.event"))
        may_hear.release()
        assert telling.wait(PATIENCE_SECONDS)
    assert heard[-50:].count("custom.event") >= 45
    registry.clear()
    may_hear.release(100)


def test_a_listener_that_hangs_is_told_of() -> None:
    is_told, may_end = threading.Event(), threading.Event()
    registry = SignalRegistry(on_dropped=lambda listener, count: is_told.set(), queue_capacity=1)

    def hangs(signal: Signal) -> None:
        may_end.wait(PATIENCE_SECONDS)

    registry.register_all(hangs, apart=True)
    for _ in range(4):
        registry.emit(Signal("custom.event"))
    assert is_told.wait(PATIENCE_SECONDS)
    may_end.set()
    registry.clear()


def test_listeners_that_emit_what_they_hear_come_to_an_end() -> None:
    errors: list[Exception] = []
    registry = SignalRegistry(on_error=lambda listener, signal, error, failures: errors.append(error))
    heard = []

    def echo(signal: Signal) -> None:
        heard.append(signal)
        registry.emit(signal)

    registry.register("custom.event", echo)
    registry.emit(Signal("custom.event"))
    assert len(heard) == 8
    assert len(errors) == 1
    assert "listeners emit" in str(errors[0])


# --- beside a session


@pytest.mark.anyio
async def test_a_session_keeps_what_is_emitted_without_one(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await asyncio.to_thread(emit_signal, "custom.ready", {"what": object, "n": 1}, {"source": "plug-in"})
        heard = await watch.until("custom.ready")
        await session.store.flush_log()
        (kept,) = [each.signal for each in await session.store.signals(session.id) if each.signal.name == heard.name]
        assert kept.payload["n"] == 1
        assert kept.context["source"] == "plug-in"
        assert kept.context["session_id"] == session.id
        assert kept.timestamp > 0
    emit_signal("custom.ready")
    assert watch.names().count("custom.ready") == 1


@pytest.mark.anyio
async def test_a_session_tells_of_a_listener_that_fails_but_not_each_time(tmp_path: Path) -> None:
    def fails(signal: Signal) -> None:
        raise OSError("https://ada:hunter2@crm.test is away")

    async with running(workspace_in(tmp_path)) as (_, watch):
        get_signal_registry().register("custom.*", fails)
        for _ in range(25):
            emit_signal("custom.ready")
        await watch.until("listener.failed", 2)
        told = [signal.payload for signal in watch.heard if signal.name == "listener.failed"]
        assert [each["failures"] for each in told] == [1, 10]
        assert told[0]["signal"] == "custom.ready"
        assert "fails" in told[0]["listener"]
        assert "is away" in told[0]["error"]
        assert "hunter2" not in told[0]["error"]


def test_the_page_s_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
    example, *_ = re.findall(r"```python\n(from evolver_tui\.signals .*?)```", page, re.DOTALL)
    exec(example, {})
    assert get_signal_registry().get_listener_count() == 2
    get_signal_registry().register("custom.*", lambda signal: print(signal.payload["invoice_id"]))
    exec(example, {})
    assert capsys.readouterr().out == "12345\n"


def test_the_door_opens_neither_console_nor_database_nor_any_library() -> None:
    script = (
        "import sys, evolver_tui.signals\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(roots & {'textual', 'rich', 'sqlmodel', 'sqlalchemy', 'httpx', 'signalrcore', 'pydantic'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
