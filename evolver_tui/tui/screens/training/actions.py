"""What can be done with runs and the places where they are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action, Work

if TYPE_CHECKING:
    from evolver_tui.tui.screens.training.context import TrainingContext

RUNS, PLOT, EVENTS = ("runs",), ("plot",), ("events",)
OF_A_RUN = (*RUNS, *PLOT)
EVERYWHERE = (*OF_A_RUN, *EVENTS)
SECTION = "Training"


def without_run(view: TrainingContext) -> str:
    """Why nothing can be done with a run."""
    return view.reason_against_use() or ("" if view.selected is not None else "There is no run here.")


async def _open_place(view: TrainingContext) -> None:
    """Watch a further folder, file or server."""
    from evolver_tui.tui.modals import PlaceModal

    place, problem = "", ""
    while True:
        typed = await view.ask(PlaceModal(place, problem, now=view.settings.monotonic))
        if not typed:
            return
        place = typed
        try:
            source = await view.monitor.watch(place)
        except EvolverError as error:
            problem = str(error)
            continue
        view.say(f"{safe_text(source.standing.place, 200)} is watched.")
        view.layout.draw()
        return


def _compare(view: TrainingContext) -> None:
    """Lay the run under the cursor beside others, or none any more."""
    selected = view.selected
    if selected is not None:
        is_marked = view.runs.marked == selected.key
        view.runs.marked = None if is_marked else selected.key
        if not is_marked:
            selected.source.follow(selected.run.run_id)
            view.say(f"{safe_text(selected.run.name, 60)} is drawn beside the run under the cursor.")
        view.layout.draw()


def _copy(view: TrainingContext) -> Work:
    """Copy what is selected of the events, the value under the cursor, or the run's id."""
    from evolver_tui.tui.drawing.selected_text import SelectedText

    if view.pane_in_focus in EVENTS:
        return view.copy(view.events.take_text())
    reading, selected = view.plot.reading, view.selected
    assert selected is not None
    text = safe_text(selected.run.run_id) if reading is None else repr(reading.value)
    return view.copy(SelectedText(text, 1, False))


def _toggle_follow(view: TrainingContext) -> None:
    if view.runs.follows:
        view.runs.moved_by_hand()
    else:
        view.runs.follow()
    view.layout.draw()


def _toggle_alone(view: TrainingContext, pane: str) -> None:
    is_alone = view.layout.shows_plot_alone if pane == "plot" else view.layout.shows_events_alone
    view.layout.show_alone("" if is_alone else pane)


ALONE: Action[TrainingContext] = Action(
    "training.plot", "enter", "large plot", "Give the plot the whole view, or take that back.", SECTION,
    lambda view: _toggle_alone(view, "plot"), without_run, panes=EVERYWHERE, footer=1,
    is_on=lambda view: view.layout.shows_plot_alone, title_when_on="all panes",
)  # fmt: skip
SHOW_EVENTS: Action[TrainingContext] = Action(
    "training.events", "e", "events", "Give the events the whole view, or take that back.", SECTION,
    lambda view: _toggle_alone(view, "events"), without_run, panes=EVERYWHERE, footer=8,
    is_on=lambda view: view.layout.shows_events_alone, title_when_on="all panes",
)  # fmt: skip
OPEN_PLACE: Action[TrainingContext] = Action(
    "training.open", "o", "open", "Watch the runs of a further folder, file or server.", SECTION, _open_place,
    lambda view: view.reason_against_use(), panes=EVERYWHERE, footer=7,
)  # fmt: skip
COMPARE: Action[TrainingContext] = Action(
    "training.compare", "c", "compare", "Draw the run under the cursor beside each other one, or no more.", SECTION,
    _compare, without_run, panes=OF_A_RUN, footer=6,
    is_on=lambda view: view.selected is not None and view.runs.marked == view.selected.key, title_when_on="uncompare",
)  # fmt: skip
FOLLOW: Action[TrainingContext] = Action(
    "training.follow", "f", "follow", "Go to the run that began last by itself, or stand still.", SECTION,
    _toggle_follow, without_run, panes=EVERYWHERE, footer=31, is_on=lambda view: view.runs.follows,
    title_when_on="stand still",
)  # fmt: skip
FILTER: Action[TrainingContext] = Action(
    "training.filter", "slash", "filter", "Show only runs whose name, project, place or state contain some text.",
    SECTION, lambda view: view.runs.open_filter(),
    lambda view: "Show all panes first." if view.layout.shows_plot_alone or view.layout.shows_events_alone else "",
    panes=EVERYWHERE, footer=33,
)  # fmt: skip
SELECT: Action[TrainingContext] = Action(
    "training.select", "v", "select", "Select lines of the events; moving extends it, escape ends it.", SECTION,
    lambda view: view.events.begin_selection(), panes=EVENTS,
)  # fmt: skip
COPY: Action[TrainingContext] = Action(
    "training.copy", "Y", "copy",
    "Copy the value under the plot's cursor, or else the run's id; of the events what is selected.", SECTION, _copy,
    without_run, panes=EVERYWHERE, footer=34,
)  # fmt: skip


# --- going about

TRY_AGAIN: Action[TrainingContext] = Action(
    "training.again", "C", "try again", "Begin to watch once more, where that could not be done.", SECTION,
    lambda view: view.layout.try_again(), lambda view: "" if view.problem else "It is tried by itself.",
    panes=EVERYWHERE, footer=0, is_occasional=True,
)  # fmt: skip
NEXT_PANE: Action[TrainingContext] = Action(
    "training.next_pane", "tab", "next pane", "Go to the next pane.", SECTION, lambda view: view.layout.cycle(1),
    panes=EVERYWHERE,
)  # fmt: skip
PREVIOUS_PANE: Action[TrainingContext] = Action(
    "training.previous_pane", "shift+tab", "previous pane", "Go to the previous pane.", SECTION,
    lambda view: view.layout.cycle(-1), panes=EVERYWHERE,
)  # fmt: skip
BACK: Action[TrainingContext] = Action(
    "training.back", "escape", "back", "Leave the filter, the selection, the plot's cursor, the large pane.", SECTION,
    lambda view: view.layout.go_back(), panes=EVERYWHERE, is_way_out=True,
)  # fmt: skip
