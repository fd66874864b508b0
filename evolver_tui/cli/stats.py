"""`evolver-tui stats`: what people decided, how long it took them, and what it cost."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, positive_count, workspace_or_demo_arguments
from evolver_tui.cli.options import Options
from evolver_tui.cli.past_sessions import hinting_at_the_demo
from evolver_tui.core.errors import UsageError
from evolver_tui.core.times import local_moment

if TYPE_CHECKING:
    from evolver_tui.cli.output import Result
    from evolver_tui.core.statistics import Statistics
    from evolver_tui.engine.statistics import Period

_GROUPINGS = ("day", "type", "model", "routine", "person")
_FORMATS = ("table", "json", "csv")


class StatsOptions(Options):
    """Which decisions, in which groups, and how they are written."""

    takes_demo = True

    by: str
    days: int | None
    since: float | None
    until: float | None
    reasons: int
    format: str
    json: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "stats", parents=[workspace_or_demo_arguments()], help="what people decided, how fast, why, and what it cost"
    )
    parser.add_argument("--by", default="type", metavar="WHAT", help=f"groups: {', '.join(_GROUPINGS)} (type)")
    parser.add_argument("--days", type=positive_count, metavar="N", help="today and the days before, N in all")
    parser.add_argument("--since", type=_beginning, metavar="DATE", help="e.g. 2026-01-31, by this machine's calendar")
    parser.add_argument("--until", type=_end, metavar="DATE", help="the last day, or the time before which")
    parser.add_argument("--reasons", type=positive_count, default=10, metavar="N", help="reasons at most (10)")
    parser.add_argument("--format", default="table", help="table, json or csv (table)")
    add_json_argument(parser)
    call(run, StatsOptions, parser)


def _beginning(text: str) -> float:
    return _moment(text, is_end=False)


def _end(text: str) -> float:
    return _moment(text, is_end=True)


def _moment(text: str, *, is_end: bool) -> float:
    try:
        return local_moment(text, is_end=is_end)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-01-31 or 2026-01-31T12:00") from None


def run(options: StatsOptions) -> int:
    """Read decisions, and write what they came to."""
    from evolver_tui.cli.jobs.reading import with_open
    from evolver_tui.cli.output import show
    from evolver_tui.core.suggest import did_you_mean
    from evolver_tui.engine.statistics import statistics
    from evolver_tui.wiring import make_reader

    if options.by not in _GROUPINGS:
        raise UsageError(f"There are no groups by {options.by!a}.", did_you_mean(options.by, _GROUPINGS, "groups"))
    if options.format not in _FORMATS:
        raise UsageError(f"There is no format {options.format!a}.", did_you_mean(options.format, _FORMATS, "formats"))
    period, format = _period(options), "json" if options.json else options.format
    workspace = options.find_database()
    with hinting_at_the_demo(workspace):
        store = make_reader(workspace)
        found = with_open(store, lambda: statistics(store, period, options.by, options.reasons))  # type: ignore[arg-type]
        return show(_result(found, format), as_json=format == "json")


def _period(options: StatsOptions) -> Period:
    import math

    from evolver_tui.engine.statistics import Period

    if options.days is not None and (options.since is not None or options.until is not None):
        raise UsageError("--days names the whole period.", "Leave out --since and --until, or --days.")
    if options.days is not None:
        return Period.of_days(options.days, time.time())
    return Period(options.since or 0.0, math.inf if options.until is None else options.until)


def _result(found: Statistics, format: str) -> Result:
    """What is written: for people nothing but a sentence where nothing was decided."""
    from evolver_tui.cli.output import Result, table
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.core.statistics import groups_shown
    from evolver_tui.core.statistics_words import HEADS, cells_of, honesty, statistics_csv, statistics_value

    value = statistics_value(found)
    if format == "csv":
        return Result(value, statistics_csv(found).rstrip("\n"))
    spent = found.total.spent
    if not found.total.decisions and not (spent and spent.generations):
        return Result(value, message="Nothing was decided in this time.", is_answer=True)
    rows = [(safe_text(each.name, 40), *cells_of(each)) for each in groups_shown(found)]
    text = table([(found.by.upper(), *HEADS), *rows])
    if found.reasons:
        text += "\n\n" + table(
            [("TIMES", "REASON"), *((f"{each.times:,}", safe_text(each.reason, 100)) for each in found.reasons)]
        )
    return Result(value, text, " ".join(honesty(found)))
