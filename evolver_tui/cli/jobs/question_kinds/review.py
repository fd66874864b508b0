"""Reviews on the command line."""

from __future__ import annotations

from collections.abc import Iterator

from evolver_tui.cli.jobs.question_kinds.kind_text import COMMAND, KindText, unread_lines
from evolver_tui.core.node_example import differences
from evolver_tui.core.node_run import Tryout, tryout_line
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.safe_text import safe_block, safe_text


class ReviewText(KindText):
    """A draft to decide about."""

    waits = "waits for a review, not for an answer."
    way_out = f"Use `{COMMAND} approve`, `reject`, `respond` or `edit`."

    def lines(self, asked: OpenQuestion) -> Iterator[str]:
        """The draft, what the checks say of it, and the commands that decide."""
        if not isinstance(asked.subject, ReviewSubject):
            yield from unread_lines(asked)
            return
        yield from _draft_lines(asked.subject)
        yield f"Decide with: {COMMAND} approve|reject|respond|edit {asked.job}"
        if asked.subject.is_approved_by_name:
            yield "Its risk is high: it is approved by its name, with --name NODE."

    def sha256(self, asked: OpenQuestion) -> str | None:
        """The draft's."""
        return asked.subject.draft.sha256 if isinstance(asked.subject, ReviewSubject) else None


def _draft_lines(subject: ReviewSubject) -> Iterator[str]:
    draft, report = subject.draft, subject.report
    yield f"{safe_text(draft.node_id, 100)} v{subject.version}   {safe_text(draft.title, 200)}"
    if subject.replaces is not None:
        yield f"replaces v{subject.replaces.version}, made for {safe_text(subject.replaces.task_id, 100)}"
        if subject.replaces.edited_sha256:
            yield "its main.py was changed by hand since it was saved; an approval keeps that copy"
    yield f"sha256 {draft.sha256}"
    yield (
        f"draft {subject.attempt}, written by {safe_text(draft.author, 100)}, risk {report.risk.value}"
        f"{': ' if report.capabilities else ''}{safe_text(', '.join(report.capabilities), 500)}"
    )
    for finding in report.findings:
        place = f"line {finding.line}: " if finding.line else ""
        yield f"  {finding.level.value}: {place}{safe_text(finding.message, 300)}"
    if subject.tryout is not None:
        yield from _tryout_lines(subject.tryout)
    yield from ("", *safe_block(draft.code.rstrip("\n"), 300_000).split("\n"), "")


def _tryout_lines(tryout: Tryout) -> Iterator[str]:
    yield tryout_line(tryout)
    for run in tryout.changed:
        for difference in differences(run.expected, run.output, most=3):
            yield f"  {safe_text(run.name, 100)}: {difference}"
