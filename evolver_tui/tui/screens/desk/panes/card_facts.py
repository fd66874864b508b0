"""What a card is made of, and the page about the task, which every card has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from evolver_tui.core.job import JobDetail, JobState, is_built_in
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.engine.author.library import KeptCopy
from evolver_tui.tui.drawing.formatting import moment
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.desk.job_monitor import ModelRetry

if TYPE_CHECKING:
    from evolver_tui.engine.author.writer import LiveDraft
    from evolver_tui.engine.estimates import Told
    from evolver_tui.tui.screens.desk.panes.diff_page import Compared


class ReviewHints(NamedTuple):
    """What past decisions have to do with a draft. It helps to read, and decides nothing."""

    told: Told | None
    """An estimate; None while there are too few decisions."""
    unlike: frozenset[int]
    """Numbers of lines that are unlike the code that was approved."""
    alike: int = 0
    """How many other drafts that wait differ from it in texts and numbers alone."""


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
    hints: ReviewHints | None = None
    """What helps to read its draft; None until that was found."""
    compared: Sequence[Compared] = ()
    """What its draft is held against, what was done last first."""
    compare_key: str = ""
    """The key that shows the next of them."""
    reuse_key: str = ""
    """The key that uses a node that is there instead of its draft."""

    @property
    def worker(self) -> str:
        """Who works on the job."""
        routine = self.detail.routine
        return "the author" if is_built_in(routine) else f"the routine {safe_text(routine, 100)}"


def mark_sentences(detail: JobDetail) -> Sequence[str]:
    """What rules put on a job, and that the hub sent its task again, a sentence each, the latest last."""
    sentences = [safe_text(note, 300) for note in detail.marks.notes]
    if detail.resent_at is not None:
        way_out = f"take it or let it go by the palette, or evolver-tui jobs resent {detail.row.job}"
        sentences.append(f"The hub sent this task again with other content at {moment(detail.resent_at)}: {way_out}.")
    return sentences


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
    if detail.owner.host and detail.row.state is JobState.RUNNING:
        yield "running on", safe_text(detail.owner.host, 100)
    if not is_built_in(detail.routine):
        yield "routine", safe_text(detail.routine, 200)
    if detail.marks.tags:
        yield "tags", safe_text(", ".join(detail.marks.tags), 400)
    for sentence in mark_sentences(detail):
        yield "marked", sentence
    if detail.bundle:
        yield "bundle", safe_text(detail.bundle, 100)
