"""What the console says while the model refuses: status line, hub pane, notice and keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evolver_tui.core.errors import LIBRARY, MODEL
from evolver_tui.core.outage import Outage
from evolver_tui.tui.modals import ConfirmModal
from evolver_tui.tui.screens.desk.outage_words import OutageWords
from tests.support.desk_fixtures import SMALL, WIDE, console
from tests.support.processes import Model, whole_answer
from tests.support.provider_server import status

pytestmark = pytest.mark.anyio


class Switch(Model):
    """A model that says this to everything until it is mended."""

    def __init__(self, refusal: bytes) -> None:
        super().__init__(self._answer)
        self.refusal: bytes | None = refusal

    def _answer(self, task_id: str) -> Iterator[bytes]:
        if self.refusal is None:
            yield from whole_answer(task_id)
        else:
            yield self.refusal


def task(name: str) -> dict[str, str]:
    return {"id": name, "taskName": name, "llmTaskType": "summarize"}


LIMITED = status(429, {"retry-after": "900"}, {"error": {"message": "Enough for today."}})


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_a_pause_is_seen_with_its_reason_and_ended_by_a_key(tmp_path: Path, size: tuple[int, int]) -> None:
    with Switch(LIMITED) as model:
        model.configure(tmp_path)
        async with console(tmp_path, size=size) as desk:
            await desk.receive(task("a"), task("b"))
            await desk.until(lambda: "author paused · rate limit (429) · next try in 15:00 min" in desk.text())
            await desk.until(lambda: any("Enough for today" in notice for notice in desk.notices))
            assert "T try now" in desk.text()
            assert len(model.asked) == 1
            before = desk.text().splitlines()[0]
            await desk.until(lambda: desk.text().splitlines()[0] != before, "it counts down")
            await desk.decide("T")
            await desk.until(lambda: len(model.asked) == 2)
            model.refusal = None
            await desk.until(lambda: not all(outage.is_trying for outage in desk.session.outages))
            await desk.decide("T")
            await desk.until(lambda: "The model works again." in desk.notices)
            await desk.until(lambda: "author paused" not in desk.text())
            await desk.until(lambda: "needs you 2" in desk.text())


async def test_the_hub_pane_says_what_is_paused_until_when_and_why(tmp_path: Path) -> None:
    with Switch(LIMITED) as model:
        model.configure(tmp_path)
        async with console(tmp_path, size=WIDE) as desk:
            await desk.receive(task("a"))
            await desk.until(lambda: desk.text().count("author paused") >= 2)
            lines = [line.partition("││")[0] for line in desk.text().splitlines()[1:]]
            where = next(number for number, line in enumerate(lines) if "author paused · in 1" in line)
            assert "rate limit (429)" in lines[where + 1]


async def test_all_failed_tasks_are_retried_after_a_question_that_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Switch(status(413)) as model:
        model.configure(tmp_path)
        async with console(tmp_path) as desk:
            await desk.decide("f5")
            await desk.until(lambda: "No task has failed." in desk.notices)
            await desk.receive(task("a"), task("b"), task("c"))
            await desk.until(lambda: desk.desk.queue.counts is not None and desk.desk.queue.counts.failed == 3)
            model.refusal = None
            await desk.decide("f5")
            await desk.until_open(ConfirmModal)
            assert "Retry 3 failed tasks?" in desk.text()
            is_free, retry_all = asyncio.Event(), desk.session.inbox.retry_all

            async def held() -> Sequence[int]:
                await is_free.wait()
                return await retry_all()

            monkeypatch.setattr(desk.session.inbox, "retry_all", held)
            await desk.decide("y")
            await desk.until(lambda: "saving…" in desk.text())
            is_free.set()
            await desk.until(lambda: "3 failed tasks are retried." in desk.notices)
            await desk.until(lambda: "needs you 3" in desk.text())


def test_two_things_that_do_not_work_are_both_told_with_the_next_try_of_either() -> None:
    away = (
        Outage(MODEL, "The key is refused.", "key refused (401)", 0.0, 130.0, 60.0),
        Outage(LIBRARY, "The disk is full.", "disk full", 10.0, 104.0, 8.0),
    )
    words = OutageWords.of(away, 100.0)
    assert words == OutageWords("author paused, saving paused", "key refused (401); disk full", "next try in 4 s")
    assert OutageWords.of((), 100.0) is None


def test_a_clock_that_is_set_back_makes_no_wait_longer_than_it_is() -> None:
    words = OutageWords.of((Outage(MODEL, "The key is refused.", "key refused (401)", 90.0, 104.0, 8.0),), -3_600.0)
    assert words is not None
    assert words.when == "next try in 8 s"


@pytest.mark.parametrize("width", range(48, 90))
def test_the_words_fit_and_keep_what_is_paused_and_when(width: int) -> None:
    words = OutageWords("author paused", "no connection can be prepared at all", "next try in 42 s")
    line = words.line("·", width, "T try now")
    assert len(line) <= width
    assert line.startswith("author paused · no co")
    assert "next try in 42 s" in line
