"""`evolver-tui signals`: what became of signals that left the program."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, workspace_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import Result, show

if TYPE_CHECKING:
    from evolver_tui.adapters.listeners.redelivery import Redelivery


class RedeliverOptions(Options):
    """What is sent again."""

    name: str | None
    limit: int | None
    json: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    shared = workspace_arguments()
    signals = commands.add_parser("signals", parents=[shared], help="signals that listeners could not deliver")
    verbs = signals.add_subparsers(metavar="VERB", required=True)
    parser = verbs.add_parser("redeliver", parents=[shared], help="send again what webhooks could not deliver")
    parser.add_argument("name", metavar="NAME", nargs="?", help="one listener of the config; default: every webhook")
    parser.add_argument("--limit", metavar="N", type=_count, help="try so many of each at most")
    add_json_argument(parser)
    call(redeliver, RedeliverOptions, parser)


def redeliver(options: RedeliverOptions) -> int:
    """Send dead letters again."""
    from evolver_tui.wiring import redeliver_webhooks

    found = redeliver_webhooks(options.find_workspace(), options.name, options.limit)
    is_all = not any(each.remaining or each.unreadable for each in found)
    text = "\n".join(map(_in_words, found)) or "The config has no webhook."
    code = ExitCode.DONE if is_all else ExitCode.FAILED
    return show(Result([asdict(each) for each in found], text, exit_code=code), as_json=options.json)


def _in_words(each: Redelivery) -> str:
    if not (each.delivered or each.remaining or each.unreadable):
        return f"{each.listener}: nothing waits to be delivered."
    words = f"{each.listener}: {each.delivered:,} delivered, {_remain(each.remaining)}"
    words += f" ({each.reason})." if each.reason else "."
    if each.unreadable:
        lines = "a line" if each.unreadable == 1 else f"{each.unreadable:,} lines"
        words += f" {lines.capitalize()} of its file cannot be read."
    return words


def _remain(count: int) -> str:
    return "1 remains" if count == 1 else f"{count:,} remain"


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)
