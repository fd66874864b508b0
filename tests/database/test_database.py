"""The store: what is kept, in which order, and who may change it."""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from evolver_tui.adapters.process_identity import this_process
from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.claim import Room
from evolver_tui.core.errors import AlreadyAnswered, EvolverError, NotWaiting, StaleLease
from evolver_tui.core.job import JobState, Outcome, QueueCounts
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from tests.support.databases import ELSEWHERE, LEASE, add, claim, ids, names, opened, pause, sql, task, tasks

# --- intake ---


@pytest.mark.anyio
async def test_tasks_are_on_disk_when_add_returns(url: str) -> None:
    async with opened(url) as database:
        added = await add(database, *tasks("a", "b"))
        assert sql(url, "SELECT task_id FROM job ORDER BY seq") == [("a",), ("b",)]
        assert [kept.id for kept in added.queued] == ["a", "b"]
        assert added.waiting == 2


@pytest.mark.anyio
async def test_task_seen_before_is_not_queued_twice(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a", "b"))
        again = task("c", taskName="another c")
        added = await add(database, *tasks("b", "c"), again, task("d"))
        assert [kept.id for kept in added.queued] == ["c", "d"]
        assert (added.duplicates, added.resent) == ((*tasks("b"),), (again,))
        assert added.waiting == 4
        assert await ids(database) == ["a", "b", "c", "d"]
        assert await database.counts() == QueueCounts(waiting=4)
    async with opened(url) as database:
        assert len((await add(database, *tasks("a", "d"))).duplicates) == 2


@pytest.mark.anyio
async def test_completed_tasks_are_kept_and_skipped(url: str) -> None:
    async with opened(url) as database:
        done = task("done", status="completed")
        added = await add(database, done, task("open"))
        assert (added.skipped, added.waiting) == ((done,), 1)
        assert await database.counts() == QueueCounts(waiting=1, skipped=1)
        rows = await database.rows_after(None, 10)
        assert [(row.task_id, row.state, row.outcome) for row in rows] == [
            ("open", JobState.PENDING, None),
            ("done", JobState.COMPLETED, Outcome.SKIPPED),
        ]
        assert (await claim(database)).task.id == "open"
        assert await database.claim(ELSEWHERE, LEASE) is None


@pytest.mark.anyio
async def test_tasks_that_are_only_to_be_kept_are_never_claimed(url: str) -> None:
    async with opened(url) as database:
        added = await add(database, *tasks("a"), task("b", status="completed"), generate=False)
        assert (added.stored, len(added.skipped), added.waiting) == (tuple(tasks("a")), 1, 0)
        assert await database.counts() == QueueCounts(stored=1, skipped=1)
        assert await database.claim(ELSEWHERE, LEASE) is None


@pytest.mark.anyio
async def test_long_batch_is_one_result_and_each_task_is_told_of_once(url: str) -> None:
    async with opened(url) as database:
        heard: list[str] = []

        def narrate(added: AddedTasks) -> Sequence[Signal]:
            heard.extend(kept.id for kept in added.queued)
            return [Signal("task.queued", {"task_id": kept.id}) for kept in added.queued]

        many = tasks(*(f"t-{n}" for n in range(4_500)))
        added = await database.add_tasks(many, "s", generate=True, signals_of=narrate)
        assert added == AddedTasks(tuple(many), (), (), (), 4_500)
        stored = await database.signals("s", limit=10_000)
        assert [line.signal.payload["task_id"] for line in stored] == heard == [kept.id for kept in many]


@pytest.mark.anyio
async def test_batch_without_tasks_is_told_of_too(url: str) -> None:
    async with opened(url) as database:
        nothing = await database.add_tasks((), "s", generate=True, signals_of=lambda added: [Signal("message")])
        assert nothing == AddedTasks((), (), (), (), 0)
        assert await names(database) == ["message"]


@pytest.mark.anyio
async def test_tasks_that_cannot_be_told_of_are_not_kept(url: str) -> None:
    def fail(added: AddedTasks) -> Sequence[Signal]:
        raise LookupError("no words")

    async with opened(url) as database:
        kept, refused = await asyncio.gather(
            add(database, task("a")),
            database.add_tasks(tasks("b"), "s", generate=True, signals_of=fail),
            return_exceptions=True,
        )
        assert isinstance(kept, AddedTasks)
        assert isinstance(refused, LookupError)
        assert await ids(database) == ["a"]
        assert await database.counts() == QueueCounts(waiting=1)


HOSTILE = [
    "'; DROP TABLE job; --",
    "\x1b]52;c;aGk=\x07\x9b31m",
    "[@click=app.quit]x[/]",
    "\u202egnp.exe\u200b\ufeff",
    "%_\\%",
    "🏴‍☠️ e\u0301 \U0010ffff",
    "x" * 1_000_000,
    "\ud800 alone",
    "nul \0 inside",
]


@pytest.mark.anyio
async def test_any_string_survives(url: str) -> None:
    async with opened(url) as database:
        hostile = [task(f"{n} {text}", taskName=text, more={text: [text]}) for n, text in enumerate(HOSTILE)]
        await add(database, *hostile)
        for expected in hostile:
            held = await claim(database)
            assert held.task == expected
            step = expected.name[:500]
            await database.record_step(held.job, held.fence, step, {expected.id: expected.raw}, "s")
            asked = Question(f"q{step}", expected.raw["taskName"], subject=expected.raw)
            question = await database.pause(held.job, held.fence, asked, "s", [Signal("s", expected.raw)])
            found = await database.question(question)
            assert found is not None
            assert (found.question.subject, found.task_name) == (expected.raw, expected.name)
            detail = await database.job(held.job)
            assert detail is not None
            assert detail.task == expected
            assert (await database.journal(held.job))[step] == {expected.id: expected.raw}
        assert [line.signal.payload for line in await database.signals("s")] == [kept.raw for kept in hostile]
        assert len((await add(database, *hostile)).duplicates) == len(hostile)


@pytest.mark.anyio
async def test_ids_too_long_for_an_index_are_told_apart_by_all_of_their_text(url: str) -> None:
    rng = random.Random(4)
    start = "".join(rng.choices(string.ascii_letters, k=10_000))
    long = tasks(start + "a", start + "b")
    async with opened(url) as database:
        assert (await add(database, *long, *long)).queued == tuple(long)
        assert (await add(database, *long)).duplicates == tuple(long)
        rows = await database.rows_after(None, 9)
        assert len({row.task_id for row in rows}) == 2
        assert all(row.task_id.startswith(start[:500]) and len(row.task_id) <= 600 for row in rows)
        held = await claim(database)
        assert held.task == long[0]
        for write in (
            database.record_step(held.job, held.fence, start, 1, "s"),
            database.pause(held.job, held.fence, Question(start, "?"), "s"),
        ):
            with pytest.raises(EvolverError, match=r"has 10000 characters\. Name it in 600 at most\."):
                await write


@pytest.mark.anyio
async def test_nesting_that_could_not_be_read_back_is_cut(url: str) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    wide = [{"n": float("inf"), "list": [n]} for n in range(100)]
    async with opened(url) as database:
        await add(database, task("a", deep=deep, wide=wide))
        held = await claim(database)
        assert (held.task.id, held.task.raw["wide"]) == ("a", wide)
        assert str(held.task.raw["deep"]).startswith("[[[")


# --- the worker ---


@pytest.mark.anyio
async def test_jobs_come_by_priority_then_arrival_and_resumed_ones_first(url: str) -> None:
    async with opened(url) as database:
        priorities = ["low", "medium", "high", "urgent?", "high", "low"]
        await add(database, *(task(f"{priority}-{n}", priority) for n, priority in enumerate(priorities)))
        expected = ["high-2", "high-4", "medium-1", "urgent?-3", "low-0", "low-5"]
        assert await ids(database) == expected
        first, question = await pause(database)
        second = await claim(database)
        assert [first.task.id, second.task.id] == expected[:2]
        await database.answer(question, {"action": "accept"}, "me", "s")
        await database.release(second.job, second.fence)
        assert [(await claim(database)).task.id for _ in expected] == expected
        assert await database.claim(ELSEWHERE, LEASE) is None


@pytest.mark.anyio
async def test_a_job_goes_back_to_its_place_and_is_left_out_while_it_is_set_apart(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks("one", "two", "three"))
        one, two = await claim(database), await claim(database)
        await database.release(two.job, two.fence, to_generate=True, place=two.place)
        await database.release(one.job, one.fence, to_generate=True, place=one.place)
        assert [row.task_id for row in await database.rows_after(None, 10)] == ["one", "two", "three"]
        apart = Room(("",), apart=(one.job, two.job))
        third = await database.claim(ELSEWHERE, LEASE, {"": ""}, apart)
        assert third is not None
        assert third.task.id == "three"
        assert await database.claim(ELSEWHERE, LEASE, {"": ""}, apart) is None
        assert await database.seconds_until_claimable({"": ""}, Room(("",), apart=(1, 2), held=(third.job,))) is None
        again = await claim(database)
        assert (again.task.id, again.attempt, again.is_resumed) == ("one", 1, False)


@pytest.mark.anyio
async def test_a_worker_takes_what_it_has_room_for(url: str) -> None:
    routines, nothing, author = {"": "", "plug": ""}, Room((), False), Room(("",), False)
    async with opened(url) as database:
        await add(database, *tasks("turn", "answered", "new"), Task.from_raw({"id": "plug", "routine": "plug"}))
        assert await database.claim(ELSEWHERE, LEASE, routines, author) is None
        assert await database.seconds_until_claimable(routines, author) is None
        turn, answered = await claim(database), await claim(database)
        assert not turn.is_resumed
        await database.release(turn.job, turn.fence, to_generate=True)
        await database.release(answered.job, answered.fence)
        for room in (nothing, Room(("plug",), False)):
            assert await database.claim(ELSEWHERE, LEASE, routines, room) is None
        taken = await database.claim(ELSEWHERE, -1.0, routines, author)
        assert taken is not None
        assert (taken.task.id, taken.is_resumed) == ("answered", True)
        holding = Room(("",), False, (taken.job,))  # its lease is over, and whoever holds it knows better
        assert await database.claim(ELSEWHERE, LEASE, routines, holding) is None
        assert await database.seconds_until_claimable(routines, holding) is None
        taken = await database.claim(ELSEWHERE, LEASE, routines, author)
        assert taken is not None
        await database.release(taken.job, taken.fence)
        found = [await database.claim(ELSEWHERE, LEASE, routines, Room(("plug",))) for _ in range(4)]
        assert [one and (one.task.id, one.is_resumed) for one in found] == [
            ("turn", False), ("new", False), ("plug", False), None,
        ]  # fmt: skip


@pytest.mark.anyio
async def test_a_worker_whose_lane_for_new_jobs_is_taken_takes_what_waits_for_its_turn(url: str) -> None:
    turns = Room((), False, turns=True)
    async with opened(url) as database:
        await add(database, *tasks("turn", "new"), Task.from_raw({"id": "plug", "routine": "plug"}))
        turn = await claim(database)
        await database.release(turn.job, turn.fence, to_generate=True)
        assert await database.claim(ELSEWHERE, LEASE, {"plug": ""}, turns) is None
        taken = await database.claim(ELSEWHERE, LEASE, {"": "", "plug": ""}, turns)
        assert taken is not None
        assert (taken.task.id, taken.is_resumed) == ("turn", False)
        assert await database.claim(ELSEWHERE, LEASE, {"": "", "plug": ""}, turns) is None


@pytest.mark.anyio
async def test_what_was_answered_first_comes_first(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a", "b", "c"))
        asked = [await pause(database) for _ in range(3)]
        for _, question in (asked[1], asked[2], asked[0]):
            await database.answer(question, {"action": "accept"}, "me", "s")
        assert [(await claim(database)).task.id for _ in range(3)] == ["b", "c", "a"]


@pytest.mark.anyio
async def test_what_ended_last_is_listed_first_also_within_one_tick_of_the_clock(url: str) -> None:
    async with opened(url) as database:
        await add(database, *(task(str(number)) for number in range(8)))
        held = [await claim(database) for _ in range(8)]
        ending = (database.finish(one.job, one.fence, JobState.COMPLETED, "s", outcome=Outcome.DONE) for one in held)
        await asyncio.gather(*ending)  # they share a transaction, and so its time
        assert [row.task_id for row in await database.rows_after(None, 10)] == list("76543210")


@pytest.mark.anyio
async def test_journal_answers_the_next_claim(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        held = await claim(database)
        assert (held.journal, held.attempt) == ({}, 1)
        routed = {"node": "a", "n": [1, None]}
        await database.record_step(held.job, held.fence, "route", routed, "s", [Signal("routed")])
        question = await database.pause(held.job, held.fence, Question("language", "Which?"), "s", [Signal("asked")])
        await database.answer(question, {"action": "accept", "content": {"to": "fr"}}, "me", "s", [Signal("answered")])
        again = await claim(database)
        expected = {
            "route": routed,
            "language": {"action": "accept", "content": {"to": "fr"}},
        }
        assert again.journal == expected == await database.journal(held.job)
        assert await names(database) == ["routed", "asked", "answered"]


@pytest.mark.anyio
async def test_counts_and_rows_follow_every_change(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks("a", "b"))
        held, question = await pause(database)
        assert await database.counts() == QueueCounts(waiting=1, needs_you=1)
        row = await database.row(held.job)
        assert row is not None
        assert (row.state, row.asks) == (JobState.PAUSED, QuestionKind.QUESTION)
        await database.answer(question, {}, "me", "s")
        assert await database.counts() == QueueCounts(waiting=2)
        held = await claim(database)
        assert await database.counts() == QueueCounts(waiting=1, running=1)
        await database.finish(held.job, held.fence, JobState.FAILED, "s", error="No model answered.")
        assert await database.counts() == QueueCounts(waiting=1, failed=1)
        detail = await database.job(held.job)
        assert detail is not None
        assert (detail.error, detail.row.asks) == ("No model answered.", None)
        await database.retry(held.job, "s", [Signal("retried")])
        assert await database.counts() == QueueCounts(waiting=2)
        again = await claim(database)
        assert (again.job, again.attempt, "language" in again.journal) == (held.job, 2, True)
        await database.release(again.job, again.fence)
        assert await database.counts() == QueueCounts(waiting=2)
        for outcome, node in ((Outcome.APPROVED, "a_node v1"), (Outcome.REJECTED, "")):
            held = await claim(database)
            await database.finish(held.job, held.fence, JobState.COMPLETED, "s", outcome=outcome, node=node)
        assert await database.counts() == QueueCounts(approved=1, rejected=1)
        await add(database, task("c"))
        held = await claim(database)
        await database.finish(held.job, held.fence, JobState.CANCELLED, "s")
        assert await database.counts() == QueueCounts(approved=1, rejected=1, cancelled=1)
        assert {row.node for row in await database.rows_after(None, 9)} == {"a_node v1", ""}


@pytest.mark.anyio
async def test_job_is_taken_over_when_its_lease_ends_and_the_late_writer_is_refused(url: str) -> None:
    async with opened(url) as database, opened(url, clock_shift=LEASE + 1) as later:
        await add(database, task("a"))
        held = await claim(database)
        assert await database.claim("third:1:1", LEASE) is None
        taken = await claim(later, "third:1:1")
        assert (taken.job, taken.fence) == (held.job, held.fence + 1)
        late = [
            database.renew(held.job, held.fence, LEASE),
            database.record_step(held.job, held.fence, "late", 1, "s", [Signal("late")]),
            database.pause(held.job, held.fence, Question("late", "?"), "s", [Signal("late")]),
            database.finish(held.job, held.fence, JobState.FAILED, "s", signals=[Signal("late")]),
        ]
        for write in late:
            with pytest.raises(StaleLease):
                await write
        await database.release(held.job, held.fence)
        assert await database.journal(held.job) == {}
        assert (await database.open_questions(), await names(database)) == ([], [])
        await later.finish(taken.job, taken.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED)
        with pytest.raises(StaleLease):
            await later.renew(taken.job, taken.fence, LEASE)
        assert await database.counts() == QueueCounts(approved=1)


@pytest.mark.anyio
async def test_renewed_lease_lasts(url: str) -> None:
    async with opened(url) as database, opened(url, clock_shift=LEASE + 1) as later:
        await add(database, task("a"))
        held = await claim(database)
        await database.renew(held.job, held.fence, 10 * LEASE)
        assert await later.claim("third:1:1", LEASE) is None


@pytest.mark.anyio
async def test_claim_whose_caller_went_away_is_given_back(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        claiming = asyncio.create_task(database.claim(this_process(), LEASE))
        await asyncio.sleep(0)
        claiming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claiming
        with anyio.fail_after(10):
            while (held := await database.claim(ELSEWHERE, LEASE)) is None:
                await add(database)
        assert held.task.id == "a"


@pytest.mark.anyio
async def test_result_that_is_not_json_is_refused_in_words(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        held = await claim(database)
        for value in (object(), float("nan"), {"x": {1, 2}}):
            with pytest.raises(EvolverError, match="step 'route' cannot be stored as JSON"):
                await database.record_step(held.job, held.fence, "route", value, "s")


# --- the person ---


@pytest.mark.anyio
async def test_first_answer_counts_and_the_second_is_told_so(url: str) -> None:
    async with opened(url) as here, opened(url) as there:
        await add(here, task("a"))
        held, question = await pause(here)
        results = await asyncio.gather(
            here.answer(question, {"content": "mine"}, "Ann", "s", [Signal("Ann")]),
            there.answer(question, {"content": "theirs"}, "Bob", "s", [Signal("Bob")]),
            return_exceptions=True,
        )
        refused = [result for result in results if result is not None]
        assert len(refused) == 1
        assert isinstance(refused[0], AlreadyAnswered)
        winner, value = ("Ann", "mine") if results[0] is None else ("Bob", "theirs")
        assert refused[0].by == winner
        assert refused[0].at.endswith("Z")
        assert (await here.journal(held.job))["language"] == {"content": value}
        assert await names(here) == [winner]
        assert await here.counts() == QueueCounts(waiting=1)
        assert await here.question(question) is None


@pytest.mark.anyio
async def test_what_waits_for_nobody_cannot_be_answered_or_retried(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        for number in (1, 0, -1, 2**70):
            with pytest.raises(NotWaiting):
                await database.answer(number, {}, "me", "s")
            with pytest.raises(NotWaiting):
                await database.retry(number, "s")
            assert await database.question(number) is None
            assert await database.open_question_of(number) is None
        for number in (0, 99, 2**70):
            assert await database.row(number) is None
            assert await database.job(number) is None
            assert await database.journal(number) == {}


@pytest.mark.anyio
async def test_open_questions_are_listed_oldest_first(url: str) -> None:
    async with opened(url) as database, opened(url, clock_shift=10) as later:
        await add(database, *tasks("a", "b", "c"))
        _, second = await pause(later)
        _, first = await pause(database)
        third_claim = await claim(later)
        review = Question("review", "Good?", {"type": "object"}, QuestionKind.REVIEW, {"code": "print()"})
        third = await later.pause(third_claim.job, third_claim.fence, review, "s")
        found = await database.open_questions()
        assert [question.id for question in found] == [first, second, third]
        assert (found[2].question, found[2].task_id, found[2].job) == (review, "c", third_claim.job)
        assert await database.open_question_of(third_claim.job) == found[2] == await database.question(third)
        assert [row.asks for row in await database.rows_after(None, 3)] == [
            QuestionKind.QUESTION,
            QuestionKind.QUESTION,
            QuestionKind.REVIEW,
        ]
        assert len(await database.open_questions(limit=2)) == 2


@pytest.mark.anyio
async def test_question_asked_again_under_its_name_is_the_same_question(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        _, question = await pause(database)
        sql(url, "UPDATE job SET state = 'running', fence = 7")
        assert await database.pause(1, 7, Question("language", "Which, please?"), "s") == question
        (found,) = await database.open_questions()
        assert (found.id, found.question.message) == (question, "Which, please?")


@pytest.mark.anyio
async def test_question_that_was_answered_meanwhile_lets_the_job_go_on(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        _, question = await pause(database)
        await database.answer(question, {"content": 1}, "me", "s")
        held, again = await pause(database)
        assert again == question
        assert await database.counts() == QueueCounts(waiting=1)
        assert (await claim(database)).job == held.job
