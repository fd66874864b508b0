"""What speaks for and against a draft, in lines: the same on its card and on the command line.

Each piece has several forms, the longest first, so that whoever lays them out may choose. All of them are safe to draw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from evolver_tui.core.check_codes import phrase_of
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, Risk
from evolver_tui.core.node_example import differences
from evolver_tui.core.node_run import NodeRun, Tryout, tryout_line, tryout_parts
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import draft_cost_words
from evolver_tui.core.times import age, day_or_time

_MOST_LINES: Final = 5
"""Lines that are named of one thing; more are counted."""
_ROOMS: Final = ((70, 90), (45, 70), (30, 50), (30, 35), (0, 50), (0, 35), (0, 0))
"""Characters of an input and of an output, form by form; with 0 the names of its fields stand alone."""
_VALUE_LENGTHS: Final = (40, 24, 12)
"""Characters of one value, the longest that all have room for."""
_MOST_FIELDS: Final = 6
_LEAST_WAIT: Final = 60.0
"""Seconds: what waits for less has not waited."""


class EvidenceKind(StrEnum):
    """What a piece is about."""

    FORBIDDEN = "forbidden"
    """A check that forbids to approve it."""
    RISK = "risk"
    """What it reaches for, and where."""
    RUNS = "runs"
    """What came of trying it."""
    DUPLICATE = "duplicate"
    """That there is a node, or a draft, which is the same or nearly so."""
    CHANGED = "changed"
    """Examples for which it gives another output than the version before."""
    EDITED = "edited"
    """That somebody changed by hand what it replaces."""
    MARK = "mark"
    """What a rule put on its job."""
    NOTE = "note"
    """Anything else that a check noted."""
    RESULT = "result"
    """What it made of an input."""
    TOOLS = "tools"
    """What it calls."""
    REPLACES = "replaces"
    """The version whose place it takes."""
    PAST = "past"
    """What past decisions have to do with it."""
    COST = "cost"
    """Who wrote it, with how many tokens and for how much."""
    WAIT = "wait"
    """How long it has waited for a person."""


class EvidenceLevel(StrEnum):
    """How a piece speaks: against the draft, to be looked at, for it, or neither."""

    AGAINST = "against"
    LOOK = "look"
    FOR = "for"
    FACT = "fact"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece."""

    kind: EvidenceKind
    level: EvidenceLevel
    forms: tuple[str, ...]
    """At least one; each is shorter than the one before."""
    lead: str = ""
    """What stands before it where the reader is not told that elsewhere: `risk high`."""

    @property
    def line(self) -> str:
        """Its longest form under its lead."""
        return ": ".join(part for part in (self.lead, self.forms[0]) if part)


class Beside(NamedTuple):
    """What is known of a draft that its review does not hold. Its texts are safe to draw."""

    asked_at: float | None = None
    """When a person was asked, in seconds since 1970."""
    marks: Sequence[str] = ()
    """What rules say of its job, the latest last."""
    duplicate: tuple[str, ...] = ()
    """What it is the same as, in forms from the longest to the shortest; empty for nothing."""
    past: Sequence[str] = ()
    """What past decisions have to do with it, each in a few words."""


_NOTHING: Final = Beside()


def evidence_of(subject: ReviewSubject, now: float, beside: Beside = _NOTHING) -> tuple[Evidence, ...]:
    """All that is known, the most decisive first: what speaks against the draft, what is to be looked at, the rest.

    Args:
        now: in seconds since 1970.
    """
    found = (
        *_forbidden(subject.report),
        *_risk(subject.report),
        _runs(subject.tryout),
        *_duplicate(beside),
        *_changed(subject.tryout),
        *_edited(subject),
        *(_look(EvidenceKind.MARK, mark) for mark in reversed(beside.marks)),
        *_notes(subject.report),
        *_result(subject.tryout),
        *_tools(subject.report),
        *_replaces(subject.replaces, now),
        *(_fact(EvidenceKind.PAST, words) for words in beside.past),
        *_cost(subject.draft),
        *_wait(beside.asked_at, now),
    )
    levels = (EvidenceLevel.AGAINST, EvidenceLevel.LOOK)
    return tuple(sorted(found, key=lambda each: levels.index(each.level) if each.level in levels else len(levels)))


def _look(kind: EvidenceKind, *forms: str) -> Evidence:
    return Evidence(kind, EvidenceLevel.LOOK, forms)


def _fact(kind: EvidenceKind, *forms: str) -> Evidence:
    return Evidence(kind, EvidenceLevel.FACT, forms)


# --- the checks ------------------------------------------------------------------------------------------------------


def _forbidden(report: CheckReport) -> Iterator[Evidence]:
    for finding in report.findings:
        if finding.level is FindingLevel.FAIL:
            yield Evidence(EvidenceKind.FORBIDDEN, EvidenceLevel.AGAINST, (_in_its_line(finding),))


def _notes(report: CheckReport) -> Iterator[Evidence]:
    """What was noted and is no part of the risk."""
    for finding in report.findings:
        if finding.level is FindingLevel.NOTE and finding.check not in report.capabilities:
            yield _look(EvidenceKind.NOTE, _in_its_line(finding))


def _in_its_line(finding: Finding) -> str:
    place = f"line {finding.line}: " if finding.line else ""
    return f"{place}{safe_text(finding.message, 200)}"


def _risk(report: CheckReport) -> Iterator[Evidence]:
    head = f"risk {report.risk.value}"
    if report.risk is Risk.LOW:
        yield Evidence(EvidenceKind.RISK, EvidenceLevel.FACT, ("",), head)
        return
    level = EvidenceLevel.AGAINST if report.risk is Risk.HIGH else EvidenceLevel.LOOK
    others = [each for each in report.capabilities if each not in report.risky and _is_named(report, each)]
    reached = [*report.risky, *others]
    full = [_reached(report, each, with_names=True) for each in reached]
    brief = [_reached(report, each, with_names=False) for each in reached]
    if not reached:
        full = brief = [safe_text(reason, 100) for reason in report.risk_reasons]
    forms = (*(_first(full, len(full)),), *(_first(brief, shown) for shown in range(len(brief), 0, -1)))
    yield Evidence(EvidenceKind.RISK, level, tuple(dict.fromkeys(forms)), head)


def _is_named(report: CheckReport, capability: str) -> bool:
    """Whether a finding tells of it: what writes files is said to read some in any case."""
    return any(finding.check == capability for finding in report.findings)


def _first(parts: Sequence[str], shown: int) -> str:
    more = f" +{len(parts) - shown}" if shown < len(parts) else ""
    return f"{', '.join(parts[:shown])}{more}"


def _reached(report: CheckReport, capability: str, *, with_names: bool) -> str:
    """`writes files: open (line 43)`."""
    phrase = safe_text(phrase_of(capability), 100)
    findings = [each for each in report.findings if each.check == capability and each.level is not FindingLevel.PASS]
    named = dict.fromkeys(safe_text(each.message.removeprefix(f"{phrase}: "), 60) for each in findings)
    names = f": {', '.join([*named][:3])}" if with_names and named else ""
    place = lines_named(report, capability)
    return f"{phrase}{names}{f' ({place})' if place else ''}"


def lines_named(report: CheckReport, capability: str) -> str:
    """The lines in which a draft reaches for something: `line 43`, `lines 3, 9`; empty where none was named."""
    found = {finding.line for finding in report.findings if finding.check == capability and finding.line}
    lines = sorted(found)
    more = f" +{len(lines) - _MOST_LINES}" if len(lines) > _MOST_LINES else ""
    named = ", ".join(map(str, lines[:_MOST_LINES]))
    return f"line{'s' if len(lines) > 1 else ''} {named}{more}" if lines else ""


# --- the runs --------------------------------------------------------------------------------------------------------


def _runs(tryout: Tryout | None) -> Evidence:
    if tryout is None or not tryout.runs:
        return _look(EvidenceKind.RUNS, tryout_line(tryout) if tryout is not None else "not run", "not run")
    parts, is_held = tryout_parts(tryout), tryout.tier != "none"
    ran = f"{parts.ran}: {parts.failure}" if parts.failure else parts.ran
    box = "" if is_held else parts.box
    # That outputs changed is a piece of its own.
    rows = (
        (ran, parts.tries, parts.called, parts.took, parts.memory, parts.box, parts.problem),
        (ran, parts.tries, parts.called, parts.took, box, parts.problem),
        (ran, parts.took, box, parts.problem),
        (ran, box),
        (parts.ran, box),
    )
    forms = dict.fromkeys(" · ".join(part for part in row if part) for row in rows)
    if tryout.failed:
        level = EvidenceLevel.AGAINST
    else:
        level = EvidenceLevel.FOR if is_held and not tryout.problem else EvidenceLevel.LOOK
    return Evidence(EvidenceKind.RUNS, level, tuple(forms))


def _changed(tryout: Tryout | None) -> Iterator[Evidence]:
    """The outputs that are other ones than before, with where they differ first."""
    if tryout is None:
        return
    known = [run for run in tryout.runs if run.expected is not None]
    changed = tryout.changed
    outputs = "example output" if len(known) == 1 else "example outputs"
    if changed:
        run = changed[0]
        where = "; ".join(map(str, differences(run.expected, run.output, most=2)))
        of_all = f"{len(changed)} of {len(known)} {outputs} changed"
        brief = f"{len(changed)} output{'' if len(changed) == 1 else 's'} changed"
        yield _look(EvidenceKind.CHANGED, f"{of_all}: {safe_text(where, 200)}", of_all, brief)
    elif known and all(run.succeeded for run in known):
        yield Evidence(EvidenceKind.CHANGED, EvidenceLevel.FOR, (f"{len(known)} {outputs} as before",))


def _result(tryout: Tryout | None) -> Iterator[Evidence]:
    """What it made of the first input that it could do something with."""
    runs = tryout.runs if tryout is not None else ()
    run = next((run for run in runs if run.output), None) or next((run for run in runs if run.succeeded), None)
    if run is not None:
        yield _fact(EvidenceKind.RESULT, *dict.fromkeys(_in_and_out(run)))


def _in_and_out(run: NodeRun) -> Iterator[str]:
    for rooms in _ROOMS:
        yield " → ".join(
            brief_json(value or {}, room) for value, room in zip((run.input, run.output), rooms, strict=True)
        )


def brief_json(value: Mapping[str, Any], room: int) -> str:
    """A JSON object in a line, safe to draw: as many fields as have room, and of nested values how many they hold.

    Args:
        room: how many characters there are; with 0 the fields' names alone.
    """
    names = [safe_text(key, 20) for key in list(value)[:_MOST_FIELDS]]
    if not room:
        return f"{{{', '.join([*names, *(['…'] if len(value) > len(names) else [])])}}}"
    fitting: list[str] = []
    for most in _VALUE_LENGTHS:
        parts = [f'"{name}": {_brief_value(value[key], most)}' for name, key in zip(names, value, strict=False)]
        fitting = [part for index, part in enumerate(parts) if len(", ".join(parts[: index + 1])) <= room]
        if len(fitting) == len(parts):
            break
    more = ["…"] if len(value) > len(fitting) else []
    return f"{{{', '.join([*fitting, *more])}}}"


def _brief_value(value: object, most: int) -> str:
    if isinstance(value, Mapping):
        return f"{{{len(value)}}}" if value else "{}"
    if isinstance(value, list):
        return f"[{len(value)}]" if value else "[]"
    if isinstance(value, str):
        return f'"{safe_text(value, most)}"'
    return safe_text(json.dumps(value), most)


# --- the rest --------------------------------------------------------------------------------------------------------


def _duplicate(beside: Beside) -> Iterator[Evidence]:
    if beside.duplicate:
        yield _look(EvidenceKind.DUPLICATE, *beside.duplicate)


def _edited(subject: ReviewSubject) -> Iterator[Evidence]:
    """That somebody mended by hand what this draft would replace."""
    if subject.edited_sha256:
        words = "the main.py that it replaces was changed by hand"
        yield _look(EvidenceKind.EDITED, f"{words}; that copy is kept", words)


def _tools(report: CheckReport) -> Iterator[Evidence]:
    tools = [safe_text(tool, 64) for tool in report.tools]
    if tools:
        forms = [f"calls {_first(tools, shown)}" for shown in range(len(tools), 0, -1)]
        yield _fact(EvidenceKind.TOOLS, *forms)
    elif report.can_be_approved:
        yield _fact(EvidenceKind.TOOLS, "calls no tool")


def _replaces(replaced: Replaced | None, now: float) -> Iterator[Evidence]:
    if replaced is None:
        return
    version = f"replaces v{replaced.version}"
    who = f"{version} by {safe_text(replaced.decided_by, 40)}" if replaced.was_read else f"{version}, saved unreviewed"
    try:
        when = f", {age(now - day_or_time(replaced.decided_at))} ago"
    except ValueError:
        when = ""
    made_for = f"{who}{when}, made for {safe_text(replaced.task_id, 40)}"
    yield _fact(EvidenceKind.REPLACES, *dict.fromkeys((made_for, f"{who}{when}", who, version)))


def _cost(draft: NodeDraft) -> Iterator[Evidence]:
    counted = (f"{draft.tokens:,} token{'' if draft.tokens == 1 else 's'}",) if draft.tokens is not None else ()
    parts = draft_cost_words(draft.spent) or counted
    if parts:
        yield _fact(EvidenceKind.COST, *dict.fromkeys((", ".join(parts), parts[0])))


def waited(asked_at: float | None, now: float) -> str:
    """`waits 4m`; empty for less than a minute."""
    seconds = now - asked_at if asked_at is not None else 0.0
    return f"waits {age(seconds)}" if seconds >= _LEAST_WAIT else ""


def _wait(asked_at: float | None, now: float) -> Iterator[Evidence]:
    if words := waited(asked_at, now):
        yield _fact(EvidenceKind.WAIT, words)
