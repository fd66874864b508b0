"""What has a routine or a graph answer chats."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from evolver_tui.core.errors import RoutineError, UsageError
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.values import a_target
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from evolver_tui.adapters.routines.plugins import PlugIn
    from evolver_tui.engine.session import Session
    from evolver_tui.engine.workflow.answer_stream import Route
    from evolver_tui.engine.workflow.broker import Broker
    from evolver_tui.engine.workflow.conversations import Conversations
    from evolver_tui.engine.workflow.routine_chats import RoutineChats
    from evolver_tui.wiring import Work


def make_routine_chats(workspace: Workspace, *, graph: str = "", routine: str = "") -> tuple[RoutineChats, Work]:
    """What has a routine answer chats, and the work of the session that does so. Imports the routine.

    `make_session` takes the work, and `on_change=` the chats' own; `attach_routine_chats` gives them the session then.

    Args:
        graph: `module:attribute` of a LangGraph graph, or of a routine; looked for in the working folder as well.
        routine: the name of one of the config or of a package; one of both is given.

    Raises:
        UsageError: there is no such routine, or it cannot be used.
    """
    from evolver_tui.engine.workflow.routine_chats import RoutineChats
    from evolver_tui.wiring import Work

    plug_in = _graph(workspace, graph) if graph else _routine(workspace, routine)
    try:
        plug_in.check()
    except RoutineError as error:
        raise UsageError(error.message, error.way_out.replace("retry with y", "start again")) from None
    config = workspace.config.workflow
    chats = RoutineChats(plug_in.name, config.answer_seconds)
    name = chats.routine_name
    work = Work((name,), config.concurrency, is_isolated=False, own={name: chats.routine(plug_in)})
    return chats, work


def attach_routine_chats(
    chats: RoutineChats, session: Session, route: Route, broker: Broker, conversations: Conversations
) -> None:
    """Give chats the session whose workers work on them, and the way to whoever chats."""
    from evolver_tui.adapters.process_identity import is_gone
    from evolver_tui.engine.inbox import Inbox
    from evolver_tui.engine.workflow.job_answer import AnswerParts
    from evolver_tui.engine.workflow.routine_chats import ChatHost
    from evolver_tui.wiring import _new_id

    inbox = Inbox(
        session.store, session.bus, session_id=session.id, person="the chat", host=platform.node(), new_id=_new_id,
        on_change=session.workers.wake, on_cancel=session.workers.drop,
    )  # fmt: skip
    parts = AnswerParts(chats.label, route, broker.confirm, conversations, session.bus)
    chats.attach(
        ChatHost(session.id, session.store, session.bus, session.away, session.workers, inbox.cancel, is_gone, parts)
    )  # fmt: skip


def _graph(workspace: Workspace, target: str) -> PlugIn:
    from evolver_tui.adapters.routines.plugins import typed_routine

    if a_target(target):
        raise UsageError(f"--graph {target!a} is no module:attribute.", "Give one, as in --graph support:graph.")
    config = workspace.config
    return typed_routine(target, workspace.paths.config / "routines", Path.cwd(), tracing=config.langgraph.tracing)


def _routine(workspace: Workspace, name: str) -> PlugIn:
    from evolver_tui.wiring import known_routines

    found = known_routines(workspace).routines
    if name not in found:
        raise UsageError(f"There is no routine {name!a}.", did_you_mean(name, list(found), "routines"))
    return found[name]
