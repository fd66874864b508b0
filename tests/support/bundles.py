"""Jobs that wait, with everything that a bundle can hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from evolver_tui.core.bundle import Bundle
from evolver_tui.core.claim import Claim
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.node_run import Tryout
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.routine_state import DeferredEvent, Progress, SharedState
from evolver_tui.core.task import Task
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.store import Store
from tests.support.databases import ELSEWHERE, LEASE, add

CODE = "import json, sys\ndata = json.load(sys.stdin)\nprint(json.dumps({'given': data}))\n"
RAW = {"id": "task-1", "taskName": "Summarize a post", "llmTaskType": "summarize", "more": [1.5, None, "ü\u2028"]}
LANGUAGE = {
    "type": "object",
    "properties": {
        "language": {"type": "string", "title": "Which language?", "enum": ["de", "fr"]},
        "words": {"type": "integer", "minimum": 1, "maximum": 500},
    },
    "required": ["language"],
}
SHARED = SharedState({"storage_key": "k", "n": 3}, ({"action": "paused", "reason": "user_input"},))
DEFERRED = (DeferredEvent("user_input_required", {"question": "Which?"}, 1_700_000_000.5),)


async def claimed(store: Store, raw: Mapping[str, Any] = RAW) -> Claim:
    """A job of this task, held by a worker elsewhere."""
    await add(store, Task.from_raw(raw))
    claim = await store.claim(ELSEWHERE, LEASE)
    assert claim is not None
    assert claim.task.id == Task.from_raw(raw).id
    return claim


async def asking(store: Store, raw: Mapping[str, Any] = RAW, form: Mapping[str, Any] = LANGUAGE) -> int:
    """A job that did a step and asks a question; returns its number."""
    claim = await claimed(store, raw)
    kept = Progress(SHARED, DEFERRED)
    await store.record_step(claim.job, claim.fence, "route", {"to": ["a", 1]}, "s", digest="0f" * 8, progress=kept)
    await store.pause(claim.job, claim.fence, Question("language", "Into which language?", form), "s")
    return claim.job


async def reviewed(
    store: Store,
    raw: Mapping[str, Any] = RAW,
    code: str = CODE,
    version: int = 1,
    tryout: Tryout | None = None,
    report_of: str = "",
) -> int:
    """A job whose question was answered and whose draft waits for a review; returns its number.

    Args:
        report_of: another code, whose report is told in the place of the draft's.
    """
    job = await asking(store, raw)
    question = await store.open_question_of(job)
    assert question is not None
    await store.answer(question.id, {"action": "accept", "content": {"language": "de"}}, "grace", "s")
    claim = await store.claim(ELSEWHERE, LEASE)
    assert claim is not None
    draft = NodeDraft("echo_back", "Echo back", code, (), "simple", "offline", 0.5, 12)
    report = check_draft(report_of or code, ())
    subject = {"draft": draft.to_json_value(), "report": report.to_json_value(), "version": version, "attempt": 1}
    if tryout is not None:
        subject["tryout"] = tryout.to_json_value()
    review = Question("review 1", "echo_back: approve, edit or reject?", kind=QuestionKind.REVIEW, subject=subject)
    kept = Progress(deferred=DEFERRED)
    await store.pause(claim.job, claim.fence, review, "s", progress=kept)
    return job


async def departed(store: Store, job: int, bundle_id: str = "b-1") -> Bundle:
    """Let it leave."""
    return await store.export_job(job, "ada", "host-a", bundle_id, "s")


def with_checksum(body: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle's object with a checksum that fits what it holds, as somebody with bad intentions would make it."""
    rest = {key: value for key, value in body.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, "checksum": "sha256:" + hashlib.sha256(text.encode()).hexdigest()}
