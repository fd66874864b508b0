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
    positive_count,
    workspace_or_demo_arguments,
)
from evolver_tui.cli.options import Options
from evolver_tui.core.address import Address
from evolver_tui.core.errors import NotWaiting, UsageError
from evolver_tui.core.job import JobState

if TYPE_CHECKING:
    from evolver_tui.cli.output import Result
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.store import Store
    from evolver_tui.settings.workspace import Workspace


class JobsOptions(Options):
    """What is asked of the jobs; each verb reads those that it has."""

    takes_demo = True

    verb: str
    json: bool
    id: str
    all: bool
    failed_with: str | None
    state: Sequence[JobState]
    needs_you: bool
    limit: int
    content: Sequence[str]
    json_content: str | None
    decline: bool
    sha256: str | None
    name: str
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
    listing.add_argument("--limit", type=positive_count, default=100, metavar="N", help="at most so many (100)")

    add("show", "one job: its task, steps, answers, and what it asks")

    answer = add("answer", "answer what a job asks")
    answer.add_argument("content", nargs="*", metavar="KEY=VALUE", help="the form's fields; - reads JSON from stdin")
    answer.add_argument("--json-content", metavar="JSON", help="the form's fields as one JSON object")
    answer.add_argument("--decline", action="store_true", help="decline to answer")

    approve = add("approve", "approve the draft that is there")
    approve.add_argument("--sha256", metavar="HEX", help="refuse any draft but this one")
    approve.add_argument("--name", metavar="NODE", default="", help="the node's name, which approves one of high risk")
    reject = add("reject", "reject a draft, which ends its job; with a reason it is sent back")
    reject.add_argument("--reason", metavar="TEXT", help="send it back instead; - reads it from stdin")
    respond = add("respond", "respond to the author in words; it does not count as sent back")
    respond.add_argument("words", metavar="TEXT", help="for the author; - reads it from stdin")
    edit = add("edit", "edit a draft: your code takes its place and is reviewed again")
    edit.add_argument("code", metavar="FILE", help="the code; - reads it from stdin")

    add("cancel", "cancel a job, whether it waits or runs")
    retry = add("retry", "retry a failed job, or all of them; finished steps are kept", has_id=False)
    retry.add_argument("id", metavar="ID", nargs="?", help="a job's number or its task's id")
    retry.add_argument("--all", action="store_true", help="every failed job")
    retry.add_argument("--failed-with", metavar="TEXT", help="with --all: only those whose error holds this text")
    add("restore", "restore a rejected or cancelled job to where it was")

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
    from evolver_tui.wiring import demo_hint

    workspace = options.find_workspace() if options.verb == "import" else options.find_database()
    try:
        result = _read(options, workspace) if options.verb in ("list", "show") else _change(options, workspace)
    except NotWaiting as error:
        raise NotWaiting(
            error.message, f"{error.way_out} {demo_hint(workspace, only_if_empty=True)}".rstrip()
        ) from None
    if options.verb == "list" and not result.text:
        result = replace(result, message=f"{result.message} {demo_hint(workspace, only_if_empty=True)}".strip())
    return show(result, as_json=options.json)


def _read(options: JobsOptions, workspace: Workspace) -> Result:
    """What was asked for, where that changes nothing."""
    import time

    from evolver_tui.cli.jobs import reading
    from evolver_tui.wiring import make_reader

    store, now = make_reader(workspace), time.time()
    if options.verb == "show":
        return reading.with_open(store, lambda: reading.show_job(store, options.id, now))
    if options.needs_you:
        return reading.with_open(store, lambda: reading.list_questions(store, options.limit, now))
    return reading.with_open(store, lambda: reading.list_jobs(store, options.state, options.limit, now))


def _change(options: JobsOptions, workspace: Workspace) -> Result:
    """What was asked for, done."""
    from evolver_tui.cli.jobs import bundles, reading, transfer
    from evolver_tui.wiring import make_inbox, make_store

    store = make_store(workspace)
    inbox = make_inbox(workspace, store)
    if options.verb == "import":
        return transfer.import_job(store, inbox, bundles.source(options.file, options.source))
    if options.verb == "export":
        target = bundles.target(options.output, options.to)
        return _in_nothing(options, workspace) or transfer.export_job(store, inbox, options.id, target)
    work = _work(options, store, inbox)
    return _in_nothing(options, workspace) or reading.with_open(store, work)


def _in_nothing(options: JobsOptions, workspace: Workspace) -> Result | None:
    """What comes of it where there is no database yet; it is not made for that. None where there is one."""
    from evolver_tui.cli.jobs import operations, reading
    from evolver_tui.wiring import lacks_database, make_reader

    if not lacks_database(workspace):
        return None
    if options.verb == "retry" and options.all:
        return operations.retried_jobs((), options.failed_with or "")
    store = make_reader(workspace)
    reading.with_open(store, lambda: reading.find_job(store, options.id))
    raise AssertionError("nothing is found in nothing")


def _work(options: JobsOptions, store: Store, inbox: Inbox) -> Callable[[], Awaitable[Result]]:
    """What is to be done with the database open. Files and standard input are read here, before that."""
    from evolver_tui.cli import inputs
    from evolver_tui.cli.jobs import operations
    from evolver_tui.core.decision import Decision, DecisionKind

    def decide(decision: Decision) -> Callable[[], Awaitable[Result]]:
        return lambda: operations.decide_job(store, inbox, options.id, decision)

    match options.verb:
        case "answer":
            given = inputs.read_answer(options.content, options.json_content)
            return lambda: operations.answer_job(store, inbox, options.id, given, decline=options.decline)
        case "approve":
            return lambda: operations.approve_job(store, inbox, options.id, options.sha256, options.name)
        case "reject":
            reason = None if options.reason is None else inputs.read_words(options.reason)
            return decide(Decision(DecisionKind.REJECT, reason=reason or ""))
        case "respond":
            return decide(Decision(DecisionKind.RESPOND, reason=inputs.read_words(options.words)))
        case "edit":
            return decide(Decision(DecisionKind.EDIT, code=inputs.read_code(options.code)))
        case "cancel":
            return lambda: operations.cancel_job(store, inbox, options.id)
        case "retry" if options.all:
            if options.id is not None:
                raise UsageError("An ID and --all are two ways to say which jobs.", "Leave out one of both.")
            return lambda: operations.retry_all_jobs(inbox, options.failed_with or "")
        case "retry":
            if options.id is None or options.failed_with is not None:
                missing = "--failed-with goes with --all." if options.failed_with is not None else "Which job?"
                raise UsageError(missing, "Write `jobs retry ID` or `jobs retry --all [--failed-with TEXT]`.")
            return lambda: operations.retry_job(store, inbox, options.id)
    return lambda: operations.restore_job(store, inbox, options.id)


def _states(text: str) -> Sequence[JobState]:
    try:
        return tuple(JobState(name.strip()) for name in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(JobState)}") from None
