"""One line of the queue."""

from __future__ import annotations

from evolver_tui.core.job import JobState, Outcome, QueueCounts, QueueRow
from evolver_tui.core.node import NodeVersion
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.styles import Fragment, Line, Symbols, fill, fit, width_of
from evolver_tui.tui.question_kinds import view_of
from evolver_tui.tui.screens.desk.receipts import fit_receipt

_LONGEST_NAME = 400
_ID_CELLS = 20


def row_line(
    row: QueueRow, width: int, is_selected: bool, state: Fragment, symbols: Symbols, *, is_marked: bool = False
) -> Line:
    """Symbol, id, name and `state` of a job, in `width` cells, with a sign before it where a person marked it."""
    mark, style = _symbol(row, symbols)
    words, state_style = state
    text = "strong" if is_selected or is_marked else "dim" if row.state.is_over else "text"
    task_id = fit(safe_text(row.task_id, _LONGEST_NAME), max(6, min(_ID_CELLS, width // 3)))
    words = fit_receipt(words, width - 3 - width_of(task_id) - 3)
    room = width - 3 - width_of(task_id) - 1 - width_of(words) - 2
    name = fill(safe_text(row.task_name, _LONGEST_NAME), max(0, room))
    needs = "needs" if is_selected and row.state is JobState.PAUSED else state_style
    head: Line = [(symbols.marked, "key"), (f"{mark} ", style)] if is_marked else [(f" {mark} ", style)]
    return [*head, (f"{task_id} ", text), (name, text), (f" {words} ", needs)]


def decided_line(counts: QueueCounts | None, width: int, symbols: Symbols) -> Line:
    """The line above what is over, with how many there are of each kind, as many kinds as fit."""
    words = f"{symbols.rule} decided "
    if counts is not None:
        numbers = {
            "failed": counts.failed, "cancelled": counts.cancelled, "exported": counts.exported, "done": counts.done,
            "approved": counts.approved, "rejected": counts.rejected, "skipped": counts.skipped,
            "stored": counts.stored,
        }  # fmt: skip
        for word, number in numbers.items():
            more = f"{symbols.dot} {number:,} {word} "
            if number and width_of(words + more) <= width:
                words += more
    rule: Fragment = (symbols.rule * max(0, width - width_of(words)), "rule")
    return [(words, "dim"), rule]


def _symbol(row: QueueRow, symbols: Symbols) -> tuple[str, str]:
    match row.state:
        case JobState.PAUSED:
            return view_of(row.asks).symbol(symbols), "needs"
        case JobState.RUNNING:
            return symbols.running, "run"
        case JobState.PENDING:
            return symbols.waiting, "dim"
        case JobState.FAILED:
            return symbols.failed, "error"
        case JobState.COMPLETED if row.outcome is Outcome.APPROVED:
            return symbols.approved, "ok"
        case JobState.COMPLETED if row.outcome is Outcome.REJECTED:
            return symbols.rejected, "error"
        case JobState.COMPLETED if row.outcome is Outcome.DONE:
            return symbols.done, "ok"
        case JobState.CANCELLED:
            return symbols.cancelled, "dim"
        case JobState.EXPORTED:
            return symbols.exported, "dim"
    return symbols.skipped, "dim"


def state_words(row: QueueRow, now: float, is_unsaved: bool = False) -> Fragment:
    """How a job stands at a moment, in a word or two; `is_unsaved`: what was approved could not be saved."""
    elapsed = f"{age(now - row.since):>3}"  # always as wide, so that nothing moves when it gets longer
    match row.state:
        case JobState.PAUSED:
            return f"{view_of(row.asks).word} {elapsed}", "dim"
        case JobState.RUNNING:
            return elapsed, "dim"
        case JobState.PENDING:
            return ("" if row.priority == "medium" else safe_text(row.priority, 10)), "dim"
        case JobState.FAILED:
            return ("not saved" if is_unsaved else "failed"), "error"
        case JobState.COMPLETED if row.outcome is Outcome.APPROVED:
            saved = NodeVersion.read(row.node)
            return safe_text(f"v{saved.version}" if saved else row.node, 8), "dim"
        case JobState.COMPLETED if row.outcome is not None:
            return row.outcome.value, "dim"
    return row.state.value, "dim"
