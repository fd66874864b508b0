"""What is said of drafts that are approved together, before they are: a line each, as a dialog draws it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.styles import fill, width_of
from evolver_tui.tui.screens.desk.marks import named
from evolver_tui.tui.screens.desk.panes.checks_page import RISK_STYLES

if TYPE_CHECKING:
    from evolver_tui.core.batch import Batch, BatchItem, LeftOut
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.core.question_kinds.review import ReviewSubject
    from evolver_tui.tui.drawing.styles import Line, Symbols

_LABEL_CELLS: Final = 11
_TASK_CELLS: Final = 20
_NODE_CELLS: Final = 34
"""At most; of what follows after them, as much as there is room for."""
_LONGEST_TOOLS: Final = 300


def batch_lines(batch: Batch, symbols: Symbols) -> Sequence[Line]:
    """The summary, then each draft, then what is left out with the reason. Strangers' text is safe to draw."""
    left_out = list(_left_out_lines(batch.left_out, symbols))
    if not batch.items:
        return left_out
    cells = _cells_of(item.asked.task_id for item in batch.items)
    lines = [*_summary(batch), [], *(line for item in batch.items for line in _item_lines(item, cells, symbols))]
    return [*lines, [], [("Left out:", "warn")], *left_out] if left_out else lines


def _summary(batch: Batch) -> Iterator[Line]:
    risk = batch.risk
    which = f" at most: {_tasks(batch.riskiest)}" if len(batch.riskiest) < len(batch.items) else ""
    yield [_label("risk"), (risk.value, RISK_STYLES[risk]), (which, "text")]
    tools = safe_text(", ".join(batch.tools), _LONGEST_TOOLS) or "none"
    yield [_label("tools"), (tools, "text")]
    if batch.replacing:
        replaced = [
            f"{safe_text(item.subject.draft.node_id, 64)} v{item.subject.replaces.version}"
            for item in batch.replacing
            if item.subject.replaces is not None
        ]
        yield [_label("replace"), (named(replaced), "text")]
    if batch.changing:
        changed = [
            f"{safe_text(item.asked.task_id, 40)} ({count(number, 'output')})" for item, number in batch.changing
        ]
        yield [_label("change"), (f"what examples gave: {named(changed)}", "warn")]
    if batch.untried:
        yield [_label("not run"), (_tasks(batch.untried), "warn")]
    equal = {item.asked.id for group in batch.equal for item in group}
    for group in batch.equal:
        yield [_label("the same"), (f"{_tasks(group)} do the same", "warn")]
    for group in batch.alike:
        if not equal.issuperset(item.asked.id for item in group):
            yield [_label("alike"), (f"{_tasks(group)} differ in texts and numbers alone", "text")]


def _label(text: str) -> tuple[str, str]:
    return f"{text:<{_LABEL_CELLS}}", "dim"


def _tasks(items: Sequence[BatchItem]) -> str:
    return named([item.asked.task_id for item in items])


def _item_lines(item: BatchItem, cells: int, symbols: Symbols) -> Iterator[Line]:
    subject = item.subject
    risk = subject.report.risk
    line = [(f"{symbols.review} ", "needs"), *_names(item.asked.task_id, _version(subject), cells)]
    line.append((f" {risk.value}", RISK_STYLES[risk]))
    if subject.replaces is not None:
        line.append((f" {symbols.dot} replaces v{subject.replaces.version}", "dim"))
    yield line
    if item.like:
        like = safe_text(item.like, 40)
        yield [(f"  not read: {'differs' if item.changes else 'does not differ'} from {like}, which was", "dim")]
        for change in item.changes:
            before, after = safe_text(change.before, 400), safe_text(change.after, 400)
            place = (f"    line {change.line}: ", "dim")
            yield [place, (before, "text"), (f" {symbols.exported} ", "dim"), (after, "strong")]


def _version(subject: ReviewSubject) -> str:
    return f"{safe_text(subject.draft.node_id, 64)} v{subject.version}"


def _names(task_id: str, node: str, cells: int) -> Line:
    return [(f"{fill(safe_text(task_id, 100), cells)} ", "text"), (fill(node, _NODE_CELLS), "strong")]


def _cells_of(task_ids: Iterable[str]) -> int:
    """How wide the column of some tasks' ids is."""
    return min(_TASK_CELLS, max((width_of(safe_text(each, 100)) for each in task_ids), default=0))


def _left_out_lines(left_out: Sequence[LeftOut], symbols: Symbols) -> Iterator[Line]:
    cells = _cells_of(each.task_id for each in left_out)
    for each in left_out:
        node = f"{safe_text(each.node_id, 64)}: " if each.node_id else ""
        task = (f"{fill(safe_text(each.task_id, 100), cells)} ", "text")
        yield [(f"{symbols.failed} ", "warn"), task, (f"{node}{safe_text(each.reason, 200)}", "text")]


def review_lines(asked: Sequence[OpenQuestion], symbols: Symbols) -> Sequence[Line]:
    """Some tasks that wait, a line each: what they ask for, the task, its node."""
    from evolver_tui.core.question_kinds.review import ReviewSubject

    cells = _cells_of(each.task_id for each in asked)
    lines: list[Line] = []
    for each in asked:
        subject = each.subject
        is_review = isinstance(subject, ReviewSubject)
        about = _version(subject) if isinstance(subject, ReviewSubject) else safe_text(each.task_name, 200)
        sign = (f"{symbols.review if is_review else symbols.asks} ", "needs")
        lines.append([sign, (f"{fill(safe_text(each.task_id, 100), cells)} ", "text"), (about, "strong")])
    return lines
