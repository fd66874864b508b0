"""Drafts that wait for a decision with what came of running them, as an author would have asked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from evolver_tui.core.job import Outcome, QuestionKind
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.node_run import NodeRun, ToolExchange, Tryout
from evolver_tui.core.question import Question
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.task import Task
from evolver_tui.engine.author.author import Author
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.session import Session
from tests.support.drafts import check

SUMMARIZES = '''\
"""Summarize a text."""

import json
import sys

from node_runtime import call_tool


def main():
    input_data = json.load(sys.stdin)
    print("one call", file=sys.stderr)
    summary = call_tool("summarizer", input_data["content"], temperature=0.2)
    print(json.dumps({"summary": summary, "words": len(input_data["content"].split())}))


main()
'''
"""Reads `content`, without which it crashes."""

CALLS = (
    ToolExchange("summarizer", "A long text.", '{"temperature": 0.2}', "[dry summarizer] A long text.", "", 0.01),
    ToolExchange("summarizer", "Another one.", "", "", "Tool 'summarizer' did not answer within 2 seconds.", 2.0),
)
CRASH = "Traceback (most recent call last):\n  File \"main.py\", line 12, in main\nKeyError: 'content'\n"
FINE = NodeRun(
    "sample 1", {"content": "A long text."}, '{"summary": "A", "words": 3}\n', "one call\n",
    {"summary": "[dry summarizer] A long text.", "words": 3}, "", 0, 0.06, 0.04, 14.2, "full",
    tool_calls=CALLS, tool_call_count=2,
)  # fmt: skip
CHANGED = dataclasses.replace(
    FINE, name="v1 example 1", tool_calls=(), tool_call_count=0, stderr="",
    expected={"summary": "[dry summarizer] A long text.", "words": 4},
)  # fmt: skip
FAILED = NodeRun(
    "empty", {}, "half of an answ", CRASH, None, "It ended with exit code 1: KeyError: 'content'", 1, 0.05, 0.04, 13.9,
    "full", "memory_mb",
)  # fmt: skip


def tried(*runs: NodeRun, code: str = SUMMARIZES, problem: str = "", repairs: int = 0) -> ReviewSubject:
    """A draft and the runs of it."""
    draft = NodeDraft("summarize", "Summarize", code, ("summarizer",), "simple", "offline", 0.5)
    return ReviewSubject(draft, check(code), 1, 1, tryout=Tryout(runs, problem, repairs))


class Shows:
    """The routine where an author is expected: it shows these drafts, the task's id says which."""

    live: Mapping[int, LiveDraft] = MappingProxyType({})

    def __init__(self, drafts: Mapping[str, ReviewSubject]) -> None:
        self._drafts = drafts

    async def __call__(self, run: Run, task: Task) -> Result:
        """Ask for a review."""
        subject = self._drafts[task.id].to_json_value()
        await run.wait_for(Question("review 1", "Well?", kind=QuestionKind.REVIEW, subject=subject))
        return Result(Outcome.DONE)


def showing(session: Session, drafts: Mapping[str, ReviewSubject]) -> Session:
    """A session whose author shows drafts, each for the task with its id."""
    return Session(dataclasses.replace(session._parts, author=cast(Author, Shows(drafts))))


def task_for(task_id: str) -> dict[str, Any]:
    """What a hub sends."""
    return {"id": task_id, "taskName": "Summarize a text", "llmTaskType": "summarize"}


def as_json(value: Mapping[str, Any]) -> str:
    """An input as a person types it."""
    return json.dumps(value, ensure_ascii=False)
