"""The front door: arguments, exit codes, and which part of the house a command needs.

Nothing but the standard library is imported here before it is known what was asked for: the console has to be on the
screen at once, and a script that asks for one line must not wait for it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evolver_tui import __version__
from evolver_tui.core.errors import EvolverError, UsageError

if TYPE_CHECKING:
    from evolver_tui.wiring import Place

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `evolver-tui`; returns the exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except UsageError as error:
        print(f"evolver-tui: {error}", file=sys.stderr)
        return WRONG_USAGE
    except EvolverError as error:
        print(f"evolver-tui: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone: nobody is left to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


# --- what may be asked ---------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="keep config, data and cache here")
    places.add_argument("--nodes", metavar="DIR", default=argparse.SUPPRESS, help="the node library")
    places.add_argument("--database", metavar="URL", default=argparse.SUPPRESS, help="e.g. sqlite:////path/evolver.db")

    parser = argparse.ArgumentParser(
        prog="evolver-tui", parents=[places],
        description="The console: supervise an agent that writes code. Without a command it opens in this terminal.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"evolver-tui {__version__}")
    parser.add_argument("--demo", action="store_true", help="a sample hub in this process and the offline author")
    parser.add_argument("--hub", metavar="URL", help="the SignalR hub to subscribe to")
    parser.add_argument("--theme", metavar="NAME", help="colours, by the name of a theme")
    parser.set_defaults(command=_console, home=None, nodes=None, database=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    connect = commands.add_parser("connect", parents=[places], help="headless: JSON config on stdin, events on stderr")
    connect.add_argument("--approve", choices=("all", "low", "none"), default="low", help="saved without a review")
    connect.set_defaults(command=_connect)

    hub = commands.add_parser("hub", help="the sample hub; its URL is the first line of output")
    hub.add_argument("--host", default="127.0.0.1")
    hub.add_argument("--port", type=int, default=5000)
    hub.add_argument("--tasks", metavar="FILE", help='JSON: {"tasks": [...]}')
    hub.add_argument("--rate", type=float, default=2.0, help="tasks a second; 0: as fast as it can")
    hub.add_argument("--batch", type=int, default=1, help="tasks a message")
    hub.add_argument("--count", type=int, help="tasks in all, going round the file; 0: without end")
    hub.set_defaults(command=_hub)

    run = commands.add_parser("run", parents=[places], help="run an approved node: JSON in, JSON out")
    run.add_argument("node")
    run.set_defaults(command=_run)

    _nodes_parser(commands, places)

    export = commands.add_parser("export", parents=[places], help="a session's log as a file")
    export.add_argument("session", nargs="?", default="latest")
    export.add_argument("--format", default="jsonl", help="jsonl, json or md")
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: standard output")
    export.set_defaults(command=_export)

    config = commands.add_parser("config", parents=[places], help="the config that is in force")
    config.add_argument("what", choices=("show", "path", "check"))
    config.set_defaults(command=_config)
    return parser


def _nodes_parser(commands: argparse._SubParsersAction, places: argparse.ArgumentParser) -> None:  # type: ignore[type-arg]
    nodes = commands.add_parser("nodes", help="the library of approved nodes")
    verbs = nodes.add_subparsers(metavar="VERB", required=True)
    for verb, positional, help_text in (
        ("list", (), "every node"),
        ("show", ("node",), "one node's record and code"),
        ("diff", ("node", "?a", "?b"), "two versions; default: the last two"),
        ("rollback", ("node", "version"), "an old version again, as the next one"),
        ("check", ("file",), "what the checks say about a file"),
        ("import", ("file",), "a file as a node, after its checks"),
    ):
        parser = verbs.add_parser(verb, parents=[places], help=help_text)
        for name in positional:
            parser.add_argument(name.lstrip("?"), nargs="?" if name.startswith("?") else None)
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.set_defaults(command=_nodes, verb=verb)
