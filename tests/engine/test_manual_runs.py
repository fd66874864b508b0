"""A person runs a draft on an input of their own: in the box, told on the bus, kept as long as the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evolver_tui.core.errors import NodeError, SandboxError
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.question import OpenQuestion
from evolver_tui.engine.manual_runs import MOST_KEPT
from evolver_tui.engine.node_runs import LiveTerms, Trial
from evolver_tui.engine.session import Session
from evolver_tui.wiring import make_runner, make_session
from tests.support.boxes import SANDBOX
from tests.support.processes import Model
from tests.support.provider_server import SSE_HEAD, openai_events
from tests.support.sessions import Watch, open_question, send, workspace_in
from tests.support.tried_drafts import FINE, showing, task_for, tried

pytestmark = pytest.mark.anyio


class Told:
    """Runs nothing, and says what a test told it."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.has_begun = asyncio.Event()
        self.problem: SandboxError | None = None
        self.trials: list[Trial] = []

    async def try_out(self, trial: Trial) -> NodeRun:
        self.trials.append(trial)
        self.has_begun.set()
        await self.may_end.wait()
        if self.problem is not None:
            raise self.problem
        return FINE

    def live_terms(self, tools: Collection[str]) -> LiveTerms:
        raise NotImplementedError


@asynccontextmanager
async def at_review(
    folder: Path, config: str = "", runs: Told | None = None
) -> AsyncIterator[tuple[Session, Watch, OpenQuestion]]:
    """A session in which a draft waits for a decision."""
    place = workspace_in(folder, config)
    session = showing(make_session(place, pace=0.0, runs=runs or make_runner(place, SANDBOX)), {"t": tried(FINE)})
    watch = Watch(session)
    await session.open()
    try:
        await send(session, task_for("t"))
        await watch.until("review.requested")
        yield session, watch, await open_question(session, "t")
    finally:
        session.bus.registry.unregister(watch._hear)
        await session.close(finish_current=False)


async def test_a_draft_runs_on_an_input_and_that_is_told(tmp_path: Path) -> None:
    async with at_review(tmp_path) as (session, watch, question):
        run = await session.manual_runs.run(question, {"content": "Two words"})
        assert run.output == {"summary": "[dry summarizer] Two words", "words": 2}
        assert (run.name, run.is_live) == ("by hand 1", False)
        told = await watch.until("node.tried", task_id="t", by="ada", live=False, succeeded=1)
        assert told.payload["box"] == run.tier
        failed = await session.manual_runs.run(question, {})
        assert "KeyError" in failed.error
        assert (await watch.until("node.tried", succeeded=0)).level == "warning"
        assert session.manual_runs.of(question.id) == (failed, run)


async def test_a_live_run_asks_the_model_and_is_labelled(tmp_path: Path) -> None:
    def play(task_id: str) -> Iterator[bytes]:
        yield SSE_HEAD + openai_events("In short.")

    with Model(play) as model:
        async with at_review(tmp_path, f"{model.config}max_tokens = 700\n[sandbox]\ntool_calls = 7\n") as parts:
            session, watch, question = parts
            terms = session.runs.live_terms(["summarizer"])
            assert (terms.tools, terms.calls, terms.tokens, terms.problem) == (("summarizer (llm)",), 7, 700, "")
            assert "m" in terms.model
            dry = await session.manual_runs.run(question, {"content": "A text"})
            assert model.requests == []
            live = await session.manual_runs.run(question, {"content": "A text"}, is_live=True)
            assert [run.output and run.output["summary"] for run in (dry, live)] == [
                "[dry summarizer] A text", "In short.",
            ]  # fmt: skip
            assert live.is_live
            await watch.until("node.tried", live=True)


async def test_without_a_model_there_is_no_live_run_and_it_says_why(tmp_path: Path) -> None:
    runner = make_runner(workspace_in(tmp_path), SANDBOX)
    assert runner.live_terms(["summarizer"]).problem == ("The tools that it calls ask a model, and there is none here.")
    assert runner.live_terms([]).problem == "It calls no tool."


async def test_a_tool_elsewhere_is_called_in_earnest_without_a_model_as_well(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    place.paths.tools.mkdir(parents=True)
    (place.paths.tools / "weather.toml").write_text(
        'kind = "http"\ndescription = "The weather."\ntarget = "http://127.0.0.1:9/"\n'
    )
    terms = make_runner(place, SANDBOX).live_terms(["summarizer", "weather"])
    assert (terms.tools, terms.model, terms.problem) == (("weather (http)",), "", "")


async def test_of_each_draft_one_run_goes_on_at_a_time_and_the_latest_are_kept(tmp_path: Path) -> None:
    runs = Told()
    async with at_review(tmp_path, runs=runs) as (session, _, question):
        runs.may_end.clear()
        first = asyncio.create_task(session.manual_runs.run(question, {}))
        await runs.has_begun.wait()
        assert session.manual_runs.is_running(question.id)
        with pytest.raises(NodeError, match="being run by hand at this moment"):
            await session.manual_runs.run(question, {})
        runs.may_end.set()
        await first
        for _ in range(MOST_KEPT):
            await session.manual_runs.run(question, {})
        assert len(session.manual_runs.of(question.id)) == MOST_KEPT
        assert runs.trials[-1].name == "by hand 6"


async def test_a_run_that_cannot_begin_leaves_nothing_behind(tmp_path: Path) -> None:
    runs = Told()
    async with at_review(tmp_path, runs=runs) as (session, watch, question):
        runs.problem = SandboxError("Nothing can hold it.", "Install bubblewrap.")
        with pytest.raises(SandboxError, match="Nothing can hold it"):
            await session.manual_runs.run(question, {})
        assert not session.manual_runs.is_running(question.id)
        assert session.manual_runs.of(question.id) == ()
        assert "node.tried" not in watch.names()
