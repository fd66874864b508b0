"""`evolver-tui workflow`: the table of its verbs, and the parser made of it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, Protocol, TypeAlias, cast

from evolver_tui.cli.arguments import Parser, Subparsers

Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"


class Verb(Protocol):
    """A module with one verb of `evolver-tui workflow`."""

    def add_parser(self, verbs: Verbs) -> None:
        """Add the verb's parser, and say by `arguments.call` what is called with what it reads."""


VERBS: Final[Mapping[str, str]] = {
    "serve": "serve",
    "gateway": "gateway",
    "parked": "parked",
    "demo": "demo",
}
"""Each verb's module in this room, in the order of `--help`."""


def add_parser(commands: Subparsers) -> None:
    """Add the command with its verbs."""
    workflow = commands.add_parser("workflow", help="chats over NATS and Redis")
    verbs: argparse._SubParsersAction[Any] = workflow.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    for module in VERBS.values():
        cast("Verb", import_module(f"evolver_tui.cli.workflow.{module}")).add_parser(verbs)
