"""A signal: a named observation of something that just happened. It describes; it never acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

EVENT_TYPE: Final = "SIGNAL_EMITTED"
LEVELS: Final = ("info", "warning", "error")


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
