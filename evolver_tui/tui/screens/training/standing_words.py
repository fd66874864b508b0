"""How a run stands, as a sign and as words, and its figures as short texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.times import age
from evolver_tui.core.training.record import COMPLETED, CUT_OFF, FAILED, RUNNING, SILENT
from evolver_tui.tui.drawing.styles import Fragment

if TYPE_CHECKING:
    from evolver_tui.core.training.training_run import TrainingRun
    from evolver_tui.tui.drawing.symbols import Symbols


def standing_sign(run: TrainingRun, symbols: Symbols) -> Fragment:
    """One cell that says it without colour, and its style."""
    return {
        RUNNING: (symbols.running, "run"),
        COMPLETED: (symbols.approved, "ok"),
        FAILED: (symbols.rejected, "error"),
        CUT_OFF: (symbols.cancelled, "warn"),
        SILENT: (symbols.failed, "warn"),
    }.get(run.status, (symbols.waiting, "dim"))


def standing_words(run: TrainingRun, now: float) -> str:
    """The same in words."""
    return {
        RUNNING: "trains",
        COMPLETED: "is completed",
        FAILED: "has failed",
        CUT_OFF: "was cut off: its process is gone",
        SILENT: f"has been silent for {age(now - run.last_at)}",
    }.get(run.status, "")


def percent(run: TrainingRun) -> str:
    """How far all of it is; a dash where nobody said how much there is to do."""
    return f"{run.overall:.0f}%" if run.header.total_steps or run.completed else "-"


def is_training(run: TrainingRun) -> bool:
    """Whether it goes on, as far as is known."""
    return run.status == RUNNING


def bar(done: float, width: int, symbols: Symbols) -> str:
    """A row of cells of which a share is full.

    Args:
        done: from 0 to 1.
    """
    full = round(max(0.0, min(1.0, done)) * width)
    return symbols.full * full + symbols.empty * (width - full)
