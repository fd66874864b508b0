"""Tasks that are marked in the queue, and what is done with all of them together."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.tui.modals import BatchModal, ReasonModal
from evolver_tui.tui.screens.desk.marks import MOST_MARKED, ONLY_WAITING, TOO_MANY, Marks
from tests.support.desk_fixtures import SMALL, WIDE, Console, LongQueue, console, steady_session
from tests.support.tried_drafts import FAILED, FINE, SUMMARIZES, showing, task_for, tried
from tests.support.waiting_fixtures import ASKS, elsewhere, hear, question_about, until_back, until_needs

pytestmark = pytest.mark.anyio


def draft(name: str, code: str = SUMMARIZES, *runs: Any) -> ReviewSubject:
    subject = tried(*(runs or (FINE,)), code=code)
    return dataclasses.replace(subject, draft=dataclasses.replace(subject.draft, node_id=name))


NETWORK = draft("fetch", SUMMARIZES.replace("import sys\n", "import sys\nimport socket\n"))
READS_FILES = SUMMARIZES.replace("    input_data =", "    open('notes.txt').read()\n    input_data =")
FOUR = {
    "one": draft("one"),
    "two": draft("two", SUMMARIZES.replace("0.2", "0.9")),
    "three": draft("three", SUMMARIZES.replace("0.2", "0.7")),
    "four": draft("four", SUMMARIZES.replace('"words"', '"count"').replace("len(", "sum(1 for _ in ")),
}


@asynccontextmanager
async def desk_with(folder: Path, drafts: dict[str, ReviewSubject] = FOUR, **options: Any) -> AsyncIterator[Console]:
    """The console with each of these drafts waiting, and the cursor on the first one."""
    async with console(folder, session_in=lambda home: showing(steady_session(home), drafts), **options) as desk:
        await desk.receive(*(task_for(name) for name in drafts))
        await until_needs(desk, len(drafts))
        await desk.until(lambda: len(desk.desk.queue._window.rows) == len(drafts), "the rows")
        await desk.press("g")
        yield desk


async def read(desk: Console, *names: str) -> None:
    """Put the cursor on each and look at its card for long enough."""
    for name in names:
        row = next(row for row in await desk.session.store.rows_after(None, 300) if row.task_id == name)
        desk.desk.context.select(row)
        desk.desk.card.guard.ask_for(row.job)

        def is_there(name: str = name) -> bool:
            review = desk.desk.card.content.review
            return review is not None and review.question.task_id == name

        await desk.until(is_there, f"the card of {name}")
        await desk.look_at_draft(4.0)
        await desk.until(lambda: desk.desk.card.content.review.draft.sha256 in desk.desk.context.drafts_seen, "a look")  # type: ignore[union-attr]
    await desk.press("g")


def marked(desk: Console) -> list[str]:
    """The tasks whose rows show a mark."""
    lines = desk.text_of(desk.desk.queue).splitlines()
    return [line.split()[1] for line in lines if line[1:2] == desk.desk.queue.symbols.marked]


def border(desk: Console) -> str:
    return desk.text_of(desk.desk.queue).splitlines()[-1]


async def outcomes(desk: Console) -> dict[str, tuple[JobState, Outcome | None]]:
    rows = await desk.session.store.rows_after(None, 300)
    return {row.task_id: (row.state, row.outcome) for row in rows}


def answered(desk: Console) -> int:
    counts = desk.desk.queue.counts
    return 0 if counts is None else counts.total - counts.needs_you


# --- marking


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_space_marks_and_goes_on_and_again_takes_the_mark_away(tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk_with(tmp_path, size=size) as desk:
        await desk.press("space", "space")
        assert marked(desk) == ["one", "two"]
        assert desk.desk.queue.selected is not None
        assert desk.desk.queue.selected.task_id == "three"
        assert "2 marked" in border(desk)
        assert "4 need you" in border(desk)
        await desk.press("k", "space")
        assert marked(desk) == ["one"]


async def test_a_range_shows_what_it_would_mark_and_escape_gives_it_up_before_the_marks(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await desk.press("space", "v", "j")
        assert marked(desk) == ["one", "two", "three"]
        assert "range of 2" in border(desk)
        await desk.press("escape")
        assert marked(desk) == ["one"]
        await desk.press("v", "j", "v")
        assert marked(desk) == ["one", "three", "four"]
        assert "3 marked" in border(desk)
        await desk.press("escape")
        assert marked(desk) == []
        assert "marked" not in border(desk)


async def test_escape_takes_the_marks_before_the_filter(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await desk.press("space", "slash", *"four", "enter")
        await desk.until(lambda: "1 match" in border(desk), "the filter")
        assert "1 marked" in border(desk)
        await desk.press("escape")
        assert "1 match" in border(desk)
        assert not desk.desk.queue.marks
        await desk.press("escape")
        await desk.until(lambda: "4 need you" in border(desk), "all of them")


async def test_a_mark_stays_with_its_job_when_others_come_and_go(tmp_path: Path) -> None:
    drafts = {**FOUR, "five": draft("five")}
    async with desk_with(tmp_path) as desk:
        await desk.press("G", "space")
        assert marked(desk) == ["four"]
        async with elsewhere(desk) as other:
            await other.cancel((await question_about(desk, "one")).job, "s")
        await until_needs(desk, 3)
        await desk.until(lambda: marked(desk) == ["four"], "the mark")
        assert len(drafts) == 5


async def test_only_what_waits_for_a_person_can_be_marked(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        async with elsewhere(desk) as other:
            await other.cancel((await question_about(desk, "four")).job, "s")
        await until_needs(desk, 3)
        await desk.press("G")
        heard = list(desk.notices)
        await desk.press("space")
        assert [said for said in desk.notices if said not in heard] == [ONLY_WAITING]
        assert marked(desk) == []


async def test_a_mark_falls_away_when_somebody_else_settles_its_job_which_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_with(tmp_path) as desk:
        heard = hear(desk, monkeypatch)
        await desk.press("space", "space")
        async with elsewhere(desk) as other:
            await other.answer((await question_about(desk, "two")).id, {"kind": "reject"}, "grace", "s")
        await desk.until(lambda: "1 marked" in border(desk), "one mark less")
        assert marked(desk) == ["one"]
        await desk.until(lambda: "two is not marked any longer: settled elsewhere." in heard, "what is said")


async def test_no_more_are_marked_than_can_be_summed_up() -> None:
    marks, queue = Marks(), LongQueue(MOST_MARKED + 5)
    rows = [row._replace(state=JobState.PAUSED) for row in await queue.rows_after(None, MOST_MARKED + 5)]
    assert marks.add(rows) == TOO_MANY
    assert len(marks) == MOST_MARKED
    assert marks.toggle(rows[-1]) == TOO_MANY
    assert marks.toggle(rows[0]) == ""
    assert marks.toggle(rows[-1]) == ""


# --- approving


async def test_what_was_read_is_approved_at_once_and_what_it_stands_for(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await read(desk, "one")
        await desk.press("v", "G", "v")
        await desk.decide("A")
        await desk.until_open(BatchModal)
        text = desk.text()
        assert "Approve 3 drafts?" in text
        assert "summarizer" in text
        assert "differs from one, which was" in text
        assert "0.2" in text
        assert "0.9" in text
        assert "it was never on the card" in text
        await desk.decide("y")
        await until_back(desk)
        await until_needs(desk, 1)
        assert marked(desk) == ["four"]
        assert desk.desk.queue.selected is not None
        assert desk.desk.queue.selected.task_id == "four"
        stands = await outcomes(desk)
        assert stands.pop("four")[0] is JobState.PAUSED
        kinds = [
            (await desk.session.store.pauses_of(row.job))[0].answer
            for row in await desk.session.store.rows_after(None, 9)
        ]
        approved = [answer for answer in kinds if answer]
        assert {answer["sha256"] for answer in approved} == {
            FOUR[name].draft.sha256 for name in ("one", "two", "three")
        }
        assert {answer["replaces"] for answer in approved} == {""}
        assert {answer["by"] for answer in approved} == {"ada"}


async def test_where_somebody_was_faster_nothing_is_written_until_that_one_is_left_out(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await read(desk, "one")
        await desk.press("v", "j", "j", "v")
        await desk.decide("A")
        await desk.until_open(BatchModal)
        async with elsewhere(desk) as other:
            await other.answer((await question_about(desk, "two")).id, {"kind": "reject"}, "grace", "s")
        await desk.decide("y")
        await desk.until(lambda: "two: Already answered by grace" in " ".join(desk.text().split()), "who was faster")
        assert "nothing was written" in " ".join(desk.text().replace("│", " ").split())
        assert "Approve 2 drafts?" in desk.text()
        stands = await outcomes(desk)
        assert stands["one"][0] is stands["three"][0] is JobState.PAUSED
        await desk.until_open(BatchModal)
        await desk.decide("y")
        await until_back(desk)
        await until_needs(desk, 1)


async def test_high_risk_a_failed_try_and_what_was_not_read_to_its_end_are_named_and_left_out(tmp_path: Path) -> None:
    failed = draft("failed", SUMMARIZES, FINE, FAILED)
    long = draft("long", READS_FILES + "\n" * 80 + "# the end\n")
    drafts = {"one": FOUR["one"], "fetch": NETWORK, "failed": failed, "long": long}
    async with desk_with(tmp_path, drafts) as desk:
        await read(desk, *drafts)
        await desk.press("v", "G", "v")
        await desk.decide("A")
        await desk.until_open(BatchModal)
        text = desk.text()
        assert "Approve 1 draft?" in text
        assert "its risk is high: it is approved by its name" in text
        assert "it failed its try" in text
        assert "its risk is medium, and it was not read to the end" in text


async def test_where_nothing_can_be_approved_that_is_all_the_dialog_says(tmp_path: Path) -> None:
    async with desk_with(tmp_path, {"fetch": NETWORK}, size=SMALL) as desk:
        await desk.press("space")
        await desk.decide("A")
        await desk.until_open(BatchModal)
        assert "None of these can be approved together" in desk.text()
        await desk.decide("y")
        await desk.press("escape")
        await until_back(desk)
        assert (await outcomes(desk))["fetch"][0] is JobState.PAUSED


async def test_one_key_on_a_card_marks_all_that_are_alike_and_one_look_decides_them(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await read(desk, "one")
        await desk.until(lambda: "2 more alike" in desk.text_of(desk.desk.card), "how many there are")
        await desk.press("enter", "M")
        await desk.until(lambda: len(desk.desk.queue.marks) == 3, "their marks")
        assert marked(desk) == ["one", "two", "three"]
        await desk.decide("A")
        await desk.until_open(BatchModal)
        assert "Approve 3 drafts?" in desk.text()
        assert "differ in texts and numbers alone" in " ".join(desk.text().replace("│", " ").split())
        await desk.decide("y")
        await until_back(desk)
        await until_needs(desk, 1)


async def test_where_none_is_alike_none_is_marked(tmp_path: Path) -> None:
    async with desk_with(tmp_path, {"one": FOUR["one"], "four": FOUR["four"]}) as desk:
        await read(desk, "four")
        await desk.press("M")
        await desk.until(lambda: "No other draft that waits is like this one." in desk.notices, "what is said")
        assert not desk.desk.queue.marks


# --- sending back and rejecting


async def test_marked_drafts_are_sent_back_with_one_reason(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await desk.press("space", "space")
        await desk.decide("r")
        await desk.until_open(ReasonModal)
        assert "Why are 2 drafts sent back?" in desk.text()
        assert "one, two: each goes back to its author" in " ".join(desk.text().split())
        await desk.answer(*"shorter")
        await until_back(desk)
        await until_needs(desk, 2)
        given = [pause.answer for row in await desk.session.store.rows_after(None, 9)
                 for pause in await desk.session.store.pauses_of(row.job) if pause.answer]  # fmt: skip
        assert [(answer["kind"], answer["reason"]) for answer in given] == [("reject", "shorter")] * 2
        assert not desk.desk.queue.marks


async def test_marked_drafts_are_rejected_after_they_were_named(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        await desk.press("space", "j", "space")
        await desk.decide("R")
        await desk.until_open(BatchModal)
        assert "Reject 2 drafts?" in desk.text()
        assert "one v1" in desk.text()
        assert "three v1" in desk.text()
        await desk.press("escape")
        await until_back(desk)
        assert marked(desk) == ["one", "three"]
        await desk.decide("R")
        await desk.until_open(BatchModal)
        await desk.decide("y")
        await until_back(desk)
        await until_needs(desk, 2)


async def test_without_marks_the_keys_say_what_they_need(tmp_path: Path) -> None:
    async with desk_with(tmp_path) as desk:
        for key, words in (("A", "Nothing is marked."), ("r", "Go to the card first"), ("R", "Go to the card first")):
            await desk.decide(key)
            assert any(said.startswith(words) for said in desk.notices), key
        assert desk.app.screen is desk.desk


async def test_marked_questions_are_left_out_of_what_is_about_drafts(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.until(lambda: desk.desk.queue._window.rows, "the row")
        await desk.press("space")
        await desk.decide("r")
        await desk.until(lambda: "None of the marked tasks has a draft to decide about." in desk.notices, "why not")
        await desk.decide("A")
        await desk.until_open(BatchModal)
        assert "asks a question" in desk.text()
