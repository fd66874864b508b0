"""The table of commands, and the parser made of it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from evolver_tui import __version__
from evolver_tui.cli import console
from evolver_tui.cli.arguments import Parser, Subparsers, workspace_arguments


class Command(Protocol):
    """A module with a group of commands."""

    def add_parser(self, commands: Subparsers) -> None:
        """Add the parsers, and say by `arguments.call` what is called with what they read."""


COMMANDS: Mapping[str, str] = {
    "connect": "connect",
    "serve": "serve",
    "worker": "worker",
    "hub": "hub",
    "run": "nodes.command",
    "nodes": "nodes.command",
    "jobs": "jobs.command",
    "sessions": "sessions.command",
    "export": "export",
    "stats": "stats",
    "signals": "signals",
    "replay": "replay",
    "rules": "rules",
    "workflow": "workflow.command",
    "progress": "progress.command",
    "train": "train",
    "config": "config",
    "doctor": "doctor.command",
}
"""Each command's module, in the order of `--help`. What it needs beyond the standard library it imports when called."""


def make_parser(only: str = "") -> Parser:
    """What reads the arguments; without a command they are the console's.

    Args:
        only: the command that they begin with; if it is one, the others' modules are not imported.
    """
    modules = [COMMANDS[only]] if only in COMMANDS else dict.fromkeys(COMMANDS.values())
    parser = Parser(
        prog="evolver-tui", parents=[workspace_arguments()],
        description="The console: supervise an agent that writes code. Without a command it opens in this terminal.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"evolver-tui {__version__}")
    console.add_arguments(parser)
    commands = parser.add_subparsers(metavar="COMMAND")
    for module in modules:
        cast("Command", import_module(f"evolver_tui.cli.{module}")).add_parser(commands)
    return parser
