"""The table of runs: those that train on top, the youngest first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.core.training.plot_scale import number_within, step_within, time_words
from evolver_tui.tui.drawing.rows_pane import Column, RowsPane
from evolver_tui.tui.drawing.styles import Fragment, fit_middle
from evolver_tui.tui.screens.training.standing_words import bar, is_training, percent, standing_sign

if TYPE_CHECKING:
    from evolver_tui.core.training.training_run import TrainingRun
    from evolver_tui.engine.training.monitor import WatchedRun

_BAR = 14


class RunsTable(RowsPane["WatchedRun"]):
    """A row for each run. While it follows, the cursor goes to whatever began last."""

    pane_name = "runs"
    filter_words = "name, project, place, state"
    columns = (
        Column("NAME"), Column("", _BAR + 1, 70), Column("DONE", 5, is_number=True), Column("STEP", 7, is_number=True),
        Column("LOSS", 8, is_number=True), Column("LEFT", 7, 70, is_number=True), Column("AGE", 5, is_number=True),
    )  # fmt: skip

    def __init__(self, now: Callable[[], float], *, plain: bool = False) -> None:
        super().__init__(id="runs", plain=plain)
        self._now = now
        self._runs: Sequence[WatchedRun] = ()
        self.follows = True
        self.marked: Hashable = None
        """The key of the run that is compared with."""
        self.marked_sign: Fragment = ("", "dim")
        self.set_title("Runs")

    def key_of(self, row: WatchedRun) -> Hashable:
        """Place and id."""
        return row.key

    def show_runs(self, runs: Sequence[WatchedRun]) -> None:
        """Show what matches the filter of these."""
        self._runs = sorted(runs, key=lambda each: _order(each.run))
        self.search_changed()

    def search_changed(self) -> None:
        """Show what matches now."""
        words = self.search.casefold().split()
        self.show_rows([each for each in self._runs if all(word in _text_of(each) for word in words)])
        if self.follows and self.rows:
            self._go(0)
        self.empty_words = f"nothing contains “{safe_text(self.search, 60)}”" if self.search else "no runs so far"
        self.draw_again()

    # --- following

    def follow(self) -> None:
        """Go to the run that began last, and from now on to each later one."""
        self.follows = True
        self._go(0)

    def moved_by_hand(self) -> None:
        """Whoever moves wants to stay there."""
        self.follows = False

    def tick(self) -> None:
        """Draw again what reads differently."""
        following = " · following" if self.follows else ""
        below = f" · {self.below:,} below" if self.below else ""
        self.set_subtitle(f"{len(self.rows):,}{' match' if self.search else ''}{following}{below}" if self.rows else "")
        super().tick()

    # --- drawing

    def sign(self, row: WatchedRun) -> Fragment:
        """How it stands."""
        return standing_sign(row.run, self.symbols)

    def cells(self, row: WatchedRun, widths: dict[str, int]) -> dict[str, Fragment]:
        """What is known of a run."""
        run, trains = row.run, is_training(row.run)
        loss, left = run.loss, run.seconds_left
        name, room = safe_text(run.name, 200), widths["NAME"] - 1
        if row.key == self.marked:
            name = f"{self.marked_sign[0]} {name}"
        is_known = bool(run.header.total_steps or run.completed)
        return {
            "NAME": (fit_middle(name, room), "strong" if trains else "text"),
            "": (
                bar(run.overall / 100, _BAR, self.symbols) if is_known else "",
                "run" if trains else "ok" if run.overall >= 100 else "dim",
            ),
            "DONE": (percent(run), "text" if is_known else "dim"),
            "STEP": (step_within(run.step, widths["STEP"] - 1) if run.points else "-", "text" if run.points else "dim"),
            "LOSS": ("-", "dim")
            if loss is None
            else (
                number_within(loss, widths["LOSS"] - 1),
                "text" if loss == loss else "error",
            ),
            "LEFT": (time_words(left), "dim") if trains and left is not None else ("", "dim"),
            "AGE": (age(self._now() - run.last_at) if run.last_at else "-", "dim"),
        }


def _order(run: TrainingRun) -> tuple[bool, bool, float]:
    """What trains stays where it is while it tells; what is over lies below, the latest first."""
    began = run.header.started_at or run.first_at
    return run.is_over, not is_training(run), -(began if is_training(run) else run.last_at)


def _text_of(row: WatchedRun) -> str:
    run = row.run
    return " ".join((run.name, run.run_id, run.header.project, row.source.standing.place, run.status)).casefold()
