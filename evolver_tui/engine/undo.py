"""Taking decisions back: in the database at once, in the library as soon as somebody who has it can.

The database comes first, in one transaction: the decision counts no longer, its job is where it was before, and what an
approval may have put into a library is left to do. Then the library is made what it was. Whoever dies in between leaves
that to any session that has the same library, at its start or when it hears of it; each part can be done again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from evolver_tui.core.errors import NodeError, NodeReplaced, NodeUsed, StoreError
from evolver_tui.core.job import JobState
from evolver_tui.core.made_decision import ApprovedDraft, MadeDecision, PendingWithdrawal
from evolver_tui.core.node import NodeVersion
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal_catalogue.inbox_signals import NODE_WITHDRAWN, DecisionUndone, NodeWithdrawn
from evolver_tui.core.times import utc_text
from evolver_tui.engine.author.library import Approved, Library
from evolver_tui.engine.signals import SignalBus

_SHORTEST_REST: Final = 1.0
_REST_FACTOR: Final = 50
"""Times what a look takes: so much of the time at most goes into looking."""


class WithdrawalStore(Protocol):
    """What withdrawing needs of the database. Raises (every method): StoreError."""

    async def pending_withdrawals(self) -> Sequence[PendingWithdrawal]:
        """Approvals that were taken back and may lie in a library still."""

    async def settle_withdrawal(self, decision: int) -> None:
        """Write that nothing of an approval that was taken back is left in a library."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A decision that was taken back, and what became of the library."""

    decision: MadeDecision
    withdrawn: NodeVersion | None = None
    """What was taken out of the library here."""
    still_to_do: str = ""
    """Why a library is not yet what it was, as a sentence; empty where it is."""


def told(decision: MadeDecision, by: str) -> DecisionUndone:
    """What is told of a decision that is taken back."""
    payload: DecisionUndone = {"kind": decision.kind, "by": by, "decided_by": decision.by}
    if decision.question:
        payload["question"] = decision.question
        payload["reason"] = decision.reason
    if decision.state == JobState.COMPLETED.value and decision.outcome:
        payload["outcome"] = decision.outcome
    if decision.node:
        payload["node"] = decision.node
    return payload


async def check_library(library: Library | None, decision: MadeDecision, *, accepts_use: bool) -> None:
    """Make sure that what an approval put into the library may go.

    Raises:
        NodeReplaced: another version took its place since.
        NodeUsed: it was run since, or may have been where that cannot be seen from here, and nobody said that it may
            go all the same.
        NodeError: the library cannot be read.
    """
    draft = decision.approved
    if draft is None or library is None:
        return
    standing = await asyncio.to_thread(library.standing_of, draft.node_id, _approved(draft))
    if standing is None:
        is_elsewhere = bool(decision.node) and draft.library != library.place
        if is_elsewhere and not accepts_use:
            raise NodeUsed(
                f"{safe_text(decision.node, 80)} lies in the library {safe_text(draft.library, 200)}, which cannot be"
                " seen from here: somebody may have run it since.",
                "Take it back there.",
            )
        return
    if standing.current != standing.made:
        raise NodeReplaced(
            f"{standing.current} took the place of {standing.made} since.",
            f"Take that back first, or choose a version: evolver-tui nodes rollback {draft.node_id} VERSION.",
        )
    if standing.use.runs and not accepts_use:
        times = "once" if standing.use.runs == 1 else f"{standing.use.runs:,} times"
        last = f", last at {utc_text(standing.use.last, 'seconds')}" if standing.use.last else ""
        raise NodeUsed(f"{standing.made} was run {times} since it was approved{last}.")


class Withdrawals:
    """Has a library be what it was before approvals that were taken back, whoever did that, and wherever."""

    def __init__(self, store: WithdrawalStore, library: Library | None, bus: SignalBus) -> None:
        self._store = store
        self._library = library
        self._bus = bus
        self._looking: asyncio.Task[None] | None = None
        self._is_stale = False
        self._rest = 0.0

    def may_be_stale(self) -> None:
        """Somebody else may have taken an approval back: look, soon and beside everything else."""
        if self._library is None:
            return
        self._is_stale = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._is_stale:
            await asyncio.sleep(self._rest)
            self._is_stale = False
            began = clock()
            with contextlib.suppress(StoreError):  # the next change asks again
                await self.catch_up()
            self._rest = max(_SHORTEST_REST, _REST_FACTOR * (clock() - began))

    async def catch_up(self, decision: int | None = None) -> tuple[NodeVersion | None, str]:
        """Do what is left to do in this library: of one decision, or of all.

        Returns:
            What was taken out last, and why something is still to be done, as a sentence.

        Raises:
            StoreError: the database cannot be used.
        """
        taken_out, problem = None, ""
        for pending in await self._store.pending_withdrawals():
            if self._library is None or decision not in (None, pending.decision):
                continue
            try:
                if not await self._is_ours(self._library, pending.approved):
                    problem = f"{pending.approved.node_id} goes out of {safe_text(pending.approved.library, 200)} as"
                    problem += " soon as a session runs there."
                    continue
                taken_out = await self._withdraw(self._library, pending) or taken_out
            except NodeError as error:
                problem = str(error)
        return taken_out, problem

    async def _is_ours(self, library: Library, draft: ApprovedDraft) -> bool:
        if draft.library in ("", library.place):
            return True
        return await asyncio.to_thread(library.standing_of, draft.node_id, _approved(draft)) is not None

    async def _withdraw(self, library: Library, pending: PendingWithdrawal) -> NodeVersion | None:
        draft = pending.approved
        payload: NodeWithdrawn = {"node_id": draft.node_id, "by": pending.by}
        made = None
        try:
            made = await asyncio.to_thread(library.withdraw, draft.node_id, _approved(draft), pending.by)
        except NodeReplaced as error:  # it came meanwhile, and whoever approved that knew what it replaced
            payload["error"] = str(error)
            self._bus.emit(NODE_WITHDRAWN(payload, level="warning"), task_id=draft.task_id)
        await self._store.settle_withdrawal(pending.decision)
        if made is not None:
            self._bus.emit(NODE_WITHDRAWN({**payload, "version": made.version}), task_id=draft.task_id)
        return made


def _approved(draft: ApprovedDraft) -> Approved:
    return Approved(draft.approval, draft.sha256, draft.task_id)


def words_of(undone: Undone) -> str:
    """What was taken back and where the task is now, as a sentence or two."""
    decision = undone.decision
    words = f"{decision.noun[0].upper()}{decision.noun[1:]} of {safe_text(decision.task_id, 40)} was taken back"
    if undone.withdrawn is not None:
        words += f", and {undone.withdrawn} is out of the library"
    where = "waits for you again" if decision.question else "is where it was before"
    return f"{words}: it {where}." + (f" {undone.still_to_do}" if undone.still_to_do else "")
