"""What time does to the desk: a key that is held down, ages that move, and troubles that begin and end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NodeError, StoreError
from evolver_tui.core.job import QueueCounts
from evolver_tui.core.signal import Observation
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.tui.decision_keys import NOT_ALONE
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.formatting import duration, rate
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.screens.desk.actions.review import APPROVE
from evolver_tui.tui.screens.desk.card import CardContent, MessageIdentity, QuestionIdentity, ReviewIdentity
from evolver_tui.tui.screens.desk.draft_guard import SECONDS_UNASKED
from tests.support.desk_fixtures import SMALL, Console, HandClock, console
from tests.support.routine_process import install
from tests.support.sessions import GENERATE, SUMMARIZE, TRANSLATE, send
from tests.support.waiting_fixtures import elsewhere

pytestmark = pytest.mark.anyio

NO_LANGUAGES = {"id": "task-9", "taskName": "Translate Release Notes", "llmTaskType": "translate"}
UNASKED = "This is another draft than before: read it. Keys decide once it is scrolled, or after 3 s."
BANNER = "another draft than before: keys decide once you scroll, or after 3 s"
FULL = StoreError("The database evolver.db cannot grow: the disk is full.", "Free some space.")


def wall_clock() -> HandClock:
    """A clock on the wall that stands until a test moves it; a moment ahead of what the database writes down."""
    clock = HandClock()
    clock.seconds = float(int(time.time()) + 1)
    return clock


def saved(desk: Console) -> list[str]:
    return sorted(path.parent.name for path in desk.place.nodes.glob("*/main.py"))


async def until_needs(desk: Console, number: int) -> None:
    await desk.until(lambda: (desk.desk.queue.counts or QueueCounts()).needs_you == number, f"{number} that need you")


async def at_card(desk: Console, *tasks: dict[str, Any]) -> None:
    """Receive tasks that all end at a person, and go to the first one's card."""
    await desk.receive(*tasks)
    await until_needs(desk, len(tasks))
    await desk.until(
        lambda: isinstance(desk.desk.card.content.identity, ReviewIdentity | QuestionIdentity), "what needs a person"
    )
    await desk.press("enter")
    desk.clock.seconds += 1


async def still(desk: Console, is_so: Any) -> None:
    """Wait for something while the clock of the decisions stands."""
    for _ in range(1_000):
        if is_so():
            return
        await desk.pilot.pause(0.01)
    raise AssertionError(desk.text())


def is_drawn_other_than(desk: Console, sha256: str) -> bool:
    return desk.desk.card.guard._drawn_since is not None and desk.desk.card.guard._sha256 != sha256


async def approve_first(desk: Console) -> None:
    """Press `a` alone and wait for the card that follows; no more time passes."""
    review = desk.desk.card.content.review
    assert review is not None
    await desk.press("a")
    await desk.let_it_be_alone()
    await still(desk, lambda: len(saved(desk)) == 1 and is_drawn_other_than(desk, review.draft.sha256))


async def touch(desk: Console, key: str) -> None:
    """Scroll a draft that has been there for a moment."""
    desk.clock.seconds += 1
    await desk.press(key)


async def running_job(desk: Console) -> int:
    """A job that runs for ever, on the card."""
    await send(desk.session, {"tasks": [{"id": "t", "taskName": "A task", "routine": "slow"}]})
    await desk.until(lambda: "at work on it" in desk.text(), "the running job's card")
    return desk.desk.card.content.job


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A home with a routine that never ends."""
    install(tmp_path, '[routines]\nslow = "slow_routine:work"\n')
    module = tmp_path / "config" / "routines" / "slow_routine.py"
    module.write_text("import asyncio\n\nasync def work(run, task):\n    await asyncio.Event().wait()\n")
    return tmp_path


# --- a key that is held down


async def test_a_held_key_decides_once_and_a_fresh_press_decides_again(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, SUMMARIZE, GENERATE, TRANSLATE)
        await approve_first(desk)
        desk.clock.seconds += 0.1  # the terminal begins to repeat the key
        for _ in range(60):
            await desk.press("a")
            desk.clock.seconds += 0.03
        await desk.let_it_be_alone()
        assert len(saved(desk)) == 1
        assert desk.notices.count(NOT_ALONE) == 1
        await touch(desk, "j")
        await desk.decide("a")
        await still(desk, lambda: len(saved(desk)) == 2)


@pytest.mark.parametrize("pause", [0.2, 0.9, 1.5, 2.5])
async def test_a_key_that_is_repeated_slowly_decides_about_one_draft(tmp_path: Path, pause: float) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, SUMMARIZE, GENERATE, TRANSLATE)
        await approve_first(desk)
        for _ in range(8):
            desk.clock.seconds += pause
            await desk.press("a")
            await desk.pilot.pause(0.05)
        desk.clock.seconds += 1
        await desk.pilot.pause(0.1)
        assert len(saved(desk)) == 1
        assert (desk.desk.queue.counts or QueueCounts()).needs_you == 2


async def test_a_draft_that_came_by_itself_is_decided_about_once_it_was_touched_or_seen_for_long(
    tmp_path: Path,
) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, SUMMARIZE, GENERATE, TRANSLATE)
        await approve_first(desk)
        await desk.until(lambda: BANNER in desk.text())
        await desk.decide("a")
        assert UNASKED in desk.notices
        await touch(desk, "j")
        await still(desk, lambda: BANNER not in desk.text())
        await desk.decide("a")
        await still(desk, lambda: len(saved(desk)) == 2)
        await desk.until(lambda: BANNER in desk.text())
        await desk.look_at_draft(SECONDS_UNASKED)
        await desk.until(lambda: BANNER not in desk.text())
        await desk.decide("a")
        await still(desk, lambda: len(saved(desk)) == 3)


async def test_where_the_card_is_small_a_few_whole_words_say_when_keys_decide(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk, elsewhere(desk) as other:
        await at_card(desk, SUMMARIZE)
        first = desk.desk.card.content.review
        assert first is not None
        reject = Decision(DecisionKind.REJECT, reason="add type hints", by="bob")
        await other.answer(first.question_id, reject.to_json_value(), "bob", "s")
        await desk.until(lambda: "draft 2" in desk.desk.card.content.subtitle)
        await desk.until(lambda: "keys after 3 s" in desk.text() or BANNER in desk.text())


async def test_a_draft_that_somebody_elses_reject_put_there_is_not_approved_by_the_key_for_the_one_before(
    tmp_path: Path,
) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        await at_card(desk, SUMMARIZE)
        first = desk.desk.card.content.review
        assert first is not None
        reject = Decision(DecisionKind.REJECT, reason="add type hints", by="bob")
        await other.answer(first.question_id, reject.to_json_value(), "bob", "s")
        await desk.until(lambda: "draft 2" in desk.desk.card.content.subtitle)
        for _ in range(3):
            await desk.look_at_draft()
            await desk.decide("a")
        assert UNASKED in desk.notices
        assert BANNER in desk.text()
        assert saved(desk) == []
        await touch(desk, "space")
        await desk.decide("a")
        await still(desk, lambda: len(saved(desk)) == 1)


async def test_a_draft_that_takes_the_place_of_the_one_a_key_was_pressed_for_is_not_decided(tmp_path: Path) -> None:
    async with console(tmp_path) as desk, elsewhere(desk) as other:
        await at_card(desk, SUMMARIZE)
        first = desk.desk.card.content.review
        assert first is not None
        desk.clock.seconds += 1
        await desk.press("a")
        assert desk.app.decision_keys.is_holding
        reject = Decision(DecisionKind.REJECT, reason="add type hints", by="bob")
        await other.answer(first.question_id, reject.to_json_value(), "bob", "s")

        def is_there() -> bool:
            desk.desk.queue.rows_changed()
            return "draft 2" in desk.desk.card.content.subtitle

        await still(desk, is_there)
        await desk.let_it_be_alone()
        assert "What you pressed a key for has changed meanwhile: nothing was done." in desk.notices
        assert saved(desk) == []


async def test_of_a_draft_enough_has_to_be_in_sight(tmp_path: Path) -> None:
    async with console(tmp_path, size=(80, 10)) as desk:
        await at_card(desk, SUMMARIZE)
        assert 0 < len(desk.desk.card.guard._rows_drawn) < 5
        await desk.decide("a")
        assert "Too little of the draft is in sight: give the card more room, or scroll." in desk.notices
        await desk.pilot.resize_terminal(80, 24)
        await desk.look_at_draft()
        await desk.decide("a")
        await still(desk, lambda: len(saved(desk)) == 1)


async def test_the_same_notice_stands_there_once(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, NO_LANGUAGES)
        for _ in range(3):
            desk.desk.perform(APPROVE)  # keys that came all at once
        await desk.press(*"aaaaaaaa")
        assert desk.notices.count("There is no draft to decide about on the card.") == 1


# --- ages


async def test_the_ages_of_a_question_move_and_nothing_is_read_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = wall_clock()
    async with console(tmp_path, now=wall) as desk:
        await at_card(desk, SUMMARIZE, NO_LANGUAGES)
        await desk.press("n")
        await desk.until(lambda: "The author has waited for" in desk.text())
        await desk.until(lambda: not desk.desk.queue._is_stale and not desk.desk.queue._wanted.is_set())
        reads: list[str] = []
        store = desk.session.store
        for name in ("job", "row", "rows_after", "counts", "journal", "open_question_of"):
            monkeypatch.setattr(store, name, lambda *_, name=name: reads.append(name))
        before = desk.text()
        wall.seconds += 130
        await still(desk, lambda: "has waited for 2m." in desk.text())
        assert "asks  2m" in desk.text()
        assert "review  2m" in desk.text()
        assert reads == []
        moved = [(one, other) for one, other in zip(before.split("\n"), desk.text().split("\n"), strict=True)]
        assert all(len(one) == len(other) for one, other in moved)
        monkeypatch.undo()


async def test_how_long_ago_a_task_failed_moves(tmp_path: Path) -> None:
    wall = wall_clock()
    async with console(tmp_path, now=wall) as desk:
        await desk.receive({"id": "long", "taskName": "x" * 1_000_000, "llmTaskType": "summarize"})
        await desk.until(lambda: "It can be retried" in desk.text())
        wall.seconds += 3_700
        await still(desk, lambda: "Failed 1h ago" in desk.text())


async def test_nothing_is_drawn_again_while_no_age_reads_differently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = wall_clock()
    async with console(tmp_path, now=wall) as desk:
        await at_card(desk, SUMMARIZE, NO_LANGUAGES)
        wall.seconds += 3_700
        await still(desk, lambda: "asks  1h" in desk.text())
        drawn: list[object] = []
        for pane in (desk.desk.queue, desk.desk.card):
            monkeypatch.setattr(pane, "refresh", lambda *regions, **_: drawn.append(regions))
        ticks = 0

        def has_ticked() -> bool:
            nonlocal ticks
            ticks += 1
            wall.seconds += 1
            return ticks > 30

        await still(desk, has_ticked)
        assert drawn == []


async def test_what_is_written_and_its_row_count_from_one_moment(slow: Path) -> None:
    wall = wall_clock()
    async with console(slow, now=wall) as desk:
        job = await running_job(desk)
        selected = desk.desk.queue.selected
        assert selected is not None
        wall.seconds = selected.since + 10.5
        author = desk.session.author
        assert author is not None
        author.live[job] = LiveDraft(job, "t", "import json\n", 1, wall.seconds - 4)
        await desk.until(lambda: "1 line · 10s" in desk.text())
        await desk.until(lambda: " 10s │" in desk.text(), "the row's age")
        wall.seconds += 2  # no piece comes
        await desk.until(lambda: "1 line · 12s" in desk.text() and " 12s │" in desk.text())
        author.live.clear()


async def test_a_model_that_thinks_looks_different_from_one_that_is_silent(slow: Path) -> None:
    wall = wall_clock()
    async with console(slow, now=wall) as desk:
        job = await running_job(desk)
        selected = desk.desk.queue.selected
        assert selected is not None
        started = selected.since
        wall.seconds = started + 12.5
        author = desk.session.author
        assert author is not None
        author.live[job] = LiveDraft(job, "t", "", 0, started)
        await desk.until(lambda: "waiting for the first word · 12s" in desk.text())
        assert "at work on it" in desk.text()  # the card is still the job's
        author.live[job] = LiveDraft(job, "t", "", 0, started, 1240, wall.seconds)
        await desk.until(lambda: "thinking · 1,240 characters · 12s" in desk.text())
        wall.seconds += 3
        await desk.until(lambda: "thinking · 1,240 characters · 15s" in desk.text())
        wall.seconds += 10  # no piece comes
        await desk.until(lambda: "1,240 characters · 25s · silent for 13s" in desk.text())
        author.live[job] = LiveDraft(job, "t", "", 2, started, 1240, wall.seconds)
        await desk.until(lambda: "answering · 25s" in desk.text())
        author.live[job] = LiveDraft(job, "t", "import json\n", 3, started, 1240, wall.seconds)
        await desk.until(lambda: "1 line · 25s" in desk.text())
        author.live[job] = LiveDraft(job, "t", "", 0, started + 26)  # it is asked once more
        await desk.until(lambda: "waiting for the first word" in desk.text() and "at work on it" in desk.text())
        author.live.clear()
        await desk.until(lambda: "waiting for the first word" not in desk.text())


# --- the model is asked again


async def test_the_card_says_that_the_model_failed_and_when_it_is_asked_again(slow: Path) -> None:
    wall = wall_clock()
    async with console(slow, now=wall) as desk:
        job = await running_job(desk)
        bus = desk.session.bus
        for error in ("It is down.", "It \x1b[31mis busy."):
            bus.emit(Observation("llm.generation_start", {}), task_id="t", job=job)
            payload = {"error": error, "retry_in": 8.0}
            bus.emit(Observation("llm.generation_error", payload, "warning"), task_id="t", job=job)
        signal_time = time.time()
        wall.seconds = float(int(signal_time) + 3)
        await desk.until(lambda: "Attempt 2 failed: It" in desk.text() and "is busy." in desk.text())
        assert "\x1b" not in desk.text()
        assert any(f"Attempt 3 comes in {seconds}s." in desk.text() for seconds in (5, 6, 7))
        bus.emit(Observation("llm.generation_start", {}), task_id="t", job=job)
        wall.seconds += 1
        await desk.until(lambda: "Attempt 3 is under way." in desk.text())
        assert desk.session.author is not None
        desk.session.author.live[job] = LiveDraft(job, "t", "import json\n", 1, wall.seconds)
        await desk.until(lambda: "attempt 3 · 1 line" in desk.text())
        desk.session.author.live.clear()
        bus.emit(Observation("llm.generation_error", {"error": "It broke off.", "retry_in": 2}), task_id="t", job=job)
        await desk.until(lambda: "Attempt 3 failed: It broke off." in desk.text())
        bus.emit(Observation("node.written", {}), task_id="t", job=job)
        wall.seconds += 1
        await desk.until(lambda: "Attempt" not in desk.desk.card.page.title and "Attempt 3" not in desk.text())


# --- what cannot be written


async def test_a_log_that_cannot_be_written_is_told_while_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as desk:
        store = desk.session.store
        assert isinstance(store, Database)
        with monkeypatch.context() as full:
            full.setattr(Database, "log_trouble", property(lambda _: str(FULL)))
            store._tell_log_problem(FULL)
            await desk.until(lambda: f"All paused: {FULL}" in desk.notices)
            await desk.until(lambda: "all paused" in desk.text() and "log.error" in desk.text())
        await desk.until(lambda: "The database works again." in desk.notices)


async def test_an_export_that_failed_says_what_can_be_done_here(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        folder = desk.place.paths.exports
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("a file where the folder belongs")
        await desk.decide("x")
        await desk.until(lambda: any("cannot be written" in words for words in desk.notices))
        (notice,) = desk.notices
        assert notice.endswith(
            "Make room there, or allow writing, then press x again: the log is kept in the database."
        )
        assert " -o" not in notice


async def test_a_database_that_takes_no_tasks_is_told_of_as_long_as_that_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path, size=SMALL) as desk:

        async def refuse(*_: Any, **__: Any) -> Any:
            raise FULL

        with monkeypatch.context() as full:
            full.setattr(desk.session.store, "add_tasks", refuse)
            await send(desk.session, {"tasks": [SUMMARIZE]})
            await desk.until(lambda: "all paused" in desk.text())
            await desk.until(lambda: f"All paused: {FULL}" in desk.notices)
        await desk.until(lambda: "all paused" not in desk.text() and "task-1" in desk.text())
        await desk.until(lambda: "The database works again." in desk.notices)
        assert desk.notices.count(f"All paused: {FULL}") == 1


async def test_a_worker_that_cannot_use_the_database_says_so_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as desk:

        async def refuse(*_: Any, **__: Any) -> Any:
            raise FULL

        with monkeypatch.context() as full:
            full.setattr(desk.session.store, "claim", refuse)
            desk.session.workers.wake()
            await desk.until(lambda: "all paused" in desk.text())
        desk.session.workers.wake()
        await desk.until(lambda: "all paused" not in desk.text())


async def test_an_approval_that_could_not_be_saved_is_told_of_and_its_row_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, SUMMARIZE)

        def refuse(*_: Any) -> Any:
            raise NodeError("The node library cannot be written: No space left on device.", "Make room.")

        with monkeypatch.context() as full:
            full.setattr(desk.session.library, "save", refuse)
            await desk.decide("a")
            await desk.until(lambda: "not saved" in desk.text())
        (notice,) = [notice for notice in desk.notices if "could not be saved" in notice]
        assert notice.startswith("task-1 was approved, but it could not be saved: The node library cannot")
        await desk.decide("y")
        await desk.until(lambda: saved(desk) == ["summarize_blog_post"])
        await desk.until(lambda: "not saved" not in desk.text())


# --- keys, counts and room


async def test_keys_that_work_come_before_those_that_do_not(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await at_card(desk, NO_LANGUAGES)
        row = desk.text().split("\n")[-1]
        for words in ("enter answer", "x export", "u undo", "+ zoom", "? help"):
            assert words in row
        assert "a approve" not in row


async def test_a_small_terminal_gives_the_card_that_is_read_the_whole_desk(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        await at_card(desk, SUMMARIZE)
        await desk.until(lambda: desk.desk.card.region.size == (80, 21), "the card alone")
        assert "+ unzoom" in desk.text()
        await desk.press("plus")
        await desk.until(lambda: desk.desk.feed.region.height == 5, "the others beside it")
        await desk.press("plus")
        await desk.until(lambda: desk.desk.card.region.size == (80, 21), "the card alone again")
        await desk.press("tab")
        await desk.until(lambda: desk.desk.feed.region.height == 5, "the feed among the others")
        await desk.press("shift+tab")
        await desk.until(lambda: desk.desk.card.region.size == (80, 21), "the card alone, since it is read")
        await desk.press("escape")
        await desk.until(lambda: desk.desk.feed.region.height == 5)
        assert desk.desk.pane_in_focus == "queue"
        await desk.press("plus")
        assert desk.desk.queue.region.size == (80, 21)
        assert "+ unzoom" in desk.text()
        await desk.press("plus")
        await desk.until(lambda: "+ unzoom" not in desk.text())


async def test_each_letter_of_a_tab_turns_to_its_page(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        titles = ("Code", "Checks", "Run", "Task", "State")
        pages = tuple(Page(title, CodeDocument(title)) for title in titles)
        card = desk.desk.card
        card.show(CardContent(MessageIdentity("test", ()), "t", "", pages, job=1))
        await desk.pilot.pause()
        for title in titles:
            start = desk.text_of(card).split("\n")[1].index(title)
            for cell in (start, start + len(title) - 1):
                await desk.pilot.click(card, offset=(cell, 1))
                assert card.page.title == title


async def test_code_is_counted_in_its_lines_and_text_in_rows(tmp_path: Path) -> None:
    async with console(tmp_path, size=SMALL) as desk:
        code = CodeDocument("\n".join(["x = 1"] * 6 + ["y = " + "1 + " * 300] + ["z = 1"] * 9))
        desk.desk.card.show(
            CardContent(MessageIdentity("test", ()), "t", "", (Page("Code", code), Page("Other", code)), job=1)
        )
        await desk.press("tab")
        tab = desk.desk.card.place_words
        await desk.press("plus")
        await desk.until(lambda: tab() == "1-5 of 16 lines", "the card beside others")
        for _ in range(8):
            await desk.press("j")
        assert tab() == "part of line 7 of 16 lines"
        await desk.press("G")
        assert tab().endswith("-16 of 16 lines")


def test_times_and_rates_are_written_in_one_way() -> None:
    assert [duration(seconds) for seconds in (-1, 0.44, 41, 125, 7_500)] == ["0.0s", "0.4s", "41s", "2m", "2h"]
    assert [rate(value) for value in (0, 0.01, 0.1, 0.96, 2.41, 12)] == [
        "0/s",
        "<0.1/s",
        "0.1/s",
        "1.0/s",
        "2.4/s",
        "12/s",
    ]
