"""The dialogue between agent and person as turns, and what a session came to: told by signals that say the truth."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.job import JobState
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE
from evolver_tui.engine.session import Session
from evolver_tui.wiring import make_inbox, make_store
from tests.support.payloads import misfits
from tests.support.processes import Model, whole_answer
from tests.support.provider_server import status
from tests.support.sessions import (
    GENERATE,
    PATIENCE_SECONDS,
    SUMMARIZE,
    TRANSLATE,
    Watch,
    approval,
    open_question,
    review_of,
    row_of,
    running,
    send,
    workspace_in,
)
from tests.support.worker_bench import Clock

pytestmark = pytest.mark.anyio

METRICS = "analytics.turn_metrics_updated"
UNCLEAR = {"id": "unclear", "taskName": "Something"}
LIMITS = "[conversation]\ngeneration_seconds = 60\nanswer_seconds = 600\n"
PRICES = 'price_per_million_input = 1000\nprice_per_million_output = 1000\ncurrency = "EUR"\n'
NO_LIMITS = "[conversation]\ngeneration_seconds = 0\nanswer_seconds = 0\n"


def payloads(watch: Watch, name: str) -> list[Any]:
    return [signal.payload for signal in watch.heard if signal.name == name]


async def decide(
    session: Session, watch: Watch, task_id: str, kind: DecisionKind, reason: str = "", count: int = 1
) -> None:
    question, subject = await review_of(session, watch, task_id, count)
    decision = {
        DecisionKind.APPROVE: approval(subject),
        DecisionKind.EDIT: Decision(kind, code=subject.draft.code + "# mine\n"),
    }.get(kind, Decision(kind, reason=reason))
    await session.inbox.decide(question.id, decision)


async def work(session: Session, watch: Watch) -> None:
    """Four tasks, each with another end."""
    await send(session, [SUMMARIZE, GENERATE, TRANSLATE, UNCLEAR])
    await decide(session, watch, "task-1", DecisionKind.REJECT, "What of empty input?")
    await decide(session, watch, "task-1", DecisionKind.APPROVE, count=2)
    await decide(session, watch, "task-2", DecisionKind.EDIT)
    await decide(session, watch, "task-2", DecisionKind.APPROVE, count=2)
    await decide(session, watch, "task-3", DecisionKind.REJECT)
    await watch.until("question.asked")
    question = await open_question(session, "unclear")
    await session.inbox.answer(question.id, Answer(AnswerAction.DECLINE))
    await watch.until("task.completed", 4)


async def test_each_signal_in_the_log_of_a_session_is_what_the_catalogue_says(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await work(session, watch)
    store = make_store(workspace_in(tmp_path))
    await store.open()
    logged = [stored.signal for stored in await store.signals(session.id)]
    await store.close()
    assert {signal.name for signal in logged} <= CATALOGUE.keys()
    assert [misfit for signal in logged for misfit in misfits(signal)] == []
    told = {signal.name for signal in logged}
    assert told >= {name for name in CATALOGUE if name.startswith("analytics.")}
    assert told >= {"conversation.turn_complete", "conversation.user_confused"}
    assert [signal.name for signal in logged][-2:] == ["analytics.session_summary", "session.ended"]


async def test_a_question_and_its_answer_are_a_turn(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await work(session, watch)
        turns, metrics = payloads(watch, "conversation.turn_complete"), payloads(watch, METRICS)
        assert sorted(turn["turn_id"] for turn in turns) == [1, 2, 3, 4, 5, 6]
        said = {turn["human_transcript"]: turn["end_reason"] for turn in turns}
        assert said == {
            "reject: What of empty input?": "reject", "approve": "approve", "edit": "edit", "reject": "reject",
            "decline": "decline",
        }  # fmt: skip
        assert {turn["ai_transcript"] for turn in turns} >= {
            "summarize_blog_post: approve, edit or reject?", "The task does not say what kind of task this is."
        }  # fmt: skip
        assert [turn["turn_id"] for turn in turns] == [each["turn_id"] for each in metrics]
        assert all(turn["duration_ms"] >= 0 for turn in turns)
        for each in metrics:
            wrote = each["llm_generation_ms"] is not None
            assert wrote is (each["end_reason"] != "decline" and each["turn_id"] is not edited(watch))
            assert each["total_latency_ms"] >= (each["llm_generation_ms"] or 0.0)
            assert (each["partial_transcripts"], each["transcription_ms"], each["confidence_score"]) == ([], None, None)
        (asked_back,) = payloads(watch, "conversation.user_confused")
        (sent_back,) = [turn["turn_id"] for turn in turns if "?" in turn["human_transcript"]]
        assert (asked_back["turn_id"], asked_back["confidence"]) == (sent_back, None)
        for signal in watch.heard:
            if signal.name in ("conversation.turn_complete", METRICS):
                assert signal.context["turn_id"] == signal.payload["turn_id"]

        summary = session.summarize()
        assert (summary["total_turns"], summary["tasks"], summary["approved"], summary["rejected"]) == (6, 4, 2, 2)
        assert summary["avg_total_latency_ms"] == pytest.approx(
            sum(each["total_latency_ms"] for each in metrics) / 6, abs=0.1
        )
        told = payloads(watch, "llm.generation_complete")
        assert summary["tokens"] == sum(each["prompt_tokens"] + each["tokens_generated"] for each in told) > 0
        assert (summary["interrupt_acceptance_rate"], "cost" in summary) == (None, False)
        assert payloads(watch, "analytics.session_summary") == [summary]


def edited(watch: Watch) -> int:
    """The turn in which an edited draft is approved: nobody wrote for that."""
    turns = [signal for signal in watch.heard if signal.name == METRICS and signal.context["task_id"] == "task-2"]
    number: int = turns[1].payload["turn_id"]
    return number


async def test_who_takes_longer_than_configured_is_told_once_in_a_turn(tmp_path: Path) -> None:
    may_answer = threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        may_answer.wait(PATIENCE_SECONDS)
        yield from whole_answer(task_id)

    clock = Clock()
    with Model(play) as model:
        async with running(workspace_in(tmp_path, model.config + LIMITS), clock=clock) as (session, watch):
            await send(session, SUMMARIZE)
            await asleep(clock, 60.0)
            clock.advance(59.0)
            clock.advance(3.0)
            told = (await watch.until("conversation.speaking_limit_exceeded")).payload
            assert told == {"limit_sec": 60.0, "actual_duration_sec": 62.0, "turn_id": 1, "speaker": "agent"}
            may_answer.set()
            await review_of(session, watch, "task-1")
            clock.advance(10_000.0)  # it is the same turn
            await decide(session, watch, "task-1", DecisionKind.REJECT, "Shorter.")
            metrics = (await watch.until(METRICS)).payload
            assert (metrics["turn_id"], metrics["llm_generation_ms"], metrics["total_latency_ms"]) == (1, 62e3, 62e3)
            assert payloads(watch, "conversation.turn_complete")[0]["duration_ms"] == 1e7
            await review_of(session, watch, "task-1", 2)
            await asleep(clock, 600.0)
            clock.advance(600.0)
            told = (await watch.until("conversation.speaking_limit_exceeded", 2)).payload
            assert told == {"limit_sec": 600.0, "actual_duration_sec": 600.0, "turn_id": 2, "speaker": "person"}
            await decide(session, watch, "task-1", DecisionKind.APPROVE, count=2)
            await watch.until("task.completed")
            assert len(payloads(watch, "conversation.speaking_limit_exceeded")) == 2
            assert [misfit for signal in watch.heard for misfit in misfits(signal)] == []


async def asleep(clock: Clock, seconds: float) -> None:
    """Wait until somebody waits for so long."""
    for count in range(1, 10_000):
        if seconds in clock.slept:
            return
        await clock.until_asleep(count)


async def test_nothing_is_told_where_no_time_is_configured(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path, NO_LIMITS), clock=Clock(passes_at_once=True)) as (session, watch):
        await work(session, watch)
        assert payloads(watch, "conversation.speaking_limit_exceeded") == []


async def test_a_person_stops_the_model_and_retries(tmp_path: Path) -> None:
    may_answer = threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        may_answer.wait(PATIENCE_SECONDS)
        yield from whole_answer(task_id)

    with Model(play) as model:
        async with running(workspace_in(tmp_path, model.config + PRICES)) as (session, watch):
            await send(session, SUMMARIZE)
            job = (await watch.until("llm.generation_start")).context["job"]
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert session.stop_generation(job)
                assert not session.stop_generation(job), "it is being stopped already"
                failed = await watch.until("task.failed")
            assert failed.payload["error"] == "The model was stopped by ada. Retry the task to ask it again."
            assert (await row_of(session, "task-1")).state is JobState.FAILED
            (interrupted,) = payloads(watch, "conversation.interrupted")
            assert interrupted == {"reason": "stopped", "turn_id": 1, "authority": "human", "by": "ada"}
            (error,) = payloads(watch, "llm.generation_error")
            assert error == {"error": failed.payload["error"], "backend": "openai/m"}
            metrics = (await watch.until(METRICS)).payload
            assert (metrics["end_reason"], metrics["interrupt_attempts"], metrics["interrupt_accepts"]) == (
                "interrupted", 2, 1
            )  # fmt: skip
            assert not session.live_drafts

            may_answer.set()
            await session.inbox.retry(job)
            await decide(session, watch, "task-1", DecisionKind.APPROVE)
            await watch.until("task.completed", outcome="approved")
            assert not session.stop_generation(job), "nothing is written for it"
            assert [turn["turn_id"] for turn in payloads(watch, "conversation.turn_complete")] == [1, 2]
            summary = session.summarize()
            assert summary["interrupt_acceptance_rate"] == pytest.approx(1 / 3, abs=1e-4)
            assert (summary.get("cost"), summary.get("currency")) == (0.018, "EUR")
            assert [misfit for signal in watch.heard for misfit in misfits(signal)] == []


async def test_a_model_that_was_stopped_at_its_trial_has_not_shown_that_it_works(tmp_path: Path) -> None:
    may_answer, answers = threading.Event(), 0

    def play(task_id: str) -> Iterator[bytes]:
        nonlocal answers
        answers += 1
        if answers == 1:
            yield status(401)
            return
        may_answer.wait(PATIENCE_SECONDS)
        yield from whole_answer(task_id)

    with Model(play) as model:
        async with running(workspace_in(tmp_path, model.config)) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("worker.paused")
            session.try_now()
            job = (await watch.until("llm.generation_start", 2)).context["job"]
            assert session.stop_generation(job)
            await watch.until("task.failed")
            assert "worker.resumed" not in watch.names()
            may_answer.set()
            await session.inbox.retry(job)
            session.try_now()
            await watch.until("worker.resumed")
            await review_of(session, watch, "task-1")


async def test_what_others_answer_ends_a_turn_and_what_was_asked_before_has_no_times(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    async with running(place) as (session, watch):
        await send(session, [SUMMARIZE, TRANSLATE])
        question, subject = await review_of(session, watch, "task-1")
        store = make_store(place)
        await store.open()
        await make_inbox(place, store).decide(question.id, approval(subject))
        await store.close()
        await watch.until("task.completed", task_id="task-1")
        turn = (await watch.until("conversation.turn_complete")).payload
        assert (turn["turn_id"], turn["end_reason"], turn["human_transcript"]) == (1, "answered_elsewhere", "")
        await review_of(session, watch, "task-3")
    async with running(place) as (session, watch):
        question = await open_question(session, "task-3")
        await session.inbox.decide(question.id, Decision(DecisionKind.REJECT))
        turn = (await watch.until("conversation.turn_complete")).payload
        assert (turn["turn_id"], turn["end_reason"], turn["duration_ms"]) == (1, "reject", None)
        assert session.summarize()["avg_total_latency_ms"] is None


async def test_a_job_that_is_cancelled_ends_its_turn(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        await review_of(session, watch, "task-1")
        await session.inbox.cancel((await row_of(session, "task-1")).job)
        assert (await watch.until("conversation.turn_complete")).payload["end_reason"] == "cancelled"
