"""A training run as lines of text, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, Final

from evolver_tui.cli.output import short, table
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.training.metrics import perplexity
from evolver_tui.core.training.record import RUNNING, Event, values_to_json
from evolver_tui.core.training.training_run import TrainingRun

_OTHERS: Final = 3
"""Metrics that are shown where there is no loss."""
_LONGEST_NAME: Final = 60
_LONGEST_PAYLOAD: Final = 300


def state_line(run: TrainingRun) -> str:
    """How a run stands, in one line."""
    of_steps = f"/{run.header.total_steps}" if run.header.total_steps else ""
    words = [
        f"model {run.model + 1}/{run.total_models}" if run.total_models > 1 else "",
        f"step {run.step}{of_steps}",
        *_metric_words(run),
        f"{run.overall:.1f} %" if run.header.total_steps or run.is_over else "",
    ]
    left, rate = run.seconds_left, run.steps_per_second
    if left is not None and not run.is_over:
        words.append(f"{duration(left)} left")
    if rate is not None:
        words.append(f"{rate:.3g} steps/s")
    if run.status != RUNNING:
        words.append(safe_text(run.status, 20))
    return "  ".join(filter(None, words))


def _metric_words(run: TrainingRun) -> list[str]:
    loss = run.loss
    if loss is not None:
        return [f"loss {loss:.4f}", f"perplexity {perplexity(loss):.2f}"]
    return [f"{safe_text(name, _LONGEST_NAME)} {run.latest[name]:.6g}" for name in list(run.latest)[:_OTHERS]]


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = int(min(max(seconds, 0.0), 360_000_000.0))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def event_line(event: Event) -> str:
    """What happened, in one line."""
    step = "" if event.step is None else f"  step {event.step}"
    payload = f"  {short(dict(event.payload))[:_LONGEST_PAYLOAD]}" if event.payload else ""
    return f"{safe_text(event.name, _LONGEST_NAME)}  model {event.model + 1}{step}{payload}"


def state_value(run: TrainingRun) -> Mapping[str, Any]:
    """How a run stands, under the stream's names."""
    return {**run.metrics(), "status": run.status, "values": values_to_json(run.latest)}


def event_value(run: TrainingRun, event: Event) -> Mapping[str, Any]:
    """What happened, under the stream's names."""
    return {
        "sessionId": run.run_id, "event": event.name, "modelIndex": event.model, "step": event.step,
        "timestamp": event.at, "payload": dict(event.payload),
    }  # fmt: skip


def runs_table(runs: Iterable[TrainingRun]) -> str:
    """Several runs, a line each."""
    rows = [["RUN", "STATUS", "STEP", "LOSS", "DONE", "NAME"]]
    for run in runs:
        loss = run.loss
        rows.append(
            [
                safe_text(run.run_id, 100),
                safe_text(run.status, 20),
                str(run.step),
                "" if loss is None else f"{loss:.4f}",
                f"{run.overall:.1f} %" if run.header.total_steps or run.is_over else "",
                safe_text(run.header.name, _LONGEST_NAME),
            ]
        )
    return table(rows)


def new_events(run: TrainingRun, last: Event | None) -> list[Event]:
    """Events that came after this one, all where it is not there any more."""
    latest = list(takewhile(lambda event: event != last, reversed(run.events)))
    return latest[::-1]
