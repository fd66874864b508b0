"""Which drafts can be approved together, and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from evolver_tui.core.batch import MOST_CHANGES, Batch, approvable
from evolver_tui.core.code_constants import ConstantChange
from evolver_tui.core.node import Risk
from evolver_tui.core.question import OpenQuestion, Question, QuestionKind
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from tests.support.drafts import check
from tests.support.tried_drafts import CHANGED, FAILED, FINE, SUMMARIZES, tried

NETWORK = SUMMARIZES.replace("import sys\n", "import sys\nimport socket\n")
READS_FILES = SUMMARIZES.replace("    input_data =", "    open('notes.txt').read()\n    input_data =")


def draft(node_id: str = "", code: str = SUMMARIZES, runs: tuple[object, ...] = (FINE,)) -> ReviewSubject:
    subject = tried(*runs, code=code)  # type: ignore[arg-type]
    return replace(subject, draft=replace(subject.draft, node_id=node_id or "node"))


def asked(**subjects: ReviewSubject) -> list[OpenQuestion]:
    """Each task's draft, under a node id of its own where it has none."""
    found = []
    for number, (task, subject) in enumerate(subjects.items(), 1):
        own = (
            subject if subject.draft.node_id != "node" else replace(subject, draft=replace(subject.draft, node_id=task))
        )
        question = Question("review 1", "Well?", kind=QuestionKind.REVIEW)
        found.append(OpenQuestion(number, number, task, task, "summarize", question, float(number), subject=own))
    return found


def all_read(subject: ReviewSubject) -> str:
    return ""


def unread_but(*node_ids: str) -> Callable[[ReviewSubject], str]:
    return lambda subject: "" if subject.draft.node_id in node_ids else "it was never on the card"


def tasks(batch: Batch) -> list[str]:
    return [item.asked.task_id for item in batch.items]


def reasons(batch: Batch) -> dict[str, str]:
    return {each.task_id: each.reason for each in batch.left_out}


def test_each_is_approved_by_its_very_bytes_and_what_they_replace() -> None:
    replaces = Replaced(3, "f" * 64, "before", "ada")
    batch = approvable(asked(one=draft(), two=replace(draft(code=READS_FILES), replaces=replaces, version=4)), all_read)
    first, second = batch.approvals().values()
    assert (first.sha256, first.replaces, first.typed_name) == (draft().draft.sha256, "", "")
    assert (second.sha256, second.replaces) == (draft(code=READS_FILES).draft.sha256, "f" * 64)
    assert [item.asked.task_id for item in batch.replacing] == ["two"]


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (draft(code=NETWORK), "its risk is high: it is approved by its name"),
        (draft(code="print('no node'"), "a check forbids it"),
        (draft(runs=(FINE, FAILED)), "it failed its try"),
        (
            replace(draft(), replaces=Replaced(1, "a" * 64, "t", "ada", "b" * 64)),
            "it would replace a main.py that was changed by hand",
        ),
    ],
    ids=["high risk", "forbidden", "failed", "mended by hand"],
)
def test_what_needs_a_look_of_its_own_is_left_out_with_the_reason(subject: ReviewSubject, reason: str) -> None:
    batch = approvable(asked(fine=draft(), other=subject), all_read)
    assert tasks(batch) == ["fine"]
    assert reasons(batch) == {"other": reason}
    assert batch.left_out[0].node_id == "other"


def test_a_question_and_what_cannot_be_read_are_left_out_as_such() -> None:
    (question,) = asked(asks=draft())
    batch = approvable([question.__class__(9, 9, "asks", "n", "t", Question("q", "Which?"), 1.0)], all_read)
    assert reasons(batch) == {"asks": "asks a question"}
    assert batch.risk is Risk.LOW
    assert batch.approvals() == {}


def test_of_two_drafts_of_one_node_the_second_waits_for_what_the_first_becomes() -> None:
    batch = approvable(asked(one=draft("same"), two=draft("same", READS_FILES), three=draft()), all_read)
    assert tasks(batch) == ["one", "three"]
    assert reasons(batch) == {"two": "it makes the same node as one: decide about it after that"}


def test_the_summary_knows_the_highest_risk_the_tools_and_what_changes() -> None:
    batch = approvable(asked(low=draft(), files=draft(code=READS_FILES), change=draft(runs=(CHANGED,))), all_read)
    assert batch.risk is Risk.MEDIUM
    assert [item.asked.task_id for item in batch.riskiest] == ["files"]
    assert batch.tools == ["summarizer"]
    assert [(item.asked.task_id, number) for item, number in batch.changing] == [("change", 1)]
    assert [[item.asked.task_id for item in group] for group in batch.equal] == [["low", "change"]]


def test_what_nobody_ran_is_told_and_not_left_out() -> None:
    never = replace(draft(), tryout=None)
    batch = approvable(asked(one=never, two=draft(runs=())), all_read)
    assert [item.asked.task_id for item in batch.untried] == ["one", "two"]


# --- one look for several


def test_one_look_counts_for_others_of_its_frame_with_all_that_differs_told() -> None:
    other = SUMMARIZES.replace("0.2", "0.9").replace("Summarize a text.", "Another docstring.")
    batch = approvable(asked(read=draft(), other=draft(code=other)), unread_but("read"))
    assert tasks(batch) == ["read", "other"]
    assert [item.like for item in batch.items] == ["", "read"]
    assert batch.items[1].changes == (ConstantChange(12, "0.2", "0.9"),)


def test_one_that_was_not_read_counts_for_nobody() -> None:
    batch = approvable(asked(one=draft(), two=draft(code=SUMMARIZES.replace("0.2", "0.9"))), unread_but())
    assert batch.items == ()
    assert set(reasons(batch).values()) == {"it was never on the card"}


def test_another_frame_needs_a_look_of_its_own() -> None:
    other = SUMMARIZES.replace('"words": len', '"letters": len(summary), "words": len')
    batch = approvable(asked(read=draft(), other=draft(code=other)), unread_but("read"))
    assert reasons(batch) == {"other": "it was never on the card"}


def test_a_look_at_one_that_reaches_less_counts_for_none_that_reaches_more() -> None:
    """What a text makes of a draft is no matter of its frame: another tool, another risk."""
    writes = READS_FILES.replace("'notes.txt'", "'notes.txt', 'r'")
    high = READS_FILES.replace("'notes.txt'", "'notes.txt', 'w'")
    assert check(high).risk is Risk.HIGH
    batch = approvable(asked(read=draft(code=writes), other=draft(code=high)), unread_but("read"))
    assert tasks(batch) == ["read"]
    tool = SUMMARIZES.replace('"summarizer"', '"content_generator"')
    batch = approvable(asked(read=draft(), other=draft(code=tool)), unread_but("read"))
    assert reasons(batch) == {"other": "it was never on the card"}


def test_what_differs_in_more_than_can_be_told_has_to_be_read() -> None:
    def values(prefix: str) -> str:
        return f"{SUMMARIZES}\nVALUES = [{', '.join(f'{prefix}{number}' for number in range(MOST_CHANGES + 1))}]\n"

    batch = approvable(asked(read=draft(code=values("1")), other=draft(code=values("2"))), unread_but("read"))
    assert reasons(batch) == {"other": "it differs from read in more than a line or two: read it"}
    long = SUMMARIZES.replace('"content"]', '"' + "z" * 500 + '"]', 1)
    batch = approvable(asked(read=draft(), other=draft(code=long)), unread_but("read"))
    assert reasons(batch) == {"other": "it differs from read in more than a line or two: read it"}


def test_the_others_stay_when_somebody_decided_one() -> None:
    batch = approvable(asked(one=draft(), two=draft(code=READS_FILES)), all_read)
    assert tasks(batch.without({1})) == ["two"]
    assert set(batch.without({1}).approvals()) == {2}
