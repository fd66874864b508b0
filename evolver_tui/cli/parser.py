"""The table of commands, and the parser made of it."""

from __future__ import annotations

from typing import Protocol

from evolver_tui import __version__
from evolver_tui.cli import config, connect, console, export, hub, worker
from evolver_tui.cli.arguments import Parser, Subparsers, workspace_arguments
from evolver_tui.cli.jobs import command as jobs
from evolver_tui.cli.nodes import command as nodes


class Command(Protocol):
    """A module with a group of commands."""

    def add_parser(self, commands: Subparsers) -> None:
        """Add the parsers, and say by `arguments.call` what is called with what they read."""


COMMANDS: tuple[Command, ...] = (connect, worker, hub, nodes, jobs, export, config)
"""In the order of `--help`. What they need beyond the standard library, they import when they are called."""


def make_parser() -> Parser:
    """What reads the arguments; without a command they are the console's."""
    parser = Parser(
        prog="evolver-tui", parents=[workspace_arguments()],
        description="The console: supervise an agent that writes code. Without a command it opens in this terminal.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"evolver-tui {__version__}")
    console.add_arguments(parser)
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
