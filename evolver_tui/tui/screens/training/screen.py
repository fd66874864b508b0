"""The training view: a table of runs, the metrics of the one under the cursor as a plot, its figures and its events."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from textual import events

from evolver_tui.core.errors import EvolverError
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.head_row import views_line
from evolver_tui.tui.drawing.pane import Pane, pane_of
from evolver_tui.tui.drawing.plot_drawing import PLAIN_SIGNS, PlotSigns, line_sign
from evolver_tui.tui.drawing.rows_pane import RowsMoved
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.framed_view import FramedView
from evolver_tui.tui.screens.training.actions import BACK, COPY, OPEN_PLACE, TRY_AGAIN
from evolver_tui.tui.screens.training.context import TrainingContext
from evolver_tui.tui.screens.training.guide import NOWHERE, OPENING, problem_page, quiet_page
from evolver_tui.tui.screens.training.panes.events_pane import EventsPane
from evolver_tui.tui.screens.training.panes.head_line import Totals, TrainingLine
from evolver_tui.tui.screens.training.panes.plot_pane import PlotPane, PlotPointed
from evolver_tui.tui.screens.training.panes.run_facts import FactsLine, RunFacts
from evolver_tui.tui.screens.training.panes.runs_table import RunsTable
from evolver_tui.tui.screens.training.plot_choice import Curves, lines_of
from evolver_tui.tui.screens.training.standing_words import is_training

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.timer import Timer

    from evolver_tui.core.training.training_run import TrainingRun
    from evolver_tui.engine.training.monitor import TrainingMonitor, WatchedRun

LOOKED_A_SECOND: Final = 40
"""For something that changed."""
SECONDS_BETWEEN_FRAMES: Final = 0.1
"""At least, however much is told."""
_SHARE: Final = 5
"""Frames come no faster than so many times the processor's time of one."""


class Training(FramedView[TrainingContext]):
    """Begins to watch when it is first shown, watches on while it is not in front, and lets go with the session."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (150, "-vast")]  # noqa: RUF012 - an instance's to Textual
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = "#runs"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(settings, keymap)
        plain, views = settings.plain, views_line(keymap.actions)
        selection_keys = f"{keymap.shown_key(COPY)} copies, {keymap.shown_key(BACK)} ends it"
        self.head = TrainingLine(views, plain=plain)
        self.runs = RunsTable(settings.now, plain=plain)
        self.plot = PlotPane(self.runs, plain=plain)
        self.facts = RunFacts(plain=plain)
        self.facts_line = FactsLine(plain=plain)
        self.events = EventsPane(selection_keys, plain=plain)
        self.panes = (self.head, self.runs, self.plot, self.facts, self.events, self.facts_line)
        self.context = TrainingContext(self, settings, keymap, self.runs, self.plot, self.events, self)
        self._curves = Curves()
        self._followed: object = None
        self._seen: tuple[int, int] = (-1, -1)
        self._listed = -1
        self._next_frame = 0.0
        self._frame_timer: Timer | None = None
        self._is_closed = False

    # --- what watches

    def on_mount(self) -> None:
        """Begin to watch, and draw again and again while it is in front."""
        self.set_interval(1 / LOOKED_A_SECOND, self._tick)
        self.try_again()

    def try_again(self) -> None:
        """Begin to watch once more."""
        if self.context.settings.make_training is not None:
            self.context.problem = ""
            self.run_worker(self._open(), name="training", group="monitor", exclusive=True, exit_on_error=False)
        self.draw()

    async def _open(self) -> None:
        make = self.context.settings.make_training
        assert make is not None
        try:
            monitor = await asyncio.to_thread(make)
            await monitor.open()
        except EvolverError as error:
            self.context.problem = str(error)
            self.draw()
            return
        if self._is_closed:
            await monitor.close()
            return
        self.context.open_monitor = monitor
        self.draw()

    async def detach(self) -> None:
        """Watch no more; what stands on the screen stays there."""
        self._is_closed = True
        if self._frame_timer is not None:
            self._frame_timer.stop()
        self.workers.cancel_group(self, "monitor")
        monitor, self.context.open_monitor = self.context.open_monitor, None
        if monitor is not None:
            await monitor.close()

    async def on_unmount(self) -> None:
        """The console is over, however that came."""
        await self.detach()

    # --- drawing

    def _tick(self) -> None:
        """Draw what changed, unless that was done a moment ago; ages change once a second."""
        is_in_front = self.app.screen_stack[:1] == [self]  # while the console ends there is none
        if not is_in_front or self.context.settings.monotonic() < self._next_frame:
            return
        monitor = self.context.open_monitor
        now = monitor.changes if monitor is not None else -1, int(self.context.settings.now())
        if now != self._seen:
            self._seen = now
            self.draw()

    def on_screen_resume(self) -> None:
        """It is in front again: what was told meanwhile is drawn."""
        self.draw()

    def draw(self) -> None:
        """Bring everything up to date."""
        if self._is_closed or not self.is_attached:
            return
        began, used = self.context.settings.monotonic(), time.thread_time()
        monitor = self.context.open_monitor
        if monitor is not None and monitor.changes != self._listed:
            self._listed = monitor.changes
            runs = monitor.runs
            self.runs.show_runs(runs)
            self.head.update(self._totals(monitor, [each.run for each in runs]))
        selected, other = self.context.selected, self.context.marked
        self._follow(selected)
        self._draw_plot(monitor, selected, other)
        self.runs.tick()
        now = self.context.settings.now()
        self.facts.show(selected, now)
        self.facts_line.show(selected, now)
        self.events.show_events(selected)
        self.show_keys()
        rest = max(SECONDS_BETWEEN_FRAMES, _SHARE * (time.thread_time() - used))
        self._next_frame = began + rest
        if self._frame_timer is not None:
            self._frame_timer.stop()
        self._frame_timer = self.set_timer(rest, self._tick)  # what came meanwhile waits for no look

    def _follow(self, selected: WatchedRun | None) -> None:
        """Have its place read the whole of the run that is looked at."""
        key = selected.key if selected is not None else None
        if selected is not None and key != self._followed:
            selected.source.follow(selected.run.run_id)
            if self.context.choice.cursor is not None or self.context.choice.span.start is not None:
                choice = self.context.choice
                self.context.choice = choice._replace(cursor=None, span=choice.span._replace(start=None))
        self._followed = key

    @staticmethod
    def _totals(monitor: TrainingMonitor, runs: Sequence[TrainingRun]) -> Totals:
        training = [run for run in runs if is_training(run)]
        return Totals(
            training=len(training),
            runs=len(runs),
            places=tuple(source.standing for source in monitor.sources),
            errors=sum(run.errors for run in training),
        )

    def _draw_plot(
        self, monitor: TrainingMonitor | None, selected: WatchedRun | None, other: WatchedRun | None
    ) -> None:
        self.set_class(selected is None, "-empty")
        if selected is None and not self.runs.search:
            self.plot.show_guide("Training", self._guide(monitor))
            return
        context = self.context
        lines = lines_of(selected, other, context.choice, self._curves)
        self.plot.show(context.metric, selected.run.name if selected is not None else "", lines, context.choice)
        number = next((index for index, line in enumerate(lines) if line.is_other), len(lines))
        self.runs.marked_sign = line_sign(number, PLAIN_SIGNS if context.settings.plain else PlotSigns())

    def _guide(self, monitor: TrainingMonitor | None) -> TextPage:
        context = self.context
        if context.settings.make_training is None:
            return NOWHERE
        if context.problem:
            return problem_page(context.problem, context.keymap.shown_key(TRY_AGAIN))
        if monitor is None:
            return OPENING
        return quiet_page([each.standing for each in monitor.sources], context.keymap.shown_key(OPEN_PLACE))

    # --- what the panes tell

    def on_rows_moved(self, event: RowsMoved) -> None:
        """Show what is under the cursor now."""
        event.stop()
        self.draw()

    def on_plot_pointed(self, event: PlotPointed) -> None:
        """Read off the values there."""
        event.stop()
        self.context.choose(self.context.choice._replace(cursor=event.place))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A table without the focus draws its cursor another way."""
        self.draw()

    def on_resize(self) -> None:
        """Other panes may be in sight."""
        self.call_after_refresh(self.draw)

    # --- layout

    @property
    def shows_plot_alone(self) -> bool:
        """Whether the plot has the whole view."""
        return self.has_class("-plot")

    @property
    def shows_events_alone(self) -> bool:
        """Whether the events have the whole view."""
        return self.has_class("-events")

    def show_alone(self, pane: str) -> None:
        """Give the whole view to a pane, by its name, or to all of them with none."""
        self.set_class(pane == "plot", "-plot")
        self.set_class(pane == "events", "-events")
        self._focus_pane({"plot": self.plot, "events": self.events}.get(pane, self.runs))
        self.call_after_refresh(self.draw)

    def _focus_pane(self, pane: Pane) -> None:
        self.set_focus(pane)  # at once: the next key is meant for it

    def cycle(self, step: int) -> None:
        """Go to the next pane that is in sight."""
        panes: list[Pane] = [self.runs, self.plot]
        if self.has_class("-narrow") is False:
            panes.append(self.events)
        here = pane_of(self)
        if not self.shows_plot_alone and not self.shows_events_alone:
            at = panes.index(here) if here in panes else 0
            self._focus_pane(panes[(at + step) % len(panes)])

    def go_back(self) -> None:
        """Out of the innermost thing."""
        context = self.context
        if self.runs.close_filter() or self.events.end_selection():
            return
        if context.choice.cursor is not None:
            context.choose(context.choice._replace(cursor=None, span=context.choice.span._replace(start=None)))
        elif self.shows_plot_alone or self.shows_events_alone:
            self.show_alone("")
        elif pane_of(self) is not self.runs:
            self._focus_pane(self.runs)
