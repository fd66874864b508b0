"""What a card is made of, and the page about the task, which every card has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolver_tui.core.job import JobDetail, is_built_in
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.engine.author.library import KeptCopy
from evolver_tui.tui.drawing.page import TextPage
from evolver_tui.tui.screens.desk.job_monitor import ModelRetry

if TYPE_CHECKING:
    from evolver_tui.engine.author.author import LiveDraft


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What was read about the selected job."""

    detail: JobDetail
    question: OpenQuestion | None
    journal: Mapping[str, Any]
    nodes_folder: str = ""
    run_options: str = ""
    """As in `DeskSettings`."""
    retry: ModelRetry | None = None
    """That the model is being asked again."""
    live: LiveDraft | None = None
    """What the author has of the model's answer, before it is code."""
    kept: Sequence[KeptCopy] = ()
    """What was changed by hand in the library and replaced when this job's node was saved."""
    knows_routine: bool = True
    """Whether a worker of this console can go on with it."""
    runs_by_hand: Sequence[NodeRun] = ()
    """Runs of its draft that a person asked for, the latest one first."""
    is_run_by_hand: bool = False
    """Whether another one is going on."""
    try_key: str = ""
    """The key that begins one."""

    @property
    def worker(self) -> str:
        """Who works on the job."""
        routine = self.detail.routine
        return "the author" if is_built_in(routine) else f"the routine {safe_text(routine, 100)}"


def mark_sentences(detail: JobDetail) -> Sequence[str]:
    """What rules put on a job, a sentence each, the latest last."""
    return [safe_text(note, 300) for note in detail.marks.notes]


def task_page(facts: CardFacts) -> TextPage:
    """What the hub sent, and what the queue knows beyond that."""
    task = facts.detail.task
    width = min(24, max((len(str(key)) for key in task.raw), default=0))
    paragraphs: list[tuple[str, str]] = []
    for key, value in task.raw.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *rest = safe_block(text).split("\n")
        paragraphs.append((f"{safe_text(key, 100):<{width}}  {first}", "text"))
        paragraphs += [(f"{'':<{width}}  {line}", "text") for line in rest]
    paragraphs.append(("", "text"))
    paragraphs += [(f"{name:<{width}}  {text}", "dim") for name, text in _job_facts(facts.detail)]
    return TextPage(tuple(paragraphs))


def _job_facts(detail: JobDetail) -> Iterator[tuple[str, str]]:
    """What the queue knows about a task beyond what the hub sent."""
    yield "job", f"{detail.row.job}, run {detail.attempt}"
    if detail.pause_reason:
        yield "waits for", safe_text(detail.pause_reason, 200)
    if detail.owner.host:
        yield "running on", safe_text(detail.owner.host, 100)
    if not is_built_in(detail.routine):
        yield "routine", safe_text(detail.routine, 200)
    if detail.marks.tags:
        yield "tags", safe_text(", ".join(detail.marks.tags), 400)
    for sentence in mark_sentences(detail):
        yield "marked", sentence
    if detail.bundle:
        yield "bundle", safe_text(detail.bundle, 100)
