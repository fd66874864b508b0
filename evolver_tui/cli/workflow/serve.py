"""`evolver-tui workflow serve`: answers chats."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evolver_tui.cli.arguments import Subparsers, add_json_argument, call, positive_count, workspace_or_demo_arguments
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.options import Options
from evolver_tui.cli.output import tell

if TYPE_CHECKING:
    from evolver_tui.settings.workspace import Workspace


class ServeOptions(Options):
    """What the service is told."""

    takes_demo = True

    concurrency: int | None
    durable: bool
    graph: str | None
    routine: str | None
    json: bool


def add_parser(verbs: Subparsers) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "serve", parents=[workspace_or_demo_arguments()], help="answer chats from NATS until Ctrl+C",
        description="Answers chat requests that come over NATS, until Ctrl+C, which lets what is being written come to "
        "its end; a second one gives it up. What is done is told on standard error. Without a model in [backend] the "
        "answers are the demonstration's, and say so.",
    )  # fmt: skip
    parser.add_argument(
        "--concurrency", type=positive_count, metavar="N", help="how many answers are written at once (8)"
    )
    parser.add_argument(
        "--durable",
        action="store_true",
        help="take requests from JetStream, which loses none",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--graph", metavar="MODULE:ATTRIBUTE",
        help="have this LangGraph graph answer; the working folder is searched for it as well",
    )  # fmt: skip
    who.add_argument("--routine", metavar="NAME", help="have this routine answer, each chat as a job that may ask")
    add_json_argument(parser)
    call(run, ServeOptions, parser)


def run(options: ServeOptions) -> int:
    """Serve until told to end."""
    import asyncio

    from evolver_tui.cli.signal_lines import tell_as_json, tell_in_words
    from evolver_tui.engine.workflow_run import run_workflow
    from evolver_tui.wiring import NO_WORK, make_session
    from evolver_tui.wiring.workflow import make_service

    workspace = _with(options, options.find_workspace())
    chats = None
    if options.graph or options.routine:
        from evolver_tui.wiring.routine_chats import make_routine_chats

        chats, work = make_routine_chats(workspace, graph=options.graph or "", routine=options.routine or "")
        session = make_session(workspace, work=work, on_change=chats.on_change)
    else:
        session = make_session(workspace, work=NO_WORK, generate=False)
    session.bus.registry.register_all(tell_as_json if options.json else tell_in_words, stays=True)
    service = make_service(workspace, session, chats)
    return ExitCode.DONE if asyncio.run(run_workflow(session, service, _cut_off)) else ExitCode.INTERRUPTED


def _with(options: ServeOptions, workspace: Workspace) -> Workspace:
    """The workspace, with what the command line says in place of its config."""
    from dataclasses import replace

    config, workflow = workspace.config, workspace.config.workflow
    if options.concurrency is not None:
        workflow = replace(workflow, concurrency=options.concurrency)
    if options.durable:
        workflow = replace(workflow, durable=True)
    return workspace._replace(config=replace(config, workflow=workflow))


def _cut_off() -> None:
    tell("evolver-tui: Its end took too long and was cut off. What JetStream handed out goes on in another instance.")
    os._exit(ExitCode.FAILED)
