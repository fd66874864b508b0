"""The card's page on what came of running a draft: a block for each input, and below them what is too long for one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from evolver_tui.core.node_run import MOST_OUTPUT, NodeRun, ToolExchange, Tryout
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.json_lines import json_lines
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Fragment, Line, Symbols
from evolver_tui.tui.drawing.text_page import Entry, TextPage
from evolver_tui.tui.screens.desk.card import RUN_PAGE, Review
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts

_MOST_LINES: Final = 12
"""Lines of a long value that stand in its block; all of them stand at the page's end."""
_LONG: Final = 18
"""Lines of a value that is not long yet."""
_LONGEST_LINE: Final = 240
_SHORT_PROMPT: Final = 60
"""Characters of a prompt that stands beside its tool's name."""
_MOST_ROWS: Final = 2_000
"""Rows, roughly, at the page's end; whoever writes more wants to hide something in it."""
_MOST_COMPARED: Final = 500
"""Lines of an output that are held against another one's."""

_Paragraph = tuple[str, str] | Entry

_STYLES: Final = {"ok": "ok", "changed": "warn", "failed": "error"}


def run_page(facts: CardFacts, review: Review, symbols: Symbols) -> Page:
    """The page."""
    tryout = review.subject.tryout
    runs = sorted(tryout.runs, key=lambda run: tuple(_STYLES).index(_outcome(run)), reverse=True) if tryout else []
    blocks = _Blocks(symbols)
    for line, style in _remarks(facts, review, tryout):
        blocks.add((line, style))
    for run in (*facts.runs_by_hand, *runs):
        blocks.add_run(run)
    return Page(RUN_PAGE, TextPage(blocks.paragraphs), tally=_tally(facts, runs, symbols))


def _outcome(run: NodeRun) -> str:
    if not run.succeeded:
        return "failed"
    return "changed" if run.is_changed else "ok"


def _mark(outcome: str, symbols: Symbols) -> str:
    return {"ok": symbols.approved, "changed": symbols.failed, "failed": symbols.rejected}[outcome]


def _tally(facts: CardFacts, runs: Sequence[NodeRun], symbols: Symbols) -> Line:
    outcomes = [_outcome(run) for run in runs]
    fragments: list[Fragment] = [
        (f" {_mark(outcome, symbols)}{outcomes.count(outcome)}", style)
        for outcome, style in _STYLES.items()
        if outcome in outcomes
    ]
    return [*fragments, (f" {symbols.running}", "run")] if facts.is_run_by_hand else fragments


def _remarks(facts: CardFacts, review: Review, tryout: Tryout | None) -> Iterator[tuple[str, str]]:
    """What has to be known beside the runs: that one is going on, and why there are none."""
    by_hand = "" if review.reason_against_running else f" {facts.try_key} runs it on an input of yours."
    if facts.is_run_by_hand:
        yield "It is being run by hand; what comes of it will stand here.", "run"
        yield "", "text"
    if tryout is None or not tryout.runs:
        yield f"{_why_not_run(review, tryout)}{by_hand}", "warn"
        yield "", "text"
    elif tryout.problem:
        yield safe_text(tryout.problem, 500), "warn"
        yield "", "text"
    if tryout is not None and tryout.repairs:
        yield f"{count(tryout.repairs, 'draft')} before this one failed when run and went back to the author.", "dim"
        yield "", "text"


def _why_not_run(review: Review, tryout: Tryout | None) -> str:
    if tryout is not None and tryout.problem:
        return f"It was not run before this review. {safe_text(tryout.problem, 500)}"
    if review.reason_against_running:
        return f"It was not run before this review. {review.reason_against_running}"
    if not review.report.can_be_approved:
        return "It was not run before this review: a check forbids to approve it as it is, see Checks."
    return "It was not run before this review: its author did not try it."


class _Blocks:
    """Gathers the page's paragraphs, and what is to stand whole at its end."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._blocks: list[_Paragraph] = []
        self._whole: list[tuple[str, Sequence[str]]] = []
        """Whose value it is, and its lines."""

    @property
    def paragraphs(self) -> tuple[_Paragraph, ...]:
        """Everything."""
        return (*self._blocks, *self._end())

    def add(self, paragraph: _Paragraph) -> None:
        """Add a line of words."""
        self._blocks.append(paragraph)

    def add_run(self, run: NodeRun) -> None:
        """Add the block of a run."""
        name, outcome = safe_text(run.name, 40), _outcome(run)
        words = "" if outcome == "ok" else f" {outcome}"
        label = f"{_mark(outcome, self._symbols)} {name}{words}  "
        self.add(Entry(((label, _STYLES[outcome]),), self._figures(run), "warn" if run.limit else "dim"))
        self._value(name, "in", _json(run.input))
        if run.output is None:
            self._value(name, "out", [safe_text(run.error, 1_000)], "error")
            if run.stdout.strip():
                self._value(name, "stdout", _lines(run.stdout))
        else:
            self._value(name, "out", _json(run.output))
        if run.is_changed:
            self._value(name, "diff", _difference(run), "warn")
        if run.stderr.strip():
            self._value(name, "stderr", _lines(run.stderr), from_end=True)
        self._calls(name, run)
        self.add(("", "text"))

    def _figures(self, run: NodeRun) -> str:
        parts = [
            f"{run.seconds:.2f} s", f"{run.memory_mb:.0f} MB", f"exit {run.exit_code}",
            f"box {safe_text(run.tier, 20)}", "live" if run.is_live else "dry",
        ]  # fmt: skip
        if run.limit:
            parts.append(f"limit {safe_text(run.limit, 40)}")
        return f" {self._symbols.dot} ".join(parts)

    def _calls(self, run_name: str, run: NodeRun) -> None:
        for number, call in enumerate(run.tool_calls, 1):
            self._call(f"{run_name}, call {number}", call, is_live=run.is_live)
        left = run.tool_call_count - len(run.tool_calls)
        if left > 0:
            self._value(run_name, "calls", [f"{left:,} more were made and are not kept"], "dim")

    def _call(self, whose: str, call: ToolExchange, *, is_live: bool) -> None:
        is_short = len(call.prompt) <= _SHORT_PROMPT and "\n" not in call.prompt
        prompt = f'"{safe_text(call.prompt)}"' if is_short else "…"
        how = f"{call.seconds:.2f} s" if is_live else f"{call.seconds:.2f} s, dry"
        self._value(whose, "call", [f"{safe_text(call.tool, 64)}({prompt})  {how}"])
        if not is_short:
            self._value(whose, "prompt", _lines(call.prompt))
        if call.arguments:
            self._value(whose, "with", _lines(call.arguments))
        if call.error:
            self._value(whose, "error", _lines(call.error), "error")
        else:
            self._value(whose, "answer", _lines(call.answer))

    def _value(
        self, whose: str, label: str, lines: Sequence[str], style: str = "text", *, from_end: bool = False
    ) -> None:
        """Add a value under its label, of a long one its beginning or its end."""
        kept = lines
        if len(lines) > _LONG:
            kept = lines[-_MOST_LINES:] if from_end else lines[:_MOST_LINES]
        shown = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in kept]
        left = sum(map(len, lines)) - sum(min(len(line), _LONGEST_LINE) for line in kept)
        more = f"… {left:,} more characters, all of them below"
        is_cut = left > 0 or len(kept) < len(lines)
        if is_cut:
            self._whole.append((f"{whose}, {label}", lines))
        rows = [(line, style) for line in shown]
        if is_cut:
            rows.insert(0 if from_end else len(rows), (more, "dim"))
        for index, (line, row_style) in enumerate(rows):
            self.add(Entry((_column(label if index == 0 else "", line),), line.lstrip(" "), row_style))

    def _end(self) -> Iterator[_Paragraph]:
        """What was too long for its block."""
        left = _MOST_ROWS
        for whose, lines in self._whole:
            yield f"{whose}, whole", "strong"
            for line in lines:
                left -= 1 + len(line) // 100
                if left < 0:
                    yield "   There is more, which nobody could read here.", "warn"
                    return
                yield Entry((_column("", line, 3),), line.lstrip(" "), "text")
            yield "", "text"


def _column(label: str, line: str, width: int = 11) -> Fragment:
    """What stands before a line: its label in a column, and the line's own indent, so that all its rows keep that."""
    indent = len(line) - len(line.lstrip(" "))
    return f"   {label}".ljust(width) + " " * indent, "dim"


def _lines(text: str) -> Sequence[str]:
    return safe_block(text.strip("\n"), len(text)).split("\n")


def _json(value: Mapping[str, Any] | None) -> list[str]:
    return safe_block("\n".join(json_lines(value or {}, MOST_OUTPUT)), 4 * MOST_OUTPUT).split("\n")


def _difference(run: NodeRun) -> list[str]:
    """The lines in which an output differs from what the version before gave."""
    before, after = (_json(value)[:_MOST_COMPARED] for value in (run.expected, run.output))
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    changed = [f"{line[0]} {line[1:]}" for line in lines if not line.startswith(("---", "+++", "@@"))]
    return changed or ["it differs beyond what is shown"]
