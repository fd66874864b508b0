"""`evolver-tui connect`: a session without a screen, with spec 000's events on stderr and its result on stdout."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import Subparsers, call, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import tell
from evolver_tui.core.errors import EvolverError, UsageError

if TYPE_CHECKING:
    from evolver_tui.engine.headless import HeadlessResult
    from evolver_tui.settings.connect_config import ConnectConfig

_telling = threading.Lock()
"""Held by whoever writes the result: there is one."""


class ConnectOptions(Options):
    """What `connect` is told."""

    approve: str


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "connect", parents=[workspace_arguments()], help="headless: JSON config on stdin, events on stderr",
        description="Headless: JSON config on stdin, events on stderr, the result on stdout.",
        epilog="--approve low saves a draft unread when a reading of its code found only names that are known to be "
        "harmless. That is no protection: it does not show what a draft does with the task's data and the tools, nor "
        "what a name turns out to be at run time, and a box holds it only where evolver-tui runs it. Where you do not "
        "trust who writes the tasks or the model, use --approve none. No rule saves a draft of high risk: it waits "
        "for a person, who types its name.",
    )  # fmt: skip
    parser.add_argument(
        "--approve", choices=("all", "low", "none"), default="low",
        help="which drafts are saved without a review (default: low); see below what low does not protect from",
    )  # fmt: skip
    call(run, ConnectOptions, parser)


def run(options: ConnectOptions) -> int:
    """Spec 000's result on stdout, whatever happens."""
    from dataclasses import replace

    from evolver_tui.cli.inputs import read_standard_input
    from evolver_tui.settings.connect_config import HUB_URL_MISSING, read_connect_config
    from evolver_tui.settings.output_file import output_file

    try:
        _end_by_exception()
        config = read_connect_config(read_standard_input())
        if isinstance(config, dict):
            code = ExitCode.DONE if config["error"] == HUB_URL_MISSING else ExitCode.WRONG_USAGE
            return _end((_line(config),), code)
        if config.output_file:
            config = replace(config, output_file=str(output_file(config.output_file)))
        result = _run_headless(options, config)
    except EvolverError as error:
        code = ExitCode.WRONG_USAGE if isinstance(error, UsageError) else ExitCode.FAILED
        return _end((_line({"error": str(error), "success": False}),), code)
    except KeyboardInterrupt:
        problem = {"error": "Interrupted before it had begun.", "success": False}
        return _end((_line(problem),), ExitCode.INTERRUPTED)
    return _end(result.pieces(), _code_of(result))


def write_event(event: Mapping[str, Any]) -> None:
    """Write an event as a line on standard error."""
    tell(_line(event))


def _end_by_exception() -> None:
    """Until the run hears signals itself, those that end a process are a Ctrl+C: the result is told in any case."""
    import signal

    from evolver_tui.engine.process_end import heard_at_once

    for number in heard_at_once():
        signal.signal(number, signal.default_int_handler)


def _code_of(result: HeadlessResult) -> ExitCode:
    if result.was_interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if result.value["success"] else ExitCode.FAILED


def _end(result: Iterable[str], code: ExitCode) -> ExitCode:
    if _telling.acquire(blocking=False):
        for piece in result:
            sys.stdout.write(piece)
        sys.stdout.write("\n")
    return code


def _cut_off(result: HeadlessResult) -> None:
    try:
        code = _end(result.pieces(), _code_of(result))
        sys.stdout.flush()
    except OSError:  # nobody reads it
        code = ExitCode.FAILED
    os._exit(code)


def _line(value: Mapping[str, Any]) -> str:
    import json

    return json.dumps(value)


def _run_headless(options: ConnectOptions, config: ConnectConfig) -> HeadlessResult:
    import asyncio

    from evolver_tui.engine.author.approval_rules import APPROVAL_WARNINGS, APPROVALS
    from evolver_tui.engine.headless import run_headless
    from evolver_tui.wiring import make_session

    session = make_session(
        options.find_workspace(),
        method=config.hub_name,
        generate=config.auto_generate_workflows,
        auto_review=APPROVALS[options.approve],
        pace=0.0,
    )
    warning = APPROVAL_WARNINGS.get(options.approve, "") if config.auto_generate_workflows else ""
    return asyncio.run(run_headless(session, config, write_event, warning, _cut_off))
