"""`evolver-tui jobs show --diff`: what a draft on review is held against, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.jobs.reading import find_job, job_label
from evolver_tui.cli.output import Result
from evolver_tui.core.code_diff import CodeDiff, compare
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.engine.comparisons import Comparison, comparisons_of, like_comparisons
from evolver_tui.engine.question_kinds import as_of_now

if TYPE_CHECKING:
    from evolver_tui.engine.author.library import Library
    from evolver_tui.engine.store import ReadStore


async def show_diff(store: ReadStore, name: str, library: Library) -> Result:
    """What the draft of a job's review is held against, with the reasons, and unified diffs.

    Raises:
        NotWaiting: the job waits for no review.
        NodeError: the library cannot be read.
    """
    detail = await find_job(store, name)
    asked = await store.open_question_of(detail.row.job)
    if asked is None or not isinstance(asked.subject, ReviewSubject):
        raise NotWaiting(f"{job_label(detail.row)} waits for no review.", "See `evolver-tui jobs list --needs-you`.")
    asked = await as_of_now(asked, library)
    subject = ReviewSubject.of(asked)
    found = [*await comparisons_of(asked, store, library), *await like_comparisons(subject, store, library)]
    diffs = [(each, compare(each.code, subject.draft.code)) for each in found]
    new = f"draft {subject.attempt}"
    value = {
        "job": detail.row.job,
        "task_id": detail.row.task_id,
        "diffs": [_value(each, diff, new) for each, diff in diffs],
    }
    if not diffs:
        words = f"There is nothing to hold the draft of {job_label(detail.row)} against."
        return Result(value, message=words, is_answer=True)
    return Result(value, "\n".join(line for each, diff in diffs for line in _lines(each, diff, new)))


def _value(comparison: Comparison, diff: CodeDiff, new: str) -> dict[str, Any]:
    return {
        "base": comparison.base.value,
        "name": comparison.name,
        "by": comparison.by,
        "reason": comparison.reason,
        "addressed": [*comparison.addressed],
        "added": diff.added,
        "removed": diff.removed,
        "diff": "".join(f"{line}\n" for line in diff.unified(comparison.name, new)),
    }


def _lines(comparison: Comparison, diff: CodeDiff, new: str) -> Iterator[str]:
    by = f" by {safe_text(comparison.by, 60)}" if comparison.by else ""
    yield f"{comparison.base.value}{by}: {safe_text(comparison.name, 100)}, +{diff.added:,} -{diff.removed:,}"
    yield from _under("reason", safe_block(comparison.reason, 2_000).split("\n") if comparison.reason else ())
    yield from _under("author", [f"✓ {safe_text(each, 400)}" for each in comparison.addressed])
    yield from diff.unified(safe_text(comparison.name, 100), new)
    yield ""


def _under(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{label if not number else '':<8}{line}"
