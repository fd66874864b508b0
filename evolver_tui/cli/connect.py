"""`evolver-tui connect`: a session without a screen, with spec 000's events on stderr and its result on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import Subparsers, call, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import tell
from evolver_tui.core.errors import EvolverError, UsageError

if TYPE_CHECKING:
    from evolver_tui.engine.headless import HeadlessResult
    from evolver_tui.settings.connect_config import ConnectConfig


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
        "what a name turns out to be at run time, and no sandbox holds a node that is run. Where you do not trust who "
        "writes the tasks or the model, use --approve none.",
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

    config = read_connect_config(read_standard_input())
    if isinstance(config, dict):
        code = ExitCode.DONE if config["error"] == HUB_URL_MISSING else ExitCode.WRONG_USAGE
        return _end(config, code)
    try:
        if config.output_file:
            config = replace(config, output_file=str(output_file(config.output_file)))
        result = _run_headless(options, config)
    except EvolverError as error:
        code = ExitCode.WRONG_USAGE if isinstance(error, UsageError) else ExitCode.FAILED
        return _end({"error": str(error), "success": False}, code)
    except KeyboardInterrupt:
        return _end({"error": "Interrupted before it had begun.", "success": False}, ExitCode.INTERRUPTED)
    if result.was_interrupted:
        return _end(result.value, ExitCode.INTERRUPTED)
    return _end(result.value, ExitCode.DONE if result.value["success"] else ExitCode.FAILED)


def write_event(event: Mapping[str, Any]) -> None:
    """Write an event as a line on standard error."""
    tell(_line(event))


def _end(result: Mapping[str, Any], code: ExitCode) -> ExitCode:
    print(_line(result))
    return code


def _line(value: Mapping[str, Any]) -> str:
    import json

    return json.dumps(value)


def _run_headless(options: ConnectOptions, config: ConnectConfig) -> HeadlessResult:
    import asyncio

    from evolver_tui.engine.headless import run_headless
    from evolver_tui.wiring import APPROVAL_WARNINGS, APPROVALS, make_session

    session = make_session(
        options.find_workspace(),
        method=config.hub_name,
        generate=config.auto_generate_workflows,
        auto_review=APPROVALS[options.approve],
        pace=0.0,
    )
    warning = APPROVAL_WARNINGS.get(options.approve, "") if config.auto_generate_workflows else ""
    return asyncio.run(run_headless(session, config, write_event, warning))
