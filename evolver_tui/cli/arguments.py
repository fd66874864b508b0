"""What the parsers of all commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias, TypeVar

from evolver_tui.cli.options import Options
from evolver_tui.cli.output import say
from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.safe_text import safe_block

Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"

AnyOptions = TypeVar("AnyOptions", bound=Options)


class Parser(argparse.ArgumentParser):
    """Refuses what was typed without drawing it as it is, nor a secret in an address that was misplaced."""

    def error(self, message: str) -> NoReturn:
        super().error(safe_block(show_addresses(message)))

    def _print_message(self, message: str, file: object = None) -> None:
        """Unlike argparse's own it does not hide that nobody takes the help."""
        say(message.rstrip("\n"), sys.stderr if file is None or file is sys.stderr else sys.stdout)


class IntermixedParser(Parser):
    """Takes options before, between and after any number of words."""

    _is_asked = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._is_asked:
            return super().parse_known_args(args, namespace)
        self._is_asked = True
        return self.parse_known_intermixed_args(args, namespace)


def workspace_arguments() -> Parser:
    """A parent of every parser whose command works in a workspace. What is not given is as in `Options`."""
    parser = Parser(add_help=False)
    parser.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="keep config, data and cache here")
    parser.add_argument("--nodes", metavar="DIR", default=argparse.SUPPRESS, help="the node library")
    parser.add_argument(
        "--database", metavar="URL", type=Address, default=argparse.SUPPRESS, help="e.g. sqlite:////path/evolver.db"
    )
    return parser


def workspace_or_demo_arguments() -> Parser:
    """A parent of the parsers whose commands read the demo's database as well."""
    parser = Parser(add_help=False, parents=[workspace_arguments()])
    parser.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help="in the demo's own database")
    return parser


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Let a command be asked for JSON."""
    parser.add_argument("--json", action="store_true", help="for scripts")


def positive_count(text: str) -> int:
    """A number from 1 on, for the parser. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def count(text: str) -> int:
    """A number from 0 on, for the parser. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 99999")
    return int(text)


def port_number(text: str) -> int:
    """A port to listen at, 0 among them, for the parser. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 65535")
    return int(text)


def call(
    run: Callable[[AnyOptions], int], options: type[AnyOptions], parser: argparse.ArgumentParser, **more: str
) -> None:
    """Have `run` called with what `parser` reads, as these options.

    Args:
        more: options that the parser itself stands for.
    """
    parser.set_defaults(run=run, options=options, **more)
