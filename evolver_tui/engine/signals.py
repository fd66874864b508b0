"""The one way anything is observed: a bus that carries signals to the log and to whoever listens."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Unpack

from evolver_tui.core.address import show_addresses
from evolver_tui.core.failure_run import SOME_TIMES, FailureRun
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Observation, Signal, SignalContext, check_pattern, check_signal_name
from evolver_tui.core.signal_catalogue.listener_signals import (
    ABOUT_LISTENERS,
    LISTENER_DROPPED,
    LISTENER_FAILED,
    FailedListener,
)

Listener = Callable[[Signal], None]
Wanted = Callable[[Signal], bool]

SLOW_SECONDS: Final = 0.05
"""A listener that took so long over one signal hears all later ones in a thread of its own."""
QUEUE_CAPACITY: Final = 10_000
"""Signals that wait for a listener in a thread of its own; those beyond are dropped for it, and counted."""
MOST_NESTED: Final = 8
"""Listeners that emit may be heard by listeners that emit, so deep; deeper is a loop."""
_MOST_ERROR_CHARACTERS: Final = 200


def listener_name(listener: Listener) -> str:
    """What a listener is called in its source."""
    return str(getattr(listener, "__qualname__", type(listener).__qualname__))


def _print_error(listener: str, signal: Signal, error: Exception, failures: int) -> None:
    print(safe_text(f"A listener for {signal.name} failed: {show_addresses(repr(error))}"), file=sys.stderr)


def _print_dropped(listener: str, dropped: int) -> None:
    words = "a signal was" if dropped == 1 else f"{dropped:,} signals were"
    print(safe_text(f"The listener {listener} is too slow: {words} dropped for it."), file=sys.stderr)


class _Hearing:
    """One listener as it is called: in the emitter's thread, or by way of a queue from a thread of its own."""

    __slots__ = (
        "_failures", "_is_busy", "_is_over", "_news", "_queue", "_registry", "_told", "_wanted", "dropped", "hear",
        "hear_any", "listener", "name",
    )  # fmt: skip

    def __init__(
        self, listener: Listener, registry: SignalRegistry, *, stays: bool, name: str = "", wanted: Wanted | None = None
    ) -> None:
        self.listener = listener
        self.name = name or listener_name(listener)
        self.hear_any: Listener = listener if stays else self._hear
        """Calls the listener, or has it called; raises whatever it raises in the emitter's thread."""
        self.hear: Listener = self._hear_wanted if wanted is not None else self.hear_any
        """The same for a signal that it wants, and nothing for another."""
        self._wanted = wanted
        self._failures = FailureRun()
        self._registry = registry
        self._queue: deque[Signal] | None = None
        self._news = threading.Condition(threading.Lock())
        self.dropped = 0
        self._told = 0
        """How many of those were told of."""
        self._is_busy = False
        self._is_over = False

    def failed(self, signal: Signal, error: Exception) -> None:
        """Tell that it raised."""
        self._registry.on_error(self.name, signal, error, self._failures.failed())

    def _hear_wanted(self, signal: Signal) -> None:
        assert self._wanted is not None
        if self._wanted(signal):
            self.hear_any(signal)

    def _hear(self, signal: Signal) -> None:
        if self._queue is not None:
            self._put(signal)
            return
        began = time.perf_counter()
        try:
            self.listener(signal)
            self._failures.succeeded()
        finally:
            if time.perf_counter() - began >= self._registry.slow_seconds:
                self.move_off()

    def move_off(self) -> None:
        """From here on it is called in a thread of its own."""
        with self._news:
            if self._queue is not None or self._is_over:
                return
            self._queue = deque()
        threading.Thread(target=self._work, name="signal-listener", daemon=True).start()

    def end(self) -> None:
        """Call it no more; what waits for it is left."""
        with self._news:
            self._is_over = True
            self._news.notify_all()

    def finish(self, seconds: float) -> None:
        """Wait until it heard all that waits for it, for some seconds at most."""
        with self._news:
            self._news.wait_for(lambda: not (self._queue or self._is_busy), seconds)

    def _put(self, signal: Signal) -> None:
        with self._news:
            queue = self._queue
            assert queue is not None
            if len(queue) < self._registry.queue_capacity:
                queue.append(signal)
                self._news.notify_all()
                return
            self.dropped += 1
            if self.dropped not in SOME_TIMES:
                return  # else what tells of it would fill the queue
            untold = self._take_untold()
        self._registry.on_dropped(self.name, untold)

    def _take_untold(self) -> int:
        untold, self._told = self.dropped - self._told, self.dropped
        return untold

    def _work(self) -> None:
        queue, registry = self._queue, self._registry
        assert queue is not None
        while True:
            with self._news:
                self._is_busy = False
                self._news.notify_all()
                self._news.wait_for(lambda: queue or self._is_over)
                if self._is_over:
                    return
                signal = queue.popleft()
                self._is_busy = True
                untold = 0 if queue else self._take_untold()
            if untold:
                registry.on_dropped(self.name, untold)
            try:
                self.listener(signal)
                self._failures.succeeded()
            except Exception as error:  # noqa: BLE001 - whatever a listener does, it hears the next one
                self.failed(signal, error)


_Hearings = Mapping[str, tuple[_Hearing, ...]]
"""Who hears what; such a table is replaced and never changed."""


def _with(table: _Hearings, key: str, hearing: _Hearing) -> _Hearings:
    return {**table, key: (*table.get(key, ()), hearing)}


def _kept(table: _Hearings, is_kept: Callable[[_Hearing], bool]) -> _Hearings:
    kept = {key: tuple(filter(is_kept, hearings)) for key, hearings in table.items()}
    return {key: hearings for key, hearings in kept.items() if hearings}


class SignalRegistry:
    """Who listens to what.

    Delivery is synchronous: listeners for everything first, then those for a pattern, then those for the signal's own
    name, each in the order of registration. A listener that raises is reported and the others still hear the signal.
    One that is slow holds an emitter up once: afterwards it hears in a thread of its own, in order, and what comes too
    fast for it is dropped for it alone. Safe in any thread.

    Args:
        on_error: told of a listener that raised, by its name, and how often it did until it works again.
        on_dropped: told how many more signals were dropped for a slow listener: the first, as they get many, and when
            it has caught up; in whatever thread that is known.
        slow_seconds: how long a listener may take over one signal in the emitter's thread.
        queue_capacity: how many signals wait for a slow listener.
    """

    def __init__(
        self,
        on_error: Callable[[str, Signal, Exception, int], None] = _print_error,
        on_dropped: Callable[[str, int], None] = _print_dropped,
        *,
        slow_seconds: float = SLOW_SECONDS,
        queue_capacity: int = QUEUE_CAPACITY,
    ) -> None:
        self.on_error = on_error
        self.on_dropped = on_dropped
        self.slow_seconds = slow_seconds
        self.queue_capacity = queue_capacity
        self.adopt: Callable[[Signal], Signal] | None = None
        """Makes a signal that belongs to no session one of the session that runs here, which keeps it in its log."""
        self._everything: tuple[_Hearing, ...] = ()
        self._by_prefix: _Hearings = {}
        self._by_name: _Hearings = {}
        self._lock = threading.Lock()
        self._depth = threading.local()

    # --- who listens

    def register(self, name: str, listener: Listener, *, apart: bool = False) -> None:
        """Call `listener` with each signal of this name, or of a domain for a pattern as `llm.*`.

        Args:
            apart: in a thread of its own from the beginning.

        Raises:
            SignalNameError: no signal can have that name.
        """
        check_pattern(name)
        hearing = _Hearing(listener, self, stays=False)
        if apart:
            hearing.move_off()
        with self._lock:
            if name.endswith("*"):
                self._by_prefix = _with(self._by_prefix, name[:-1], hearing)
            else:
                self._by_name = _with(self._by_name, name, hearing)

    def register_all(
        self,
        listener: Listener,
        *,
        apart: bool = False,
        stays: bool = False,
        name: str = "",
        wanted: Wanted | None = None,
    ) -> None:
        """Call `listener` with every signal, or with every one that it wants.

        Args:
            apart: in a thread of its own from the beginning.
            stays: in the emitter's thread, however long it takes: for the program's own, which hold nobody up.
            name: what it is called where it fails or is too slow; empty takes its name in its source.
            wanted: says in the emitter's thread which signals it hears: others take no place in its queue.
        """
        hearing = _Hearing(listener, self, stays=stays, name=name, wanted=wanted)
        if apart:
            hearing.move_off()
        with self._lock:
            self._everything = (*self._everything, hearing)

    def tell(self, listener: Listener, signal: Signal) -> None:
        """Have one registered listener hear a signal whether or not it wants it; nobody else does, nor the log."""
        with self._lock:
            hearings = [hearing for hearing in self._all() if hearing.listener == listener]
        for hearing in hearings:
            try:
                hearing.hear_any(signal)
            except Exception as error:  # noqa: BLE001 - as in `deliver`
                hearing.failed(signal, error)

    def unregister(self, listener: Listener) -> None:
        """Forget `listener` wherever it was registered; unknown ones are ignored."""
        self._keep(lambda hearing: hearing.listener != listener)

    def finish(self, listener: Listener, seconds: float) -> None:
        """Wait until a listener with a thread of its own heard all that waits for it, for some seconds at most."""
        with self._lock:
            hearings = [hearing for hearing in self._all() if hearing.listener == listener]
        for hearing in hearings:
            hearing.finish(seconds)

    def clear(self) -> None:
        """Forget every listener."""
        self._keep(lambda hearing: False)

    def _keep(self, is_kept: Callable[[_Hearing], bool]) -> None:
        with self._lock:
            gone = [hearing for hearing in self._all() if not is_kept(hearing)]
            self._everything = tuple(filter(is_kept, self._everything))
            self._by_prefix = _kept(self._by_prefix, is_kept)
            self._by_name = _kept(self._by_name, is_kept)
        for hearing in gone:
            hearing.end()

    def _all(self) -> list[_Hearing]:
        tables = (*self._by_prefix.values(), *self._by_name.values())
        return [*self._everything, *(hearing for hearings in tables for hearing in hearings)]

    def get_listener_count(self, name: str | None = None) -> int:
        """Listeners for one name or pattern, or with None for everything, every pattern and every name together."""
        with self._lock:
            if name is None:
                return len(self._all())
            return len(self._by_prefix.get(name[:-1], ()) if name.endswith("*") else self._by_name.get(name, ()))

    def get_dropped_count(self, listener: Listener) -> int:
        """How many signals were dropped for a listener that is too slow."""
        with self._lock:
            return sum(hearing.dropped for hearing in self._all() if hearing.listener == listener)

    # --- what they hear

    def emit(self, signal: Signal) -> None:
        """Deliver one signal. Raises SignalNameError for a name that is none."""
        check_signal_name(signal.name)
        if self.adopt is not None and "session_id" not in signal.context:
            signal = self.adopt(signal)
        self.deliver(signal)

    def deliver(self, signal: Signal) -> None:
        """Deliver a signal that is known to be one, and kept."""
        hearings = self._hearings_of(signal.name)
        if not hearings:
            return
        depth = getattr(self._depth, "value", 0)
        if depth == MOST_NESTED:
            error = RecursionError("listeners emit what makes listeners emit; this signal is heard by nobody")
            hearings[0].failed(signal, error)
            return
        self._depth.value = depth + 1
        try:
            for hearing in hearings:
                try:
                    hearing.hear(signal)
                except Exception as error:  # noqa: BLE001 - whatever a listener does, the engine goes on
                    hearing.failed(signal, error)
        finally:
            self._depth.value = depth

    def _hearings_of(self, name: str) -> tuple[_Hearing, ...]:
        hearings = self._everything
        for prefix, some in self._by_prefix.items():
            if name.startswith(prefix):
                hearings += some
        named = self._by_name.get(name)
        return hearings + named if named else hearings


_process_registry = SignalRegistry()


def get_signal_registry() -> SignalRegistry:
    """The registry of this process, for listeners that have no session at hand."""
    return _process_registry


def emit_signal(name: str, payload: Mapping[str, Any] | None = None, context: Mapping[str, Any] | None = None) -> None:
    """Emit on this process's registry; the session that runs here, if one does, keeps the signal in its log.

    Args:
        name: `<domain>.<observation>`, e.g. `custom.acme_ready_for_export`.
        payload: what was observed; JSON values.
        context: where and when; a session adds its id and the time.

    Raises:
        SignalNameError: that is no name.
    """
    _process_registry.emit(Signal(name, payload or {}, context or {}))


class SignalBus:
    """A session's signals: stamped with time and session, written to the log, carried to the registry's listeners.

    A fact's signals are committed together with the fact. Such signals are made by `stamp`, handed to the store, and
    after the commit carried to listeners by `relay`. Everything else goes through `emit`, which logs by itself.
    """

    def __init__(
        self,
        session_id: str,
        now: Callable[[], float],
        log: Callable[[Sequence[Signal]], None],
        registry: SignalRegistry,
    ) -> None:
        self._session_id = session_id
        self._now = now
        self._log = log
        self.registry = registry
        self.on_told: Listener | None = None
        """Called with each signal after all listeners heard it: so one that it emits is heard after that."""
        self._failures = FailureRun()
        """Of `on_told`."""

    def stamp(self, observation: Observation, **context: Unpack[SignalContext]) -> Signal:
        """A signal with timestamp, session and level in its context, not yet delivered to anyone."""
        name, payload, level = observation
        stamped: dict[str, object] = {"timestamp": self._now(), "session_id": self._session_id}
        if level is not None:
            stamped["level"] = level
        stamped.update(context)
        return Signal(name, payload, stamped)

    def relay(self, signals: Sequence[Signal]) -> None:
        """Deliver signals that are in the log already."""
        for signal in signals:
            self.registry.deliver(signal)
        if self.on_told is not None:
            for signal in signals:
                self._pass_on(self.on_told, signal)

    def emit(self, observation: Observation, **context: Unpack[SignalContext]) -> None:
        """Log and deliver one signal."""
        signal = self.stamp(observation, **context)
        self._log((signal,))
        self.registry.deliver(signal)
        if self.on_told is not None:
            self._pass_on(self.on_told, signal)

    def _pass_on(self, on_told: Listener, signal: Signal) -> None:
        try:
            on_told(signal)
        except Exception as error:  # noqa: BLE001 - a plug-in may have emitted anything by a name of ours
            self._on_error(listener_name(on_told), signal, error, self._failures.failed())

    # --- signals of whoever has no bus, and what becomes of all of them

    def attach(self) -> None:
        """Keep in this session's log what is emitted in this process without a session, and tell of bad listeners."""
        registry = self.registry
        registry.adopt, registry.on_error, registry.on_dropped = self._adopt, self._on_error, self._on_dropped

    def detach(self) -> None:
        """Do so no longer, unless another session does already."""
        registry = self.registry
        if registry.adopt == self._adopt:
            registry.adopt, registry.on_error, registry.on_dropped = None, _print_error, _print_dropped

    def _on_error(self, listener: str, signal: Signal, error: Exception, failures: int) -> None:
        if signal.name.startswith(ABOUT_LISTENERS) or failures not in SOME_TIMES:
            return
        told = safe_text(show_addresses(repr(error)), _MOST_ERROR_CHARACTERS)
        failed: FailedListener = {"listener": listener, "signal": signal.name, "error": told, "failures": failures}
        self.emit(LISTENER_FAILED(failed))

    def _on_dropped(self, listener: str, dropped: int) -> None:
        self.emit(LISTENER_DROPPED({"listener": listener, "signals": dropped}))

    def _adopt(self, signal: Signal) -> Signal:
        stamp = {"timestamp": self._now(), "session_id": self._session_id}
        adopted = Signal(signal.name, dict(signal.payload), {**stamp, **signal.context})
        self._log((adopted,))
        return adopted
