"""The one way anything is observed: a bus that carries signals to the log and to whoever listens."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from evolver_tui.core.address import show_addresses
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Observation, Signal, SignalContext

Listener = Callable[[Signal], None]


def _print_error(listener: Listener, signal: Signal, error: Exception) -> None:
    print(safe_text(f"A listener for {signal.name} failed: {show_addresses(repr(error))}"), file=sys.stderr)


class SignalRegistry:
    """Who listens to what.

    Delivery is synchronous: listeners for everything first, then those for the signal's own name, each in the order of
    registration. A listener that raises is reported and the others still hear the signal. Safe in any thread.
    """

    def __init__(self, on_error: Callable[[Listener, Signal, Exception], None] = _print_error) -> None:
        self._on_error = on_error
        self._everything: list[Listener] = []
        self._by_name: dict[str, list[Listener]] = {}
        self._lock = threading.Lock()

    def register(self, name: str, listener: Listener) -> None:
        """Call `listener` with each signal of this name."""
        with self._lock:
            self._by_name.setdefault(name, []).append(listener)

    def register_all(self, listener: Listener) -> None:
        """Call `listener` with every signal."""
        with self._lock:
            self._everything.append(listener)

    def unregister(self, listener: Listener) -> None:
        """Forget `listener` wherever it was registered; unknown ones are ignored."""
        with self._lock:
            for listeners in (self._everything, *self._by_name.values()):
                while listener in listeners:
                    listeners.remove(listener)

    def get_listener_count(self, name: str | None = None) -> int:
        """Listeners for one name, or with None for everything and every name together."""
        with self._lock:
            if name is not None:
                return len(self._by_name.get(name, ()))
            return len(self._everything) + sum(map(len, self._by_name.values()))

    def clear(self) -> None:
        """Forget every listener."""
        with self._lock:
            self._everything.clear()
            self._by_name.clear()

    def emit(self, signal: Signal) -> None:
        """Deliver one signal."""
        with self._lock:
            listeners = (*self._everything, *self._by_name.get(signal.name, ()))
        for listener in listeners:
            try:
                listener(signal)
            except Exception as error:  # noqa: BLE001 - whatever a listener does, the engine goes on
                self._on_error(listener, signal, error)


_process_registry = SignalRegistry()


def get_signal_registry() -> SignalRegistry:
    """The registry of this process, for listeners that have no session at hand."""
    return _process_registry


def emit_signal(name: str, payload: Mapping[str, Any] | None = None, context: Mapping[str, Any] | None = None) -> None:
    """Emit on this process's registry."""
    _process_registry.emit(Signal(name, dict(payload or {}), dict(context or {})))


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
            self.registry.emit(signal)

    def emit(self, observation: Observation, **context: Unpack[SignalContext]) -> None:
        """Log and deliver one signal."""
        signal = self.stamp(observation, **context)
        self._log((signal,))
        self.registry.emit(signal)
