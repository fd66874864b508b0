"""What a person wants to see of a run, and the lines that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.training.curve import Curve
from evolver_tui.core.training.plot import PlotLine, Span

if TYPE_CHECKING:
    from evolver_tui.core.training.series import Series
    from evolver_tui.core.training.training_run import TrainingRun
    from evolver_tui.engine.training.monitor import WatchedRun

WEIGHTS: Final = (0.0, 0.6, 0.9, 0.97)
"""Of the values before, from one press of the key to the next."""
MOST_MODELS: Final = 6
"""Of a run, the latest, that are drawn together."""
_KEPT_CURVES: Final = 64


class PlotChoice(NamedTuple):
    """What stands until a key changes it."""

    metric: str = ""
    """Empty for the first one of the run."""
    weight: float = 0.0
    is_log: bool = False
    by_time: bool = False
    has_all_models: bool = True
    span: Span = Span()
    cursor: float | None = None
    """The step or second that is pointed at."""

    @property
    def next_weight(self) -> float:
        """What the key for smoothing leads to."""
        return WEIGHTS[(WEIGHTS.index(self.weight) + 1) % len(WEIGHTS)]


def metric_of(choice: PlotChoice, run: TrainingRun | None) -> str:
    """The metric that is shown of a run: the chosen one, or its first where it has not that one; empty without any."""
    names = run.metric_names if run is not None else []
    return choice.metric if choice.metric in names else next(iter(names), "")


class Curves:
    """The curves of what was looked at, kept as long as their series are the ones that runs have."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, float], Curve] = {}

    def curve(self, series: Series, weight: float) -> Curve:
        """The curve of a series."""
        key = id(series), weight
        found = self._kept.pop(key, None)
        if found is None or found.series is not series:
            found = Curve(series, weight)
        self._kept[key] = found
        while len(self._kept) > _KEPT_CURVES:
            del self._kept[next(iter(self._kept))]
        return found


def lines_of(
    watched: WatchedRun | None, other: WatchedRun | None, choice: PlotChoice, curves: Curves
) -> Sequence[PlotLine]:
    """The lines of a run, and of the one that it is compared with."""
    if watched is None:
        return ()
    metric = metric_of(choice, watched.run)
    lines = _lines(watched.run, metric, choice, curves, is_other=False, is_named=other is not None)
    if other is not None and other.key != watched.key:
        lines += _lines(other.run, metric, choice, curves, is_other=True, is_named=True)
    return lines


def _lines(
    run: TrainingRun, metric: str, choice: PlotChoice, curves: Curves, *, is_other: bool, is_named: bool
) -> list[PlotLine]:
    models = sorted(model for model, name in run.series if name == metric)
    latest = [run.model] if run.model in models else models[-1:]
    models = models[-MOST_MODELS:] if choice.has_all_models else latest
    origin = run.header.started_at or run.first_at
    name = safe_text(run.name, 60) if is_named else safe_text(metric, 60)
    lines = []
    for model in models:
        label = name if run.total_models == 1 else f"{name} {model + 1}" if is_named else f"model {model + 1}"
        series = run.series[model, metric]
        raw = curves.curve(series, 0.0) if choice.weight else None
        curve = curves.curve(series, choice.weight)
        lines.append(PlotLine(label, curve, raw, origin, is_other, model == models[-1]))
    return lines
