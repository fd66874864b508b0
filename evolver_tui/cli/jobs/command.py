"""`evolver-tui jobs`: what waits, runs and is over."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from evolver_tui.cli.arguments import (
    IntermixedParser,
    Parser,
    Subparsers,
    add_json_argument,
    call,
    count,
    positive_count,
    workspace_or_demo_arguments,
)
from evolver_tui.cli.options import Options
from evolver_tui.core.address import Address
from evolver_tui.core.errors import NotWaiting, UsageError
from evolver_tui.core.job import JobState

if TYPE_CHECKING:
    from evolver_tui.cli.jobs.operations import Remembering
    from evolver_tui.cli.output import Result
    from evolver_tui.engine.answer_rules import AnswerRules
    from evolver_tui.engine.author.library import Library
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.store import Store
    from evolver_tui.settings.workspace import Workspace


DAYS_REMEMBERED = 30
"""For how long an answer is remembered where nothing else is said."""


class JobsOptions(Options):
    """What is asked of the jobs; each verb reads those that it has."""

    takes_demo = True

    verb: str
    json: bool
    id: str
    more: Sequence[str]
    all: bool
    failed_with: str | None
    state: Sequence[JobState]
    needs_you: bool
    limit: int
    content: Sequence[str]
    json_content: str | None
    decline: bool
    alike: bool
    remember: str | None
    days: int | None
    revoke: int | None
    sha256: str | None
    name: str
    diff: bool
    node: str | None
    reason: str | None
    words: str
    code: str
    yes: bool
    take: bool
    file: str | None
    output: str | None
    to: Address | None
    source: Address | None


class _Add(Protocol):
    """Adds a verb."""

    def __call__(self, verb: str, help_text: str, *, has_id: bool = True) -> Parser:
        """Its parser, with what all verbs take."""


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

    _add_reading(add)
    _add_deciding(add)
    _add_remembered(add)
    _add_ending(add)
    _add_moving(add)


def _add_reading(add: _Add) -> None:
    listing = add("list", "every job, in the queue's order", has_id=False)
    which = listing.add_mutually_exclusive_group()
    states = ", ".join(JobState)
    which.add_argument("--state", type=_states, default=(), metavar="STATE,...", help=f"only these: {states}")
    which.add_argument("--needs-you", action="store_true", help="what waits for a person, longest first")
    listing.add_argument("--limit", type=positive_count, default=100, metavar="N", help="at most so many (100)")

    showing = add("show", "one job: its task, steps, answers, and what it asks")
    showing.add_argument("--diff", action="store_true", help="what its draft is held against, and what differs")


def _add_deciding(add: _Add) -> None:
    answer = add("answer", "answer what a job asks")
    answer.add_argument("content", nargs="*", metavar="KEY=VALUE", help="the form's fields; - reads JSON from stdin")
    answer.add_argument("--json-content", metavar="JSON", help="the form's fields as one JSON object")
    answer.add_argument("--alike", action="store_true", help="give the answer to all jobs that ask the same")
    answer.add_argument(
        "--remember", choices=("task_type", "field", "always"), metavar="SCOPE",
        help="give it again by itself: to the same question of tasks of this type (task_type) or of any (always), or to"
        " whatever its routine asks with the same form (field)",
    )  # fmt: skip
    answer.add_argument(
        "--days", type=count, metavar="N", help="with --remember: for so many days (30); 0 is until it is revoked"
    )
    answer.add_argument("--decline", action="store_true", help="decline to answer")

    approve = add("approve", "approve the draft that is there")
    more = "further ones, which are decided together with it, or none of them"
    approve.add_argument("more", metavar="ID", nargs="*", help=more)
    approve.add_argument("--sha256", metavar="HEX", help="refuse any draft but this one")
    approve.add_argument("--name", metavar="NODE", default="", help="the node's name, which approves one of high risk")
    reject = add("reject", "reject a draft, which ends its job; with a reason it is sent back")
    reject.add_argument("more", metavar="ID", nargs="*", help=more)
    reject.add_argument("--reason", metavar="TEXT", help="send it back instead; - reads it from stdin")
    respond = add("respond", "respond to the author in words; it does not count as sent back")
    respond.add_argument("words", metavar="TEXT", help="for the author; - reads it from stdin")
    reuse = add("reuse", "use a node that is there for the task; the draft is not saved")
    reuse.add_argument("--node", metavar="NODE", help="which node; default: the one that the draft is like")
    edit = add("edit", "edit a draft: your code takes its place and is reviewed again")
    edit.add_argument("code", metavar="FILE", help="the code; - reads it from stdin")


def _add_remembered(add: _Add) -> None:
    remembered = add("remembered", "answers that are given again by themselves, and what each decided", has_id=False)
    remembered.add_argument("--revoke", type=positive_count, metavar="ID", help="let this one answer nothing more")


def _add_ending(add: _Add) -> None:
    add("cancel", "cancel a job, whether it waits or runs")
    retry = add("retry", "retry a failed job, or all of them; finished steps are kept", has_id=False)
    retry.add_argument("id", metavar="ID", nargs="?", help="a job's number or its task's id")
    retry.add_argument("--all", action="store_true", help="every failed job")
    retry.add_argument("--failed-with", metavar="TEXT", help="with --all: only those whose error holds this text")
    add("restore", "restore a rejected or cancelled job to where it was")

    undo = add("undo", "take back what was decided last about a job: it is where it was before")
    undo.add_argument("--yes", action="store_true", help="also where a node was run that goes out of the library by it")

    resent = add("resent", "decide about the other content that the hub sent under the id of a job's task")
    which_content = resent.add_mutually_exclusive_group(required=True)
    which_content.add_argument("--take", action="store_true", help="begin anew with it; what was saved stays")
    which_content.add_argument("--drop", action="store_false", dest="take", help="let it go")


def _add_moving(add: _Add) -> None:
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
        is_read = options.verb in ("list", "show") or (options.verb == "remembered" and options.revoke is None)
        result = _read(options, workspace) if is_read else _change(options, workspace)
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
    if options.verb == "remembered":
        from evolver_tui.cli.jobs.remembered import list_rules

        return reading.with_open(store, lambda: list_rules(store, now))
    if options.verb == "show" and options.diff:
        from evolver_tui.cli.jobs.comparing import show_diff
        from evolver_tui.wiring import make_library

        library = make_library(workspace)
        return reading.with_open(store, lambda: show_diff(store, options.id, library))
    if options.verb == "show":
        return reading.with_open(store, lambda: reading.show_job(store, options.id, now))
    if options.needs_you:
        return reading.with_open(store, lambda: reading.list_questions(store, options.limit, now))
    return reading.with_open(store, lambda: reading.list_jobs(store, options.state, options.limit, now))


def _change(options: JobsOptions, workspace: Workspace) -> Result:
    """What was asked for, done."""
    from evolver_tui.cli.jobs import bundles, reading, transfer
    from evolver_tui.wiring import make_answer_rules, make_inbox, make_library, make_store

    store = make_store(workspace)
    inbox = make_inbox(workspace, store)
    if options.verb == "import":
        return transfer.import_job(store, inbox, bundles.source(options.file, options.source))
    if options.verb == "export":
        target = bundles.target(options.output, options.to)
        return _in_nothing(options, workspace) or transfer.export_job(store, inbox, options.id, target)
    work = _work(options, store, inbox, make_library(workspace), make_answer_rules(workspace, store, inbox))
    return _in_nothing(options, workspace) or reading.with_open(store, work)


def _in_nothing(options: JobsOptions, workspace: Workspace) -> Result | None:
    """What comes of it where there is no database yet; it is not made for that. None where there is one."""
    from evolver_tui.cli.jobs import operations, reading
    from evolver_tui.wiring import lacks_database, make_reader

    if not lacks_database(workspace):
        return None
    if options.verb == "remembered":
        raise NotWaiting(f"There is no remembered answer {options.revoke}.", "See `evolver-tui jobs remembered`.")
    if options.verb == "retry" and options.all:
        return operations.retried_jobs((), options.failed_with or "")
    store = make_reader(workspace)
    reading.with_open(store, lambda: reading.find_job(store, options.id))
    raise AssertionError("nothing is found in nothing")


def _remembering(options: JobsOptions, rules: AnswerRules) -> Remembering | None:
    """How the answer is to be remembered; None for not at all. Raises UsageError."""
    from evolver_tui.cli.jobs.operations import Remembering
    from evolver_tui.core.answer_rule import Breadth

    if options.remember is None:
        if options.days is not None:
            raise UsageError("--days is about an answer that is remembered.", "Add --remember, or leave it out.")
        return None
    days = DAYS_REMEMBERED if options.days is None else options.days
    return Remembering(rules, Breadth(options.remember), days or None)


def _work(
    options: JobsOptions, store: Store, inbox: Inbox, library: Library, rules: AnswerRules
) -> Callable[[], Awaitable[Result]]:
    """What is to be done with the database open. Files and standard input are read here, before that."""
    from evolver_tui.cli import inputs
    from evolver_tui.cli.jobs import operations, several
    from evolver_tui.core.decision import Decision, DecisionKind

    def decide(decision: Decision) -> Callable[[], Awaitable[Result]]:
        return lambda: operations.decide_job(store, inbox, options.id, decision)

    match options.verb:
        case "answer":
            given = inputs.read_answer(options.content, options.json_content)
            remember = _remembering(options, rules)
            return lambda: operations.answer_job(
                store, inbox, options.id, given, decline=options.decline, alike=options.alike, remember=remember
            )
        case "remembered":
            from evolver_tui.cli.jobs.remembered import revoke_rule

            return lambda: revoke_rule(rules, options.revoke or 0)
        case "approve" if options.more:
            if options.sha256 is not None or options.name:
                raise UsageError("--sha256 and --name are about one draft.", "Approve that one by itself.")
            return lambda: several.approve_jobs(store, inbox, (options.id, *options.more))
        case "approve":
            return lambda: operations.approve_job(store, inbox, options.id, options.sha256, options.name)
        case "reject":
            reason = None if options.reason is None else inputs.read_words(options.reason)
            reject = Decision(DecisionKind.REJECT, reason=reason or "")
            if options.more:
                return lambda: several.decide_jobs(store, inbox, (options.id, *options.more), lambda _: reject)
            return decide(reject)
        case "respond":
            return decide(Decision(DecisionKind.RESPOND, reason=inputs.read_words(options.words)))
        case "reuse":
            return lambda: operations.reuse_node(store, inbox, options.id, library, options.node)
        case "edit":
            return decide(Decision(DecisionKind.EDIT, code=inputs.read_code(options.code)))
        case "undo":
            return lambda: operations.undo_job(store, inbox, options.id, accepts_use=options.yes)
        case "resent":
            return lambda: operations.resent_job(store, inbox, options.id, takes=options.take)
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
