"""What can be done with the plot: which metric, how it is scaled, and what is read off it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.training.actions import EVERYWHERE, OF_A_RUN, SECTION, without_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from evolver_tui.tui.screens.training.context import TrainingContext
    from evolver_tui.tui.screens.training.plot_choice import PlotChoice


def _without_numbers(view: TrainingContext) -> str:
    return without_run(view) or ("" if view.plot.plot is not None else "There is no plot here.")


def _plot_action(
    name: str, key: str, title: str, help: str, footer: int | None, change: Callable[[TrainingContext], PlotChoice],
    is_on: Callable[[TrainingContext], bool] | None = None, title_when_on: str = "",
) -> Action[TrainingContext]:  # fmt: skip
    def run(view: TrainingContext) -> None:
        view.choose(change(view))

    return Action(
        f"plot.{name}", key, title, help, SECTION, run, _without_numbers, panes=OF_A_RUN, footer=footer, is_on=is_on,
        title_when_on=title_when_on,
    )  # fmt: skip


def _other_metric(view: TrainingContext, step: int) -> PlotChoice:
    selected = view.selected
    names = selected.run.metric_names if selected is not None else []
    at = names.index(view.metric) if view.metric in names else 0
    return view.choice._replace(metric=names[(at + step) % len(names)] if names else "")


async def _choose_metric(view: TrainingContext) -> None:
    """Let a person choose from the list."""
    from evolver_tui.tui.modals import ListModal

    selected = view.selected
    if selected is None:
        return
    names = selected.run.metric_names
    modal = ListModal(
        "Metric", names, names.index(view.metric) if view.metric in names else 0, now=view.settings.monotonic
    )
    chosen = await view.ask(modal)
    if chosen is not None:
        view.choose(view.choice._replace(metric=names[chosen]))


async def _export(view: TrainingContext) -> None:
    """Write what is drawn as an SVG file."""
    import asyncio

    from evolver_tui.core.training.plot_svg import svg_of
    from evolver_tui.tui.screens.training.plot_file import write_plot

    selected, folder = view.selected, view.settings.exports
    if selected is None or folder is None:
        view.say("There is no folder for exports here.", "warning")
        return
    text = svg_of(view.plot.lines, view.metric, selected.run.name, view.choice.span, by_time=view.choice.by_time,
                  is_log=view.choice.is_log)  # fmt: skip
    path = await asyncio.to_thread(write_plot, folder, selected.run.name, view.metric, text)
    view.say_path("The plot was written to", path)


METRIC: Action[TrainingContext] = _plot_action(
    "metric", "n", "metric", "Show the next metric.", 2, lambda view: _other_metric(view, 1)
)
METRIC_BEFORE: Action[TrainingContext] = _plot_action(
    "metric_before", "N", "metric before", "Show the metric before.", None, lambda view: _other_metric(view, -1)
)
METRICS: Action[TrainingContext] = Action(
    "plot.metrics", "M", "metrics", "Choose the metric from a list.", SECTION, _choose_metric, _without_numbers,
    panes=OF_A_RUN,
)  # fmt: skip
SMOOTH: Action[TrainingContext] = _plot_action(
    "smooth", "s", "smooth", "Smooth the lines by 0.6, 0.9, 0.97, or not; what was told lies behind.", 3,
    lambda view: view.choice._replace(weight=view.choice.next_weight),
)  # fmt: skip
LOG: Action[TrainingContext] = _plot_action(
    "log", "l", "log", "Scale the values by their logarithm, or not.", 4,
    lambda view: view.choice._replace(is_log=not view.choice.is_log), lambda view: view.choice.is_log, "linear",
)  # fmt: skip
BY_TIME: Action[TrainingContext] = _plot_action(
    "time", "t", "by time", "Lay the time across instead of steps, or steps again.", 5,
    lambda view: view.choice._replace(by_time=not view.choice.by_time, cursor=None, span=type(view.choice.span)()),
    lambda view: view.choice.by_time, "by step",
)  # fmt: skip
MODELS: Action[TrainingContext] = _plot_action(
    "models", "a", "one model", "Draw the model that trains alone, or all models of the run.", 9,
    lambda view: view.choice._replace(has_all_models=not view.choice.has_all_models),
    lambda view: not view.choice.has_all_models, "all models",
)  # fmt: skip
CURSOR_RIGHT: Action[TrainingContext] = _plot_action(
    "right",
    "right",
    "read off",
    "Read off the values; the cursor goes right.",
    32,
    lambda view: view.plot.moved_cursor(1),
)
CURSOR_LEFT: Action[TrainingContext] = _plot_action(
    "left",
    "left",
    "read off",
    "Read off the values; the cursor goes left.",
    None,
    lambda view: view.plot.moved_cursor(-1),
)
FAR_RIGHT: Action[TrainingContext] = _plot_action(
    "far_right", "shift+right", "far right", "The cursor goes a tenth of the plot right.", None,
    lambda view: view.plot.moved_cursor(1, far=True),
)  # fmt: skip
FAR_LEFT: Action[TrainingContext] = _plot_action(
    "far_left", "shift+left", "far left", "The cursor goes a tenth of the plot left.", None,
    lambda view: view.plot.moved_cursor(-1, far=True),
)  # fmt: skip
CLOSER: Action[TrainingContext] = _plot_action(
    "closer", "plus", "closer", "Look closer at the end, or at where the cursor is.", 35,
    lambda view: view.plot.zoomed(1),
)  # fmt: skip
WIDER: Action[TrainingContext] = _plot_action(
    "wider", "minus", "wider", "Look at more of it.", None, lambda view: view.plot.zoomed(-1)
)
EXPORT: Action[TrainingContext] = Action(
    "plot.export", "x", "export", "Export the plot to a file, as SVG.", SECTION, _export, _without_numbers,
    panes=EVERYWHERE, footer=41, is_alone=True,
)  # fmt: skip
