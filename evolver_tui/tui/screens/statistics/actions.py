"""What can be done with statistics: other groups, another period, a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action

if TYPE_CHECKING:
    from evolver_tui.tui.screens.statistics.context import StatisticsContext

_SECTION = "Statistics"
_PANES = ("groups",)


def _against_use(view: StatisticsContext) -> str:
    return view.reason_against_use()


def _against_export(view: StatisticsContext) -> str:
    return view.reason_against_use() or ("" if view.found is not None else "It is still being read.")


async def _export_csv(view: StatisticsContext) -> None:
    """Write the groups as CSV."""
    from evolver_tui.core.statistics_words import statistics_csv

    if view.found is not None:
        await _write(view, ".csv", statistics_csv(view.found))


async def _export_json(view: StatisticsContext) -> None:
    """Write everything as JSON."""
    import json

    from evolver_tui.core.statistics_words import statistics_value

    if view.found is not None:
        await _write(view, ".json", json.dumps(statistics_value(view.found), indent=2) + "\n")


async def _write(view: StatisticsContext, suffix: str, text: str) -> None:
    import asyncio

    from evolver_tui.tui.new_file import plain_name, write_new

    folder = view.settings.exports
    if folder is None:
        view.say("There is no folder for exports here.", "warning")
        return
    name = f"statistics-by-{view.grouping}-{plain_name(view.period_words)}"
    path = await asyncio.to_thread(write_new, folder, name, suffix, text, "The statistics")
    view.say_path("The statistics were written to", path)


GROUPING: Action[StatisticsContext] = Action(
    "statistics.grouping", "n", "group by", "Group by the next: type, model, routine, person, day.", _SECTION,
    lambda view: view.choose_grouping(1), _against_use, panes=_PANES, footer=1,
)  # fmt: skip
GROUPING_BEFORE: Action[StatisticsContext] = Action(
    "statistics.grouping_before", "N", "group before", "Group by the one before.", _SECTION,
    lambda view: view.choose_grouping(-1), _against_use, panes=_PANES,
)  # fmt: skip
PERIOD: Action[StatisticsContext] = Action(
    "statistics.period", "p", "period", "Look at the next period: today, 7 days, 30 days, all.", _SECTION,
    lambda view: view.choose_period(1), _against_use, panes=_PANES, footer=2,
)  # fmt: skip
PERIOD_BEFORE: Action[StatisticsContext] = Action(
    "statistics.period_before", "P", "period before", "Look at the period before.", _SECTION,
    lambda view: view.choose_period(-1), _against_use, panes=_PANES,
)  # fmt: skip
EXPORT: Action[StatisticsContext] = Action(
    "statistics.export", "x", "export", "Export the groups to a file, as CSV.", _SECTION, _export_csv, _against_export,
    panes=_PANES, footer=3, is_alone=True,
)  # fmt: skip
EXPORT_JSON: Action[StatisticsContext] = Action(
    "statistics.export_json", "X", "export as json", "Export as JSON the groups and the reasons, to a file.", _SECTION,
    _export_json, _against_export, panes=_PANES, is_alone=True,
)  # fmt: skip
FILTER: Action[StatisticsContext] = Action(
    "statistics.filter", "slash", "filter", "Show only groups whose name contains some text.", _SECTION,
    lambda view: view.table.open_filter(), _against_use, panes=_PANES, footer=33,
)  # fmt: skip
BACK: Action[StatisticsContext] = Action(
    "statistics.back", "escape", "back", "Leave the filter.", _SECTION, lambda view: view.go_back(), panes=_PANES,
    is_way_out=True,
)  # fmt: skip
