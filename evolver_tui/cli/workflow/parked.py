"""`evolver-tui workflow parked`: the requests that no instance could answer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import Parser, add_json_argument, call, positive_count, workspace_arguments
from evolver_tui.cli.options import Options
from evolver_tui.core.errors import UsageError

if TYPE_CHECKING:
    from evolver_tui.cli.output import Result
    from evolver_tui.cli.workflow.command import Verbs


class ParkedOptions(Options):
    """What is to be done with them."""

    verb: str
    json: bool
    number: int | None
    all: bool


def add_parser(verbs: Verbs) -> None:
    """Add `parked` with its own verbs."""
    parked = verbs.add_parser("parked", help="requests that no instance could answer")
    inner: argparse._SubParsersAction[Any] = parked.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    shared = workspace_arguments()
    for verb, help_text in (
        ("list", "every request that was put aside, the oldest first"),
        ("retry", "have one answered again, or all"),
        ("drop", "forget one, or all"),
    ):
        parser: Parser = inner.add_parser(verb, parents=[shared], help=help_text)
        if verb != "list":
            parser.add_argument("number", metavar="N", nargs="?", type=positive_count, help="its number in the list")
            parser.add_argument("--all", action="store_true", help="all of them")
        add_json_argument(parser)
        call(run, ParkedOptions, parser, verb=verb)


def run(options: ParkedOptions) -> int:
    """List them, or do something with one or all."""
    import asyncio

    from evolver_tui.cli.output import show

    if options.verb != "list" and (options.number is None) is not options.all:
        raise UsageError(f"Which one to {options.verb} is not said.", "Name its number, or all of them by --all.")
    return show(asyncio.run(_result(options)), as_json=options.json)


async def _result(options: ParkedOptions) -> Result:
    from evolver_tui.cli.workflow import parked_requests
    from evolver_tui.wiring.workflow import make_broker, make_parked

    workspace = options.find_workspace()
    broker = make_broker(workspace, "evolver-tui parked")
    parked = make_parked(workspace, broker)
    try:
        await parked_requests.connect(broker)
        if options.verb == "list":
            return await parked_requests.list_parked(parked)
        numbers = None if options.number is None else (options.number,)
        if options.verb == "retry":
            return await parked_requests.retry_parked(parked, numbers)
        return await parked_requests.drop_parked(parked, numbers)
    finally:
        await broker.close()
