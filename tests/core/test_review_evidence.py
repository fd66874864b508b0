"""What speaks for and against a draft, in lines."""

from __future__ import annotations

import dataclasses

from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, Risk
from evolver_tui.core.node_run import NodeRun, Tryout
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from evolver_tui.core.review_evidence import Beside, EvidenceKind, EvidenceLevel, brief_json, evidence_of, waited
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.spending import Spent
from tests.support.hostile import HOSTILE, HUGE_LINE, ODD_NAME
from tests.support.tried_drafts import CHANGED, FAILED, FINE, tried

NOON = 1_767_268_800.0
"""2026-01-01 12:00 in UTC."""
REPLACED = Replaced(2, "ab" * 32, "task-7", "ada", "cd" * 32, "2025-12-29T12:00:00.000Z")
REPORT = CheckReport(
    (
        Finding("syntax", FindingLevel.PASS, "valid Python"),
        Finding("network", FindingLevel.NOTE, "reaches the network: socket", 24),
        Finding("network", FindingLevel.NOTE, "reaches the network: http", 20),
        Finding("file_writes", FindingLevel.NOTE, "writes files: open", 43),
        Finding("imports", FindingLevel.NOTE, "node_runtime is imported and not used", 6),
    ),
    ("file_writes", "files", "network"), ("summarizer", "llm"), Risk.HIGH,
)  # fmt: skip


def lines(subject: ReviewSubject, beside: Beside = Beside()) -> list[str]:  # noqa: B008 (a tuple)
    return [piece.line for piece in evidence_of(subject, NOON, beside)]


def test_what_speaks_against_a_draft_comes_first_and_what_only_is_so_last() -> None:
    subject = dataclasses.replace(tried(FINE, CHANGED, FAILED), report=REPORT, replaces=REPLACED, version=3)
    told = Beside(NOON - 300, ["A rule marked it."], ("92 % the same as other v3",), ["estimate 70 % approved"])
    assert lines(subject, told) == [
        "risk high: writes files: open (line 43), reaches the network: socket, http (lines 20, 24)",
        "ran 2 of 3 inputs: KeyError: 'content' on empty · 2 tool calls · 0.2 s · 14 MB · box full",
        "92 % the same as other v3",
        "1 of 1 example output changed: words: 4 → 3",
        "the main.py that it replaces was changed by hand; that copy is kept",
        "A rule marked it.",
        "line 6: node_runtime is imported and not used",
        '{"content": "A long text."} → {"summary": "[dry summarizer] A long text.", "words": 3}',
        "calls summarizer, llm",
        "replaces v2 by ada, 3d ago, made for task-7",
        "estimate 70 % approved",
        "waits 5m",
    ]


def test_a_draft_of_low_risk_that_ran_well_has_nothing_against_it() -> None:
    same = dataclasses.replace(FINE, expected=FINE.output)
    evidence = evidence_of(tried(same), NOON)
    assert not [piece for piece in evidence if piece.level is EvidenceLevel.AGAINST]
    assert "1 example output as before" in [piece.line for piece in evidence]
    assert "risk low" in [piece.line for piece in evidence]


def test_what_forbids_to_approve_it_comes_before_everything() -> None:
    subject = dataclasses.replace(tried(code="def broken("), tryout=None)
    first, second, *_ = evidence_of(subject, NOON)
    assert (first.kind, second.line) == (EvidenceKind.FORBIDDEN, "risk high: cannot be read")
    assert "not run" in lines(subject)


def test_a_run_that_nothing_held_or_that_was_not_made_is_to_be_looked_at() -> None:
    for subject, words in (
        (tried(dataclasses.replace(FINE, tier="none")), "no box"),
        (tried(problem="There is no box."), "not run: There is no box."),
        (tried(FINE, problem="It was stopped."), "It was stopped."),
    ):
        (runs,) = [piece for piece in evidence_of(subject, NOON) if piece.kind is EvidenceKind.RUNS]
        assert runs.level is EvidenceLevel.LOOK
        assert words in runs.forms[0]


def test_each_form_is_shorter_and_the_shortest_of_the_risk_counts_what_it_leaves_out() -> None:
    subject = dataclasses.replace(tried(FINE, FAILED), report=REPORT)
    for piece in evidence_of(subject, NOON):
        if piece.kind is not EvidenceKind.RESULT:
            assert list(piece.forms) == sorted(piece.forms, key=len, reverse=True)
    (risk,) = [piece for piece in evidence_of(subject, NOON) if piece.kind is EvidenceKind.RISK]
    assert risk.forms[-1] == "writes files (line 43) +1"


def test_a_node_that_was_approved_before_its_time_was_kept_has_no_age() -> None:
    subject = dataclasses.replace(tried(FINE), replaces=dataclasses.replace(REPLACED, decided_at="", edited_sha256=""))
    assert "replaces v2 by ada, made for task-7" in lines(subject)
    unread = dataclasses.replace(tried(FINE), replaces=dataclasses.replace(REPLACED, decided_by="unreviewed"))
    assert "replaces v2, saved unreviewed, 3d ago, made for task-7" in lines(unread)


def test_what_writing_it_took_is_told_where_somebody_counted() -> None:
    subject = tried(FINE)
    counted = dataclasses.replace(subject, draft=dataclasses.replace(subject.draft, tokens=1_234))
    assert "1,234 tokens" in lines(counted)
    priced = dataclasses.replace(subject.draft, spent=Spent(1_000, 500, cost=0.02, currency="EUR"))
    assert any("1,500 tokens" in line and "EUR" in line for line in lines(dataclasses.replace(subject, draft=priced)))
    assert not [line for line in lines(subject) if "token" in line]


def test_less_than_a_minute_is_no_wait() -> None:
    assert (waited(NOON - 59, NOON), waited(NOON - 60, NOON), waited(None, NOON)) == ("", "waits 1m", "")
    assert waited(NOON + 3_600, NOON) == "", "of a clock that went back"


def test_an_object_in_a_line_has_as_many_fields_as_have_room() -> None:
    value = {"a": "x" * 100, "b": [1, 2], "c": {"d": 1}, "e": None, "f": {}, "g": 1, "h": 2}
    assert brief_json(value, 200) == f'{{"a": "{"x" * 40}…", "b": [2], "c": {{1}}, "e": null, "f": {{}}, "g": 1, …}}'
    assert brief_json(value, 40) == '{"a": "xxxxxxxxxxxx…", "b": [2], "c": {1}, …}'
    assert brief_json(value, 0) == "{a, b, c, e, f, g, …}"
    assert brief_json({}, 40) == "{}"


def test_strangers_texts_are_safe_whole_and_bounded() -> None:
    for text in (*HOSTILE.values(), HUGE_LINE, ODD_NAME):
        run = NodeRun(
            text, {text: text}, "", "", {text: [text], "a": text}, "", 0, 0.1, 0.1, 10.0, text or "full",
            expected={text: text},
        )  # fmt: skip
        failed = dataclasses.replace(run, output=None, error=text)
        report = CheckReport((Finding(text, FindingLevel.NOTE, text, 1),), (text,), (text,), Risk.MEDIUM)
        draft = NodeDraft("node", text, text, (text,), text, text)
        replaced = Replaced(1, text, text, text, text, text)
        subject = ReviewSubject(draft, report, 2, 1, replaced, tryout=Tryout((run, failed), text))
        for piece in evidence_of(subject, NOON):
            for form in (piece.line, *piece.forms):
                assert safe_text(form) == form
                assert len(form) < 2_000
