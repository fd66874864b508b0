"""A home whose database has decisions that a reviewer made in a real session."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from evolver_tui.core.node import Risk
from evolver_tui.core.node_run import NodeRun
from evolver_tui.engine.node_runs import LiveTerms, Trial
from tests.support.decisions import deciding, reject, task
from tests.support.reviewed_code import careful, reviewed
from tests.support.runs import a_run
from tests.support.sessions import approval, review_of, send


class _NothingRuns:
    """Drafts are taken to do well, so that the session is done soon."""

    async def try_out(self, trial: Trial) -> NodeRun:
        return a_run(output={"result": "a"})

    def live_terms(self, tools: Collection[str]) -> LiveTerms:
        raise NotImplementedError


def fill_with_decisions(home: Path, count: int = 34) -> None:
    """Have so many drafts be decided about: what reaches nothing is approved."""
    asyncio.run(_fill(home, count))


async def _fill(home: Path, count: int) -> None:
    programs = [each.code for each in reviewed(2 * count, 1, careful)]
    async with deciding(home, None, programs, runs=_NothingRuns()) as (session, watch, _):
        for number in range(count):
            name = f"task-{number}"
            await send(session, task(number))
            question, subject = await review_of(session, watch, name)
            is_harmless = subject.report.risk is Risk.LOW
            await session.inbox.decide(question.id, approval(subject) if is_harmless else reject())
