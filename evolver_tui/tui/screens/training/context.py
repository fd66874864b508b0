"""What the actions of the training view may do and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.screens.training.plot_choice import PlotChoice, metric_of

if TYPE_CHECKING:
    from textual.screen import Screen

    from evolver_tui.engine.training.monitor import TrainingMonitor, WatchedRun
    from evolver_tui.tui.actions import Keymap
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.screens.training.panes.events_pane import EventsPane
    from evolver_tui.tui.screens.training.panes.plot_pane import PlotPane
    from evolver_tui.tui.screens.training.panes.runs_table import RunsTable


class TrainingLayout(Protocol):
    """Which panes are shown, and which one has the focus."""

    @property
    def shows_plot_alone(self) -> bool:
        """Whether the plot has the whole view."""

    @property
    def shows_events_alone(self) -> bool:
        """Whether the events have the whole view."""

    def show_alone(self, pane: str) -> None:
        """Give the whole view to a pane, by its name, or to all of them with none."""

    def cycle(self, step: int) -> None:
        """Go to the next pane, or with -1 to the one before."""

    def go_back(self) -> None:
        """Out of the innermost thing: the filter, the selection, the cursor, a pane alone, the plot."""

    def try_again(self) -> None:
        """Begin to watch once more."""

    def draw(self) -> None:
        """Bring everything up to date."""


class TrainingContext(ViewContext):
    """The run under the cursor, what is seen of it, and what watches."""

    def __init__(
        self, screen: Screen[None], settings: DeskSettings, keymap: Keymap, runs: RunsTable, plot: PlotPane,
        events: EventsPane, layout: TrainingLayout,
    ) -> None:  # fmt: skip
        super().__init__(screen, settings, keymap)
        self.runs = runs
        self.plot = plot
        self.events = events
        self.layout = layout
        self.choice = PlotChoice()
        self.open_monitor: TrainingMonitor | None = None
        """None until it is open, and where there is none."""
        self.problem = ""
        """Why there is none, as a sentence; empty where it is being opened."""

    @property
    def monitor(self) -> TrainingMonitor:
        """What watches; asked for only by what can be done with it."""
        assert self.open_monitor is not None
        return self.open_monitor

    def reason_against_use(self) -> str:
        """Why nothing can be done here at present; empty when it can."""
        if self.open_monitor is not None:
            return ""
        return "Runs are not watched: the page says why." if self.problem else "It is still being opened."

    @property
    def selected(self) -> WatchedRun | None:
        """The run under the cursor."""
        return self.runs.selected

    @property
    def marked(self) -> WatchedRun | None:
        """The run that is compared with."""
        monitor = self.open_monitor
        if monitor is None or self.runs.marked is None:
            return None
        return next((each for each in monitor.runs if each.key == self.runs.marked), None)

    @property
    def metric(self) -> str:
        """The metric that is shown; empty without any."""
        return metric_of(self.choice, self.selected.run if self.selected is not None else None)

    def choose(self, choice: PlotChoice) -> None:
        """See something else of the run."""
        self.choice = choice
        self.layout.draw()
