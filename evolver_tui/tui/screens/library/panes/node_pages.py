"""The pages of a node's card, made of what was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.code_diff import compare
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.diff_view import DiffDocument
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.json_lines import json_lines
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Symbols
from evolver_tui.tui.drawing.text_page import Entry, TextPage
from evolver_tui.tui.screens.library.names import CODE, DIFF, EXAMPLES, RUNS, VERSIONS
from evolver_tui.tui.screens.library.panes.node_table import ago

if TYPE_CHECKING:
    from evolver_tui.core.node import NodeRecord
    from evolver_tui.core.node_listing import CodeMatch, NodeDetails
    from evolver_tui.core.node_run import NodeRun
    from evolver_tui.engine.example_runs import TestedNode
    from evolver_tui.tui.screens.library.reading import NodeFacts

_MOST_LINES: Final = 1_500
"""Of an example's value."""
_MOST_CHARACTERS: Final = 20_000
_LABEL: Final = 9

_Paragraph = tuple[str, str] | Entry


def code_page(document: CodeDocument, match: CodeMatch | None) -> Page:
    """The current version's code; the line that was searched for is marked."""
    return Page(CODE, document, notes={match.line: "key"} if match is not None else None)


def versions_page(facts: NodeFacts, now: float, keys: str) -> Page:
    """What is known of the node, and each version, the current one first."""
    paragraphs: list[_Paragraph] = [*_about(facts), ("", "text")]
    for record in reversed(facts.versions):
        is_current = record.version == facts.record.version
        head = f"v{record.version}".ljust(5)
        paragraphs.append(Entry(((head, "strong" if is_current else "text"),), _of_version(record, facts, now), "text"))
        paragraphs.append(Entry((("     ", "dim"),), _whence(record), "dim"))
    if len(facts.versions) > 1 and keys:
        paragraphs += [("", "text"), (keys, "dim")]
    return Page(VERSIONS, TextPage(tuple(paragraphs)), tally=[(f" {len(facts.versions)}", "dim")])


def _about(facts: NodeFacts) -> Iterator[_Paragraph]:
    record = facts.record
    yield safe_text(record.title, 200), "strong"
    if facts.problem:
        yield safe_text(facts.problem, 400), "error"
    risk = {"low": "ok", "medium": "warn", "high": "error"}[record.risk.value]
    yield _fact("risk", record.risk.value, risk)
    yield _fact("reaches", ", ".join(map(_safe, record.capabilities)) or "nothing that was found")
    yield _fact("tools", ", ".join(map(_safe, record.tools)) or "none")
    yield _fact("tags", ", ".join(map(_safe, record.tags)) or "none")
    yield _fact("task", f"{safe_text(record.task_id, 100)}, {safe_text(record.task_type, 40) or 'no type'}")
    yield _fact("sha256", safe_text(record.sha256, 64), "dim")


def _fact(label: str, words: str, style: str = "text") -> Entry:
    return Entry(((label.ljust(_LABEL), "dim"),), words, style)


def _safe(text: str) -> str:
    return safe_text(text, 100)


def _of_version(record: NodeRecord, facts: NodeFacts, now: float) -> str:
    is_current = record.version == facts.record.version
    by = "nobody reviewed it" if record.decided_by == UNREVIEWED else f"approved by {safe_text(record.decided_by, 60)}"
    back = record.lineage.get("rollback_to")
    made = f"v{back} again, by {safe_text(record.decided_by, 60)}" if isinstance(back, int) else by
    use = facts.use.of_version(record.version, record.sha256)
    runs = f", {count(use.runs, 'run')}" if use.runs else ""
    return (
        f"{'current, ' if is_current else ''}{made} {ago(record.decided_at, now)} ago, {record.risk.value} risk{runs}"
    )


def _whence(record: NodeRecord) -> str:
    author, task = safe_text(record.author, 60), safe_text(record.task_id, 80)
    return f"written by {author} for task {task}, {safe_text(record.decided_at, 40)[:10]}"


def diff_page(old: str, new: str, before: str, after: str, symbols: Symbols) -> Page:
    """What differs between two versions."""
    diff = compare(before, after)
    head = f"{old} and {new}: {count(diff.added, 'line')} added, {count(diff.removed, 'line')} gone."
    if diff.is_same:
        head = f"{old} and {new} have the same code."
    document = DiffDocument(
        TextPage(((head, "dim"), ("", "text"))), diff, CodeDocument(before), CodeDocument(after),
        ellipsis="..." if symbols.dot == "-" else "…",
    )  # fmt: skip
    return Page(DIFF, document, tally=[] if diff.is_same else [(f" +{diff.added} -{diff.removed}", "dim")])


def without_diff() -> Page:
    """The page where there is one version alone."""
    return Page(DIFF, TextPage((("There is one version: nothing to compare it with.", "dim"),)))


def examples_page(facts: NodeFacts, tested: TestedNode | None) -> Page:
    """What it was seen to do, and what came of running that again."""
    states = {each.name: each for each in tested.examples} if tested is not None else {}
    paragraphs: list[_Paragraph] = []
    if tested is not None and tested.error:
        paragraphs += [(safe_text(tested.error, 400), "error"), ("", "text")]
    for example in facts.examples.examples:
        now = states.get(example.name)
        state, style = ("", "strong")
        if now is not None:
            state = {"ok": "  as approved", "differs": "  differs", "failed": "  failed"}[now.state]
            style = {"ok": "ok", "differs": "warn", "failed": "error"}[now.state]
        paragraphs.append((f"{safe_text(example.name, 80)}{state}", style))
        if now is not None:
            problems = [now.error] if now.error else [str(each) for each in now.differences]
            paragraphs += [Entry((("  now  ", "dim"),), safe_text(words, 400), style) for words in problems]
        paragraphs += _value("in", json_lines(example.input, _MOST_CHARACTERS))
        paragraphs += _value("out", json_lines(example.output, _MOST_CHARACTERS))
        for answer in example.answers:
            paragraphs += _value("tool", [f"{answer.tool}({answer.prompt!r}) answered {answer.answer!r}"])
        paragraphs.append(("", "text"))
    if not facts.examples.examples:
        paragraphs.append(
            ("It has no example: the first ones are kept when a draft that was tried is approved.", "dim")
        )
    paragraphs += [(f"left out: {safe_text(problem, 300)}", "warn") for problem in facts.examples.problems]
    return Page(EXAMPLES, TextPage(tuple(paragraphs)), tally=_tested_tally(facts, tested))


def _tested_tally(facts: NodeFacts, tested: TestedNode | None) -> list[tuple[str, str]]:
    number = [(f" {len(facts.examples.examples)}", "dim")]
    if tested is None:
        return number
    bad = sum(each.state != "ok" for each in tested.examples)
    return [*number, (f" {bad} differ" if bad else " ok", "warn" if bad else "ok")]


def _value(label: str, lines: Sequence[str]) -> Iterator[Entry]:
    for index, line in enumerate(lines[:_MOST_LINES]):
        text = safe_block(line, 4_000)
        indent = len(text) - len(text.lstrip(" "))
        column = f"  {label if index == 0 else '':<5}" + " " * indent
        yield Entry(((column, "dim"),), text.lstrip(" "), "text")


def runs_page(
    facts: NodeFacts, trials: Sequence[NodeRun], now: float, symbols: Symbols, *, is_running: bool, keys: str
) -> Page:
    """Runs by hand in this session, and how often it ran in earnest."""
    paragraphs: list[_Paragraph] = []
    if is_running:
        paragraphs += [("It is being run by hand; what comes of it will stand here.", "run"), ("", "text")]
    for run in trials:
        paragraphs += _trial(run, symbols)
    use = facts.use
    if use.count:
        failed = f", {use.failed:,} of them failed" if use.failed else ""
        paragraphs.append(
            (f"In earnest: {count(use.count, 'run')}{failed}; last {ago(use.last_at, now)} ago.", "strong")
        )
        for each in use.recent:
            words = f"{safe_text(each.at, 40)[:19].replace('T', ' ')}  v{each.version}  by {_BY[each.by.value]}"
            paragraphs.append((f"  {words}", "text"))
        if use.count > len(use.recent):
            paragraphs.append((f"  and {use.count - len(use.recent):,} earlier", "dim"))
    else:
        paragraphs.append((f"It never ran in earnest. {keys}".rstrip(), "dim"))
    return Page(RUNS, TextPage(tuple(paragraphs)), tally=[(f" {use.count:,}", "dim")] if use.count else [])


_BY: Final = {"command": "a command", "chat": "a chat", "node": "another node", "other": "something else"}


def _trial(run: NodeRun, symbols: Symbols) -> Iterator[_Paragraph]:
    sign, style = (symbols.approved, "ok") if run.succeeded else (symbols.rejected, "error")
    how = f"{run.seconds:.2f} s, {'live' if run.is_live else 'dry'}, box {safe_text(run.tier, 20)}"
    yield Entry(((f"{sign} {safe_text(run.name, 60)}  ", style),), how, "dim")
    yield from _value("in", json_lines(run.input, _MOST_CHARACTERS))
    if run.output is not None:
        yield from _value("out", json_lines(run.output, _MOST_CHARACTERS))
    else:
        yield Entry((("  error ", "dim"),), safe_text(run.error, 1_000), "error")
    if run.stderr.strip():
        yield from _value("err", safe_block(run.stderr.strip("\n"), len(run.stderr)).split("\n")[-20:])
    for call in run.tool_calls:
        answer = call.error or call.answer
        yield from _value(
            "tool", [f"{call.tool}({call.prompt[:200]!r}) {'failed' if call.error else 'answered'} {answer[:400]!r}"]
        )
    yield "", "text"


def standing_words(details: NodeDetails | None) -> str:
    """What has to be known of a node beside its code; empty for one that is in use as it was approved."""
    if details is None:
        return ""
    words = []
    if details.retirement is not None:
        words.append(f"retired by {safe_text(details.retirement.by, 60)}")
    if details.set_aside_by:
        words.append(f"set aside by {safe_text(details.set_aside_by, 60)}")
    if details.is_edited:
        words.append("main.py was changed by hand")
    return ", ".join(words)
