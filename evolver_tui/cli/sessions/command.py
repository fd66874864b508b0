"""`evolver-tui sessions`: what past runs of the program came to, and deleting them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import (
    Parser,
    Subparsers,
    add_json_argument,
    call,
    positive_count,
    workspace_or_demo_arguments,
)
from evolver_tui.cli.options import Options
from evolver_tui.cli.past_sessions import hinting_at_the_demo

if TYPE_CHECKING:
    from evolver_tui.cli.output import Result
    from evolver_tui.settings.workspace import Workspace


class SessionsOptions(Options):
    """What is asked of the sessions; each verb reads those that it has."""

    takes_demo = True

    verb: str
    json: bool
    limit: int
    id: str
    ids: Sequence[str]
    yes: bool
    ended: bool


def add_parser(commands: Subparsers) -> None:
    """Add the command with its verbs."""
    sessions = commands.add_parser("sessions", help="past runs of the program: their figures; delete them")
    verbs: argparse._SubParsersAction[Any] = sessions.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    shared = workspace_or_demo_arguments()

    def add(verb: str, help_text: str) -> Parser:
        description = f"{help_text[0].upper()}{help_text[1:]}."
        parser: Parser = verbs.add_parser(verb, parents=[shared], help=help_text, description=description)
        add_json_argument(parser)
        call(run, SessionsOptions, parser, verb=verb)
        return parser

    listing = add("list", "every session, newest first")
    listing.add_argument("--limit", type=positive_count, default=100, metavar="N", help="at most so many (100)")
    showing = add("show", "one session: its figures, the jobs that it worked on, its exports")
    showing.add_argument("id", metavar="ID", nargs="?", default="latest", help="a session's id, or latest")
    deleting = add("delete", "delete sessions that are over, with all that they told; their jobs stay")
    deleting.add_argument("ids", metavar="ID", nargs="+", help="a session's id")
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    deleting.add_argument(
        "--ended", action="store_true", help="also one without an end whose process cannot be seen from here"
    )


def run(options: SessionsOptions) -> int:
    """Read what is there, or delete it."""
    from evolver_tui.cli.output import show

    workspace = options.find_database()
    with hinting_at_the_demo(workspace):
        result = _delete(options, workspace) if options.verb == "delete" else _read(options, workspace)
    return show(result, as_json=options.json)


def _read(options: SessionsOptions, workspace: Workspace) -> Result:
    """What was asked for, where that changes nothing."""
    from evolver_tui.cli.jobs.reading import with_open
    from evolver_tui.cli.sessions import operations
    from evolver_tui.wiring import make_past_sessions, make_reader

    store = make_reader(workspace)
    past = make_past_sessions(store)
    if options.verb == "list":
        return with_open(store, lambda: operations.list_sessions(past, options.limit))
    return with_open(store, lambda: operations.show_session(store, past, options.id))


def _delete(options: SessionsOptions, workspace: Workspace) -> Result:
    """Delete what was named, once a person agreed."""
    from evolver_tui.cli.jobs.reading import with_open
    from evolver_tui.cli.sessions import operations
    from evolver_tui.wiring import lacks_database, make_commands_bus, make_past_sessions, make_reader, make_store

    lacks = lacks_database(workspace)
    reader = make_reader(workspace)
    ids = tuple(dict.fromkeys(options.ids))
    records = with_open(
        reader, lambda: operations.find_deletable(reader, make_past_sessions(reader), ids, may_live=options.ended)
    )
    assert not lacks, "nothing is found in nothing"
    if not options.yes:
        operations.agree(records)
    store = make_store(workspace)
    bus = make_commands_bus(store)
    past = make_past_sessions(store)
    return with_open(
        store,
        lambda: operations.delete_sessions(store, past, records, bus, workspace.reviewer, may_live=options.ended),
    )
