"""`evolver-tui export`: a session's log, or what persons decided as data to train on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evolver_tui.cli.arguments import Subparsers, call, workspace_or_demo_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import say, write_a_file
from evolver_tui.cli.past_sessions import hinting_at_the_demo
from evolver_tui.core.errors import UsageError
from evolver_tui.core.times import day_or_time

if TYPE_CHECKING:
    from evolver_tui.engine.decision_export.export import Shape
    from evolver_tui.engine.decision_export.wanted import Wanted

DECISIONS: Final = ("sft", "dpo", "kto")
"""The formats that hold decisions, by the name of the trainer in TRL that reads them."""


class ExportOptions(Options):
    """What is exported, how and where."""

    takes_demo = True

    session: str | None
    format: str
    output: Path | None
    type: list[str]
    model: list[str]
    reviewer: list[str]
    since: float | None
    until: float | None
    unreviewed: bool
    validation: float | None
    keep_duplicates: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export", parents=[workspace_or_demo_arguments()], help="a session's log, or decisions to train on, as a file"
    )
    parser.add_argument("session", nargs="?", help="default: the latest; for sft, dpo and kto all of them")
    parser.add_argument("--format", default="jsonl", help="jsonl, json or md; or sft, dpo or kto, as TRL loads them")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: standard output")
    chosen = parser.add_argument_group("which decisions (sft, dpo, kto)")
    chosen.add_argument("--type", action="append", default=[], help="about tasks of this type; may come again")
    chosen.add_argument("--model", action="append", default=[], help="about drafts of this model; may come again")
    chosen.add_argument("--reviewer", action="append", default=[], metavar="NAME", help="made by them; may come again")
    chosen.add_argument("--since", type=_beginning, metavar="DATE", help="e.g. 2026-01-31, by UTC")
    chosen.add_argument("--until", type=_end, metavar="DATE", help="the last day, or the time before which")
    chosen.add_argument("--unreviewed", action="store_true", help="with what rules approved and no person saw")
    chosen.add_argument("--keep-duplicates", action="store_true", help="with rows nearly the same as one before")
    chosen.add_argument("--validation", type=_share, metavar="SHARE", help="of tasks in a file of their own, e.g. 0.1")
    call(run, ExportOptions, parser)


def _beginning(text: str) -> float:
    return _moment(text, is_end=False)


def _end(text: str) -> float:
    return _moment(text, is_end=True)


def _moment(text: str, *, is_end: bool) -> float:
    try:
        return day_or_time(text, is_end=is_end)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-01-31 or 2026-01-31T12:00Z") from None


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1")
    return share


def run(options: ExportOptions) -> int:
    """Write the log, or the decisions."""
    if options.format in DECISIONS:
        return _export_decisions(options)
    import asyncio

    from evolver_tui.engine.export import export_session
    from evolver_tui.wiring import known_secrets, make_reader

    if named := [name for name in _ABOUT_DECISIONS if getattr(options, name) not in (None, False, [])]:
        option = f"--{named[0].replace('_', '-')}"
        raise UsageError(f"{option} is about decisions.", f"Choose one of {', '.join(DECISIONS)} with --format.")
    write_a_file()
    workspace = options.find_database()
    export = export_session(
        make_reader(workspace), options.session or "latest", options.format, options.output, known_secrets(workspace)
    )
    with hinting_at_the_demo(workspace):
        asyncio.run(export)
    return ExitCode.DONE


_ABOUT_DECISIONS: Final = (
    "type", "model", "reviewer", "since", "until", "unreviewed", "keep_duplicates", "validation",
)  # fmt: skip


def _export_decisions(options: ExportOptions) -> int:
    import asyncio

    from evolver_tui.engine.decision_export.export import export_decisions
    from evolver_tui.wiring import known_secrets, known_tools, make_reader

    write_a_file()
    workspace = options.find_database()
    export = export_decisions(
        make_reader(workspace), _shape(options), _wanted(options), tuple(known_tools(workspace).tools.values()),
        known_secrets(workspace), options.output,
    )  # fmt: skip
    with hinting_at_the_demo(workspace):
        outcome = asyncio.run(export)
    say(outcome.sentences(), sys.stderr)
    return ExitCode.DONE


def _shape(options: ExportOptions) -> Shape:
    from evolver_tui.engine.decision_export.export import Shape

    return Shape(options.format, options.keep_duplicates, options.validation or 0.0)


def _wanted(options: ExportOptions) -> Wanted:
    from evolver_tui.engine.decision_export.wanted import Wanted

    wanted = Wanted(
        options.session or "", tuple(options.type), tuple(options.model), tuple(options.reviewer),
        unreviewed=options.unreviewed,
    )  # fmt: skip
    return wanted.within(options.since, options.until)
