"""`evolver-tui export`: a session's log."""

from __future__ import annotations

from pathlib import Path

from evolver_tui.cli.arguments import Subparsers, call, workspace_or_demo_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import write_a_file
from evolver_tui.cli.past_sessions import hinting_at_the_demo


class ExportOptions(Options):
    """What is exported, how and where."""

    takes_demo = True

    session: str
    format: str
    output: Path | None


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser("export", parents=[workspace_or_demo_arguments()], help="a session's log as a file")
    parser.add_argument("session", nargs="?", default="latest")
    parser.add_argument("--format", default="jsonl", help="jsonl, json or md")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: standard output")
    call(run, ExportOptions, parser)


def run(options: ExportOptions) -> int:
    """Write the log."""
    import asyncio

    from evolver_tui.engine.export import export_session
    from evolver_tui.wiring import known_secrets, make_reader

    write_a_file()
    workspace = options.find_database()
    export = export_session(
        make_reader(workspace), options.session, options.format, options.output, known_secrets(workspace)
    )
    with hinting_at_the_demo(workspace):
        asyncio.run(export)
    return ExitCode.DONE
