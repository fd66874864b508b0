"""`evolver-tui worker`: works on what waits in the queue, beside consoles that show it and people who answer."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Sequence
from typing import Final

from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, workspace_or_demo_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import tell

_MOST_AT_ONCE: Final = 64


class WorkerOptions(Options):
    """What the worker is told."""

    takes_demo = True

    concurrency: int
    routine: Sequence[str] | None
    json: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "worker", parents=[workspace_or_demo_arguments()], help="work on what waits, without a screen",
        description="Works on what waits in the queue until Ctrl+C, which lets what is held come to its next stop; a "
        "second one, or SIGTERM, gives it back. What is done is told on standard error.",
    )  # fmt: skip
    parser.add_argument(
        "--concurrency", type=_number, default=1, metavar="N", help="how many new jobs are worked on at once (1)"
    )
    parser.add_argument(
        "--routine", action="append", metavar="NAME",
        help="only jobs of this routine, `author` for the built-in one; may be given again",
    )  # fmt: skip
    add_json_argument(parser)
    call(run, WorkerOptions, parser)


def run(options: WorkerOptions) -> int:
    """Work until told to end."""
    import asyncio

    from evolver_tui.cli.signal_lines import tell_as_json, tell_in_words
    from evolver_tui.core.job import AUTHOR, AUTHOR_NAME
    from evolver_tui.engine.worker_run import run_worker
    from evolver_tui.wiring import Work, make_session

    routines = None
    if options.routine:
        routines = tuple(AUTHOR if name == AUTHOR_NAME else name for name in dict.fromkeys(options.routine))
    session = make_session(options.find_workspace(), work=Work(routines, options.concurrency), pace=0.0)
    session.bus.registry.register_all(tell_as_json if options.json else tell_in_words, stays=True)
    return ExitCode.DONE if asyncio.run(run_worker(session, _cut_off)) else ExitCode.INTERRUPTED


def _cut_off() -> None:
    tell("evolver-tui: Its end took too long and was cut off. What it held goes on in another worker.")
    os._exit(ExitCode.FAILED)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _MOST_AT_ONCE):
        raise ArgumentTypeError(f"{text!r} is no number from 1 to {_MOST_AT_ONCE}")
    return int(text)
