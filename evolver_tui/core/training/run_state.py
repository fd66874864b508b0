"""How a training run stands, as a JSON value: enough to go on from there, without what was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.training.record import BadRecord, Point, RunHeader, read_value, to_line
from evolver_tui.core.training.training_run import TrainingRun

_PLAIN: Final = (
    "status", "model", "step", "first_at", "last_at", "ended_at", "points", "errors", "recoveries", "left_out",
)  # fmt: skip


def state_of(run: TrainingRun) -> Mapping[str, Any]:
    """The state of a run."""
    latest = {name: value if math.isfinite(value) else str(value) for name, value in run.latest.items()}
    return {
        "header": json.loads(to_line(run.header)),
        "steps": list(run.steps.items()),
        "completed": sorted(run.completed),
        "latest": latest,
        **{name: getattr(run, name) for name in _PLAIN},
    }


def run_from_state(state: Mapping[str, Any]) -> TrainingRun:
    """The run of a state, which keeps no series. Raises BadRecord, KeyError, TypeError, ValueError for what is none."""
    header = read_value(state["header"])
    if not isinstance(header, RunHeader):
        raise BadRecord("it is no run")
    run = TrainingRun(header.run_id, keeps_series=False)
    latest = read_value({"type": "point", "step": 0, "values": state["latest"]})
    run.add(header)
    if isinstance(latest, Point):
        run.latest |= latest.values
    run.steps = {int(model): int(step) for model, step in state["steps"]}
    run.completed = set(map(int, state["completed"]))
    for name in _PLAIN:
        setattr(run, name, state[name])
    return run
