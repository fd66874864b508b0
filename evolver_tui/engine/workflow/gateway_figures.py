"""What a gateway counts, and as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_PREFIX: Final = "evolver_gateway"
_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""


class Histogram:
    """Counts durations."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        at = next((number for number, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))
        self._counts[at] += 1
        self._sum += seconds

    def lines(self, name: str) -> Iterator[str]:
        """In Prometheus' text format."""
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {total}"


@dataclass(slots=True)
class GatewayFigures:
    """Counts since the gateway began."""

    requests: Counter[str] = field(default_factory=Counter)
    """Of `/api/chat`, by what became of them: `accepted`, or the code of a refusal."""
    cancels: int = 0
    chunks: int = 0
    """Heard from the broker."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Of these, by the reason for which they were not passed on."""
    restarts: int = 0
    given_up: int = 0
    completed: int = 0
    events: int = 0
    """Told to connections; one event to ten connections counts ten."""
    connections: int = 0
    """Ever opened."""
    resumed: int = 0
    """Of these, with a position to go on from."""
    cut: Counter[str] = field(default_factory=Counter)
    """Connections that the gateway ended, by the reason."""
    replays: int = 0
    """Sessions that another gateway asked for."""
    first_chunk: Histogram = field(default_factory=Histogram)
    """Seconds from a request here to its first chunk here."""

    def text(self, gauges: Mapping[str, float]) -> str:
        """In Prometheus' text format, with `gauges` for what is so now."""
        lines: list[str] = []
        for name, help_text, values in self._counters():
            lines += [f"# HELP {_PREFIX}_{name} {help_text}", f"# TYPE {_PREFIX}_{name} counter"]
            lines += [f"{_PREFIX}_{name}{labels} {value}" for labels, value in values.items()]
        for name, value in gauges.items():
            lines += [f"# TYPE {_PREFIX}_{name} gauge", f"{_PREFIX}_{name} {value:g}"]
        name = f"{_PREFIX}_first_chunk_seconds"
        lines += [f"# HELP {name} From a request to its first chunk.", f"# TYPE {name} histogram"]
        return "\n".join([*lines, *self.first_chunk.lines(name)]) + "\n"

    def _counters(self) -> Iterator[tuple[str, str, Mapping[str, int]]]:
        yield "requests_total", "Chat requests by outcome.", _labelled("outcome", self.requests)
        yield "cancels_total", "Answers called off here.", {"": self.cancels}
        yield "chunks_total", "Chunks heard from the broker.", {"": self.chunks}
        yield "chunks_dropped_total", "Chunks not passed on, by reason.", _labelled("reason", self.dropped)
        yield "restarts_total", "Answers begun again.", {"": self.restarts}
        yield "given_up_total", "Answers that lack chunks for good.", {"": self.given_up}
        yield "completed_total", "Answers passed on to their end.", {"": self.completed}
        yield "events_total", "Events told to connections.", {"": self.events}
        yield "connections_total", "Event streams opened.", {"": self.connections}
        yield "resumed_total", "Event streams that went on from a position.", {"": self.resumed}
        yield "cut_total", "Event streams ended by the gateway, by reason.", _labelled("reason", self.cut)
        yield "replays_total", "Sessions handed to another gateway.", {"": self.replays}


def _labelled(label: str, counts: Counter[str]) -> Mapping[str, int]:
    return {f'{{{label}="{name}"}}': count for name, count in sorted(counts.items())}
