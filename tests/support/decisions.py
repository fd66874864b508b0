"""Decisions made in real sessions: a model that writes given programs, and a person who decides about each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.task import Task
from evolver_tui.core.training_data.reviewed_draft import ReviewedDraft
from evolver_tui.engine.author.backend import Prompt
from evolver_tui.engine.reviewed_drafts import Passed, reviewed_drafts
from evolver_tui.engine.session import Session
from evolver_tui.engine.store import Store
from tests.support.databases import ELSEWHERE, LEASE, add
from tests.support.drafts import check
from tests.support.processes import node_answer
from tests.support.provider_server import ProviderServer, Request, openai_answer
from tests.support.sessions import Watch, approval, review_of, running, send, workspace_in

CRASHES = "import json\nimport sys\n\ndata = json.load(sys.stdin)\nprint(json.dumps({'task': data['nothing']}))\n"

OPENS = "data = open('{name}').read()\nprint(data)\n"
PLAIN = "print('{name}')\n"
"""Programs that somebody approves, who lets nothing open files, and does not."""


def program(word: str) -> str:
    """A small node that ends well whatever it gets; nodes of different words have little in common."""
    steps = "".join(f"\n    {word}_{step} = data.get('{word}_{step}', {step})" for step in range(8))
    result = ", ".join(f"'{word}_{step}': {word}_{step}" for step in range(8))
    return (
        f"import json\nimport sys\n\n\ndef {word}(data):{steps}\n    return {{{result}}}\n\n\n"
        f"print(json.dumps({word}(json.load(sys.stdin))))\n"
    )


def task(number: int | str, **more: Any) -> dict[str, Any]:
    """What a hub sends."""
    return {"id": f"task-{number}", "taskName": f"Do {number}", "llmTaskType": "summarize", **more}


@asynccontextmanager
async def deciding(
    folder: Path, url: str | None, codes: Sequence[str], **options: Any
) -> AsyncIterator[tuple[Session, Watch, ProviderServer]]:
    """A session whose model `tiny` writes these programs, one after the other."""
    answers = (node_answer("one", code.replace("{", "{{").replace("}", "}}")) for code in codes)
    async with ProviderServer(*([openai_answer(answer)] for answer in answers)) as server:
        config = f'[backend]\nkind = "openai"\nmodel = "tiny"\nbase_url = "{server.url}/v1"\n'
        async with running(workspace_in(folder, config, database=url), **options) as (session, watch):
            yield session, watch, server


async def decide(session: Session, watch: Watch, task_id: str, *decisions: Decision | str) -> ReviewSubject:
    """Make these decisions about a task's drafts, one after the other; the word `approve` approves.

    Returns:
        The subject of the last.
    """
    before = sum(each.name == "review.decided" and each.context.get("task_id") == task_id for each in watch.heard)
    for count, decision in enumerate(decisions, before + 1):
        question, subject = await review_of(session, watch, task_id, count)
        await session.inbox.decide(question.id, approval(subject) if isinstance(decision, str) else decision)
    return subject


async def send_and_decide(session: Session, watch: Watch, sent: dict[str, Any], *decisions: Decision | str) -> None:
    """A task comes in, and these are made about its drafts; the task ends by the last."""
    await send(session, sent)
    await decide(session, watch, sent["id"], *decisions)
    await watch.until("task.completed", task_id=sent["id"])


def reject(reason: str = "") -> Decision:
    """Send back; without a reason, end the task."""
    return Decision(DecisionKind.REJECT, reason=reason)


def edit(code: str) -> Decision:
    """Write it oneself."""
    return Decision(DecisionKind.EDIT, code=code)


async def all_drafts(store: Store, passed: Passed | None = None, **options: Any) -> list[ReviewedDraft]:
    """All that was decided, in order."""
    async with aclosing(reviewed_drafts(store, passed=passed, **options)) as drafts:
        return [draft async for draft in drafts]


def sent_to_model(request: Request) -> Prompt:
    """The two messages of a request, without what the config adds."""
    system, user = (message["content"] for message in request.json["messages"])
    return Prompt(system, user)


async def decided(store: Database, decisions: Sequence[tuple[str, bool]], start: int = 0) -> None:
    """Reviews of these programs, each approved or not, one after the other."""
    for number, (code, is_approved) in enumerate(decisions, start):
        await add(store, Task.from_raw(task(f"past-{number}")))
        claim = await store.claim(ELSEWHERE, LEASE)
        assert claim is not None
        draft = NodeDraft("node", "Node", code, (), "simple", "openai/tiny")
        subject = ReviewSubject(draft, check(code), 1, 1)
        review = Question("review 1", "Well?", kind=QuestionKind.REVIEW, subject=subject.to_json_value())
        question = await store.pause(claim.job, claim.fence, review, "s")
        kind = DecisionKind.APPROVE if is_approved else DecisionKind.REJECT
        await store.answer(question, Decision(kind, by="ada").to_json_value(), "ada", "s")
        await store.cancel(claim.job, "s")


def history(count: int) -> list[tuple[str, bool]]:
    """Decisions of somebody who lets nothing open files."""
    return [((OPENS if number % 2 else PLAIN).format(name=number), not number % 2) for number in range(count)]
