"""`evolver-tui jobs`: what waits, runs and is over."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.arguments import (
    IntermixedParser,
    Parser,
    Subparsers,
    add_json_argument,
    call,
    workspace_or_demo_arguments,
)
from evolver_tui.cli.options import Options
from evolver_tui.core.address import Address
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState

if TYPE_CHECKING:
    from evolver_tui.cli.output import Result
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.store import Store


class JobsOptions(Options):
    """What is asked of the jobs; each verb reads those that it has."""

    takes_demo = True

    verb: str
    json: bool
    id: str
    state: Sequence[JobState]
    needs_you: bool
    limit: int
    content: Sequence[str]
    json_content: str | None
    decline: bool
    sha256: str | None
    reason: str | None
    words: str
    code: str
    file: str | None
    output: str | None
    to: Address | None
    source: Address | None


def add_parser(commands: Subparsers) -> None:
    """Add the command with its verbs."""
    jobs = commands.add_parser("jobs", help="what waits, runs and is over; answer, decide and move it")
    verbs: argparse._SubParsersAction[Any] = jobs.add_subparsers(
        metavar="VERB", required=True, parser_class=IntermixedParser
    )
    shared = workspace_or_demo_arguments()

    def add(verb: str, help_text: str, *, has_id: bool = True) -> Parser:
        description = f"{help_text[0].upper()}{help_text[1:]}."
        parser: Parser = verbs.add_parser(verb, parents=[shared], help=help_text, description=description)
        if has_id:
            parser.add_argument("id", metavar="ID", help="a job's number or its task's id (job:ID, task:ID)")
        add_json_argument(parser)
        call(run, JobsOptions, parser, verb=verb)
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
    edit.add_argument("code", metavar="FILE", help="the code; - reads it from stdin")

    add("cancel", "end a job, whether it waits or runs")
    add("retry", "queue a failed job again; finished steps are kept")
    add("restore", "put a rejected or cancelled job back where it was")

    export = add("export", "move a waiting job away: it is exported here and goes on where it is imported")
    target = export.add_mutually_exclusive_group(required=True)
    target.add_argument("-o", "--output", metavar="FILE", help="- is standard output")
    target.add_argument(
        "--to", metavar="URL", type=Address, help="a storage's folder, e.g. s3://bucket/jobs or file:///mnt/jobs"
    )
    importing = add("import", "let a job come in that was exported elsewhere", has_id=False)
    importing.add_argument("file", metavar="FILE", nargs="?", help="- is standard input")
    importing.add_argument(
        "--from", dest="source", metavar="URL", type=Address, help="a storage's folder, or one bundle in it"
    )


def run(options: JobsOptions) -> int:
    """Read what is there, or change it. No worker runs here."""
    from evolver_tui.cli.output import show
    from evolver_tui.wiring import demo_hint, make_inbox, make_store

    workspace = options.find_workspace()
    store = make_store(workspace)
    try:
        result = _result(options, store, make_inbox(workspace, store))
    except NotWaiting as error:
        raise NotWaiting(
            error.message, f"{error.way_out} {demo_hint(workspace, only_if_empty=True)}".rstrip()
        ) from None
    if options.verb == "list" and not result.text:
        result = replace(result, message=f"{result.message} {demo_hint(workspace, only_if_empty=True)}".strip())
    return show(result, as_json=options.json)


def _result(options: JobsOptions, store: Store, inbox: Inbox) -> Result:
    """What was asked for, done."""
    from evolver_tui.cli.jobs import bundles, operations, transfer

    match options.verb:
        case "export":
            return transfer.export_job(store, inbox, options.id, bundles.target(options.output, options.to))
        case "import":
            return transfer.import_job(store, inbox, bundles.source(options.file, options.source))
    return operations.with_open(store, _work(options, store, inbox))


def _work(options: JobsOptions, store: Store, inbox: Inbox) -> Callable[[], Awaitable[Result]]:
    """What is to be done with the database open. Files and standard input are read here, before that."""
    import time

    from evolver_tui.cli import inputs
    from evolver_tui.cli.jobs import operations
    from evolver_tui.core.decision import Decision, DecisionKind

    def decide(decision: Decision) -> Callable[[], Awaitable[Result]]:
        return lambda: operations.decide_job(store, inbox, options.id, decision)

    match options.verb:
        case "list" if options.needs_you:
            return lambda: operations.list_questions(store, options.limit, time.time())
        case "list":
            return lambda: operations.list_jobs(store, options.state, options.limit, time.time())
        case "show":
            return lambda: operations.show_job(store, options.id, time.time())
        case "answer":
            given = inputs.read_answer(options.content, options.json_content)
            return lambda: operations.answer_job(store, inbox, options.id, given, decline=options.decline)
        case "approve":
            return lambda: operations.approve_job(store, inbox, options.id, options.sha256)
        case "reject":
            reason = None if options.reason is None else inputs.read_words(options.reason)
            return decide(Decision(DecisionKind.REJECT, reason=reason or ""))
        case "respond":
            return decide(Decision(DecisionKind.RESPOND, reason=inputs.read_words(options.words)))
        case "edit":
            return decide(Decision(DecisionKind.EDIT, code=inputs.read_code(options.code)))
        case "cancel":
            return lambda: operations.cancel_job(store, inbox, options.id)
        case "retry":
            return lambda: operations.retry_job(store, inbox, options.id)
    return lambda: operations.restore_job(store, inbox, options.id)


def _states(text: str) -> Sequence[JobState]:
    try:
        return tuple(JobState(name.strip()) for name in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(JobState)}") from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
