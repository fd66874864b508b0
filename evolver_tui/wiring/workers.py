"""What works on a session's jobs: the author here, and routines that are not ours in a process of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evolver_tui.core.address import Address
from evolver_tui.core.job import AUTHOR
from evolver_tui.settings.workspace import Workspace

if TYPE_CHECKING:
    from evolver_tui.engine.clock import Clock
    from evolver_tui.engine.durable.routine import Routine
    from evolver_tui.engine.durable.worker import Worker
    from evolver_tui.engine.durable.workers import AnyWorker
    from evolver_tui.engine.session import Session, WorkerMaker


def worker_maker(
    workspace: Workspace, clock: Clock, theirs: Mapping[str, Routine], *, is_isolated: bool, concurrency: int,
    lost: Mapping[str, str], on_change: Callable[[Worker], None],
) -> WorkerMaker:  # fmt: skip
    """What makes the workers of a session, for its author and for other routines.

    Args:
        theirs: those, by name.
        is_isolated: whether they run in a process of their own.
        concurrency: how many jobs are generated at once.
        lost: owner to how it ended, of workers whose end somebody has seen.
        on_change: called when what the worker of this process holds, or what does not work, is another than before.
    """

    def make(session: Session) -> Iterator[AnyWorker]:
        ours = {} if is_isolated else dict(theirs)
        if session.author is not None:
            ours[AUTHOR] = session.author
        if ours:
            from evolver_tui.adapters.process_identity import this_process
            from evolver_tui.engine.durable.worker import Worker

            yield Worker(
                session.store, ours, session.bus, clock, session_id=session.id, owner=this_process(),
                max_takeovers=workspace.config.worker.max_takeovers, concurrency=concurrency,
                answered=workspace.config.worker.answered, lost=lost,
                on_broken=session.store_broke, on_change=on_change, away=session.away, budget=session.budget,
            )  # fmt: skip
        if is_isolated and theirs:
            from evolver_tui.adapters.worker_process.supervisor import WorkerProcess

            begin = _beginning(workspace, session.id, sorted(theirs), concurrency)
            environ = {**os.environ, **workspace.environ}
            yield WorkerProcess(
                session.store, session.bus, clock, theirs, begin, environ, session.away,
                on_broken=session.store_broke,
            )  # fmt: skip

    return lambda session: tuple(make(session))


def _beginning(workspace: Workspace, session_id: str, routines: Sequence[str], concurrency: int) -> dict[str, Any]:
    """What a worker process has to know; it stands on no command line, since an address may hold a password."""
    database = (
        workspace.database.for_connecting() if isinstance(workspace.database, Address) else str(workspace.database)
    )
    where = {"home": workspace.home, "nodes": str(workspace.nodes), "database": database, "is_demo": workspace.is_demo}
    return {"workspace": where, "session": session_id, "routines": routines, "concurrency": concurrency}
