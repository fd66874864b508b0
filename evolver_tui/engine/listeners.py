"""The listeners of the config beside one session: each has a name, hears in a thread of its own, and ends with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from evolver_tui.core.errors import UnknownListener
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.core.signal_catalogue.listener_signals import ABOUT_LISTENERS
from evolver_tui.core.signal_filter import SignalFilter
from evolver_tui.engine.signals import SignalRegistry, Wanted

SECONDS_FOR_A_LISTENER: Final = 1.0
"""How long a session that ends waits until a listener heard the rest, and again until it let go."""


class ClosableListener(Protocol):
    """What hears signals, one after the other in a thread of its own, and holds something until it is closed."""

    def __call__(self, signal: Signal) -> None:
        """Hear one signal. What is raised is told of by `listener.failed`."""

    def close(self, seconds: float) -> None:
        """Finish within some seconds, and put aside or leave what cannot be finished. Nothing is heard afterwards."""


@dataclass(frozen=True, slots=True)
class NamedListener:
    """A listener of the config."""

    name: str
    listener: ClosableListener
    signals: SignalFilter
    """Which it hears."""


class ListenerHost(Protocol):
    """What a session gives to its listeners; any thread may use it."""

    def tell(self, observation: Observation) -> None:
        """Emit a signal."""

    def notice(self, how: str, text: str) -> None:
        """Bring a line to a person's notice where this session is looked at.

        Args:
            how: "bell", "osc9" or "osc777".
            text: one line, safe to draw.
        """


ListenerMaker = Callable[[ListenerHost], Sequence[NamedListener]]
"""Makes the listeners of a session; nothing is opened by that."""


class Listeners:
    """The listeners of the config in one session."""

    def __init__(self, registry: SignalRegistry, made: Sequence[NamedListener]) -> None:
        self._registry = registry
        self._by_name = {each.name: each for each in made}

    @property
    def names(self) -> Sequence[str]:
        """As the config has them, in its order."""
        return tuple(self._by_name)

    def open(self) -> None:
        """Let them hear."""
        for each in self._by_name.values():
            self._registry.register_all(each.listener, apart=True, name=each.name, wanted=_wanted(each))

    def send(self, name: str, signal: Signal) -> None:
        """Have one listener hear a signal whether or not it wants it; returns at once.

        Raises:
            UnknownListener: there is none of that name.
        """
        if name not in self._by_name:
            raise UnknownListener(name, self.names)
        self._registry.tell(self._by_name[name].listener, signal)

    async def close(self) -> None:
        """Wait until each heard and did what is left, within bounds; nothing is heard afterwards."""
        ends = (asyncio.to_thread(self._end, each) for each in self._by_name.values())
        await asyncio.gather(*ends, return_exceptions=True)  # one that cannot end keeps no other from it

    def _end(self, each: NamedListener) -> None:
        self._registry.finish(each.listener, SECONDS_FOR_A_LISTENER)
        self._registry.unregister(each.listener)
        each.listener.close(SECONDS_FOR_A_LISTENER)


def _wanted(each: NamedListener) -> Wanted:
    """Whether a listener hears a signal: never what is told of itself, which would make more of the same."""
    name, matches = each.name, each.signals.matches

    def wanted(signal: Signal) -> bool:
        if signal.name.startswith(ABOUT_LISTENERS) and signal.payload.get("listener") == name:
            return False
        return matches(signal, _words)

    return wanted


def _words(signal: Signal) -> str:
    return json.dumps(dict(signal.payload), default=repr, ensure_ascii=False)
