"""What may be asked on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from evolver_tui import __version__
from evolver_tui.core.address import Address, show_addresses
from evolver_tui.core.job import JobState
from evolver_tui.core.safe_text import safe_block


class _Parser(argparse.ArgumentParser):
    """Refuses what was typed without drawing it as it is, nor a secret in an address that was misplaced."""

    def error(self, message: str) -> NoReturn:
        super().error(safe_block(show_addresses(message)))


class _Intermixed(_Parser):
    """Takes options before, between and after any number of words."""

    _is_asked = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._is_asked:
            return super().parse_known_args(args, namespace)
        self._is_asked = True
        return self.parse_known_intermixed_args(args, namespace)


def make_parser() -> argparse.ArgumentParser:
    """What reads the arguments. An option keeps the default that it has in `evolver_tui.cli.main.Options`."""
    places = _Parser(add_help=False)
    places.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="keep config, data and cache here")
    places.add_argument("--nodes", metavar="DIR", default=argparse.SUPPRESS, help="the node library")
    places.add_argument(
        "--database", metavar="URL", type=Address, default=argparse.SUPPRESS, help="e.g. sqlite:////path/evolver.db"
    )

    readings = _Parser(add_help=False, parents=[places])
    readings.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help="in the demo's own database")

    parser = _Parser(
        prog="evolver-tui", parents=[places],
        description="The console: supervise an agent that writes code. Without a command it opens in this terminal.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"evolver-tui {__version__}")
    parser.add_argument("--demo", action="store_true", help="a sample hub in this process and the offline author")
    parser.add_argument("--hub", metavar="URL", type=Address, help="the SignalR hub to subscribe to")
    parser.add_argument("--theme", metavar="NAME", help="colours, by the name of a theme")
    commands = parser.add_subparsers(metavar="COMMAND")

    connect = commands.add_parser(
        "connect", parents=[places], help="headless: JSON config on stdin, events on stderr",
        description="Headless: JSON config on stdin, events on stderr, the result on stdout.",
        epilog="--approve low saves a draft unread when a reading of its code found only names that are known to be "
        "harmless. That is no protection: it does not show what a draft does with the task's data and the tools, nor "
        "what a name turns out to be at run time, and no sandbox holds a node that is run. Where you do not trust who "
        "writes the tasks or the model, use --approve none.",
    )  # fmt: skip
    connect.add_argument(
        "--approve", choices=("all", "low", "none"), default="low",
        help="which drafts are saved without a review (default: low); see below what low does not protect from",
    )  # fmt: skip
    connect.set_defaults(command="connect")

    hub = commands.add_parser("hub", help="the sample hub; its URL is the first line of output")
    hub.add_argument("--host", default="127.0.0.1")
    hub.add_argument("--port", type=int, default=5000)
    hub.add_argument("--tasks", metavar="FILE", help='JSON: {"tasks": [...]}')
    hub.add_argument("--rate", type=float, default=2.0, help="tasks a second; 0: as fast as it can")
    hub.add_argument("--batch", type=int, default=1, help="tasks a message")
    hub.add_argument("--count", type=int, help="tasks in all, going round the file; 0: without end")
    hub.set_defaults(command="hub")

    run = commands.add_parser("run", parents=[places], help="run an approved node: JSON in, JSON out")
    run.add_argument("node")
    run.set_defaults(command="run")

    _nodes_parser(commands, places)
    _jobs_parser(commands, readings)

    export = commands.add_parser("export", parents=[readings], help="a session's log as a file")
    export.add_argument("session", nargs="?", default="latest")
    export.add_argument("--format", default="jsonl", help="jsonl, json or md")
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: standard output")
    export.set_defaults(command="export")

    config = commands.add_parser("config", parents=[places], help="the config that is in force")
    config.add_argument("what", choices=("show", "path", "check"))
    config.set_defaults(command="config")
    return parser


def _nodes_parser(commands: argparse._SubParsersAction[_Parser], places: _Parser) -> None:
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
        parser.set_defaults(command="nodes", verb=verb)


def _jobs_parser(commands: argparse._SubParsersAction[_Parser], readings: _Parser) -> None:
    jobs = commands.add_parser("jobs", help="what waits, runs and is over; answer, decide and move it")
    verbs: argparse._SubParsersAction[Any] = jobs.add_subparsers(
        metavar="VERB", required=True, parser_class=_Intermixed
    )

    def add(verb: str, help_text: str, *, has_id: bool = True) -> _Parser:
        description = f"{help_text[0].upper()}{help_text[1:]}."
        parser: _Parser = verbs.add_parser(verb, parents=[readings], help=help_text, description=description)
        if has_id:
            parser.add_argument("id", metavar="ID", help="a job's number or its task's id (job:ID, task:ID)")
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.set_defaults(command="jobs", verb=verb)
        return parser

    listing = add("list", "every job, in the queue's order", has_id=False)
    which = listing.add_mutually_exclusive_group()
    states = ", ".join(JobState)
    which.add_argument("--state", type=_states, default=(), metavar="STATE,...", help=f"only these: {states}")
    which.add_argument("--needs-you", action="store_true", help="what waits for a person, longest first")
    listing.add_argument("--limit", type=_count, default=100, metavar="N", help="at most so many (100)")

    add("show", "one job: its task, steps, answers, and what it asks")

    answer = add("answer", "answer what a job asks")
    answer.add_argument("content", nargs="*", metavar="KEY=VALUE", help="the form's fields; - reads JSON from stdin")
    answer.add_argument("--json-content", metavar="JSON", help="the form's fields as one JSON object")
    answer.add_argument("--decline", action="store_true", help="refuse to answer")

    approve = add("approve", "approve the draft that is there")
    approve.add_argument("--sha256", metavar="HEX", help="refuse any draft but this one")
    reject = add("reject", "send a draft back with a reason; without one, end its job")
    reject.add_argument("--reason", metavar="TEXT", help="for the author; - reads it from stdin")
    respond = add("respond", "answer a review in words; the author writes again")
    respond.add_argument("words", metavar="TEXT", help="for the author; - reads it from stdin")
    edit = add("edit", "put your code in a draft's place; it is reviewed again")
    edit.add_argument("file", metavar="FILE", help="the code; - reads it from stdin")

    add("cancel", "end a job, whether it waits or runs")
    add("retry", "queue a failed job again; finished steps are kept")
    add("restore", "put a rejected or cancelled job back where it was")

    export = add("export", "move a waiting job away: it is exported here and goes on where it is imported")
    target = export.add_mutually_exclusive_group(required=True)
    target.add_argument("-o", "--output", metavar="FILE", help="- is standard output")
    target.add_argument(
        "--to", metavar="URL", type=Address, help="a storage's folder, e.g. s3://bucket/jobs or file:///mnt/jobs"
    )
    bring = add("import", "let a job come in that was exported elsewhere", has_id=False)
    bring.add_argument("file", metavar="FILE", nargs="?", help="- is standard input")
    bring.add_argument(
        "--from", dest="source", metavar="URL", type=Address, help="a storage's folder, or one bundle in it"
    )


def _states(text: str) -> Sequence[JobState]:
    try:
        return tuple(JobState(name.strip()) for name in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(JobState)}") from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
