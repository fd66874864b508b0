"""A signal: a named observation of something that just happened. It describes; it never acts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Generic, Literal, NamedTuple, TypedDict, TypeVar, cast, get_args

from evolver_tui.core.errors import SignalNameError

EVENT_TYPE: Final = "SIGNAL_EMITTED"
NAME_PATTERN: Final = re.compile(r"[A-Za-z][\w-]*(?:\.[\w-]+)+", re.ASCII)
MOST_NAME_CHARACTERS: Final = 120

Level = Literal["info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

PayloadT = TypeVar("PayloadT", bound=Mapping[str, object])
"""A TypedDict: the fields of one type's payload. At run time it is a plain dictionary."""


def is_signal_name(name: object) -> bool:
    """Whether it has the form `<domain>.<observation>`: letters, digits, `_` and `-`, with dots between."""
    return isinstance(name, str) and len(name) <= MOST_NAME_CHARACTERS and NAME_PATTERN.fullmatch(name) is not None


@lru_cache(1024)
def check_signal_name(name: str) -> None:
    """Raises SignalNameError for what is no name of a signal."""
    if not is_signal_name(name):
        raise SignalNameError(name)


def check_pattern(pattern: str) -> None:
    """Raises SignalNameError for what is neither a name nor the beginning of one with a star: `llm.*`, or `*`."""
    if isinstance(pattern, str) and pattern.endswith("*"):
        pattern = f"{pattern[:-1]}any" if pattern.endswith(".*") else "any.signal" if pattern == "*" else pattern
    check_signal_name(pattern)


@dataclass(frozen=True, slots=True)
class Signal:
    """One observation.

    `payload` is what was observed. `context` is where and when: `timestamp` (seconds since 1970), `source`,
    `session_id`, `task_id`, `level` ("info", "warning" or "error"), each only where known. Both hold JSON values.
    """

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """ "info", "warning" or "error"."""
        return str(self.context.get("level", "info"))

    @property
    def timestamp(self) -> float:
        """Seconds since 1970, 0.0 where the context has none."""
        value = self.context.get("timestamp", 0.0)
        return float(value) if isinstance(value, int | float) else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The three fields as a plain dictionary."""
        return {"name": self.name, "payload": dict(self.payload), "context": dict(self.context)}


class SignalContext(TypedDict, total=False):
    """What a bus is told of where a signal comes from; time, session and level it knows by itself."""

    task_id: str
    job: int
    session_id: str
    """Only where it is not the bus's own."""
    deferred_at: float
    """Seconds since 1970 when a signal was deferred that is told now."""
    turn_id: int
    """Only for what tells of a turn."""
    source: str
    """Who observed it, only where that is not the program."""
    backend: str
    """Which model said so, only for what a model says."""
    rule: str
    """Which rule brought it about, only where one did."""
    process: str
    """Which process it is, only for what tells that a session began."""


class Observation(NamedTuple):
    """What happened, before a bus says where and when; with that it is a `Signal`."""

    name: str
    payload: Mapping[str, Any]
    level: Level | None = None
    """None says nothing about it in the context, which counts as "info"."""


class SignalType(NamedTuple, Generic[PayloadT]):
    """One of the signals that the program emits; called with a payload, it is the observation to emit.

    That is one call with the payload alone, because a type checker then names the very field that is wrong.
    """

    name: str
    payload: type[PayloadT]
    emitter: str
    """Which part of the program emits it, e.g. "author"."""
    tells: str
    """When it is emitted, in one sentence."""
    level: Level | None = None
    """As an observation has it where nothing else is said."""

    def __call__(self, payload: PayloadT, level: Level | None = None) -> Observation:
        """An observation of this type.

        Args:
            level: only where it is not the type's own.
        """
        return Observation(self.name, payload, level or self.level)

    def payload_of(self, signal: Signal) -> PayloadT | None:
        """What a signal of this type tells; None for one of another.

        Nothing is checked: a signal that a plug-in emitted by this name may hold anything.
        """
        return cast(PayloadT, signal.payload) if signal.name == self.name else None


@dataclass(frozen=True, slots=True)
class SignalEmittedEvent:
    """A signal in the canonical shape that leaves the process."""

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    type: str = EVENT_TYPE

    @classmethod
    def from_signal(cls, signal: Signal) -> SignalEmittedEvent:
        """The event that tells of `signal`."""
        return cls(signal.name, signal.payload, signal.context)

    def to_dict(self) -> dict[str, Any]:
        """The canonical shape: type, name, payload, context."""
        return {
            "type": self.type,
            "name": self.name,
            "payload": dict(self.payload),
            "context": dict(self.context),
        }
