"""`jobs show --diff` and `jobs reuse`: what changed since before, and a node that is there in the place of a draft."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.engine.session import Session
from tests.support.hostile import assert_harmless
from tests.support.job_desk import Jobs
from tests.support.sessions import SUMMARIZE, Watch, approval, review_of, running, send, workspace_in

NODE = "summarize_blog_post"


@pytest.fixture
def jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("USER", "ada")
    for name in ("LOGNAME", "EVOLVER_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("EVOLVER_NODES", str(home / "nodes"))
    monkeypatch.chdir(tmp_path)
    return Jobs(home, capsys, monkeypatch)


def with_session(jobs: Jobs, work: Callable[[Session, Watch], Awaitable[None]]) -> None:
    async def do() -> None:
        async with running(workspace_in(jobs.home)) as (session, watch):
            await work(session, watch)

    anyio.run(do)


def test_show_tells_what_changed_since_the_draft_that_was_sent_back_as_a_patch_and_as_json(jobs: Jobs) -> None:
    reason = "an empty text \x1b[31mcrashes\u202e it"

    async def work(session: Session, watch: Watch) -> None:
        await send(session, SUMMARIZE)
        asked, _ = await review_of(session, watch, "task-1")
        await session.inbox.decide(asked.id, Decision(DecisionKind.REJECT, reason=reason))
        await review_of(session, watch, "task-1", 2)

    with_session(jobs, work)
    done = jobs("show", "1", "--diff")
    assert done.code == ExitCode.DONE, done.err
    assert_harmless(done.out)
    lines = done.out.split("\n")
    assert lines[0].startswith("draft sent back by ada: draft 1, +")
    assert lines[1].startswith("reason  an empty text ")
    assert lines[2] == "author  ✓ An empty input gives an empty result, with an error beside it."
    assert lines[3:5] == ["--- draft 1", "+++ draft 2"]
    assert any(line.startswith("@@ -") for line in lines)
    assert any(line.startswith("+") and "is empty" in line for line in lines)
    (diff,) = jobs("show", "1", "--diff", "--json").value["diffs"]
    assert (diff["base"], diff["by"], diff["reason"]) == ("draft sent back", "ada", reason)
    assert diff["diff"].startswith("--- draft 1\n+++ draft 2\n@@ ")


def test_a_first_draft_and_a_job_without_a_review_have_none(jobs: Jobs) -> None:
    async def work(session: Session, watch: Watch) -> None:
        await send(session, SUMMARIZE)
        await send(session, {"id": "asks", "taskName": "Something"})
        await review_of(session, watch, "task-1")
        await watch.until("question.asked", task_id="asks")

    with_session(jobs, work)
    assert "nothing to hold the draft of Job 1 (task-1) against" in jobs("show", "1", "--diff").err
    done = jobs("show", "asks", "--diff")
    assert done.code == ExitCode.FAILED
    assert "waits for no review" in done.err
    done = jobs("reuse", "1")
    assert done.code == ExitCode.WRONG_USAGE
    assert "is like no node" in done.err
    assert jobs("reuse", "1", "--node", "nobody").code != ExitCode.DONE


def test_show_says_what_a_draft_is_like_and_reuse_ends_its_job_with_that(jobs: Jobs) -> None:
    async def work(session: Session, watch: Watch) -> None:
        await send(session, SUMMARIZE)
        asked, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(asked.id, approval(subject))
        await watch.until("task.completed", task_id="task-1")
        await send(session, {**SUMMARIZE, "id": "task-2"})
        await review_of(session, watch, "task-2")

    with_session(jobs, work)
    shown = jobs("show", "task-2").out
    assert f"! does the same as {NODE} v1" in shown
    assert "evolver-tui jobs reuse 2" in shown
    done = jobs("reuse", "task-2")
    assert done.code == ExitCode.DONE, done.err
    assert done.out.startswith(f"{NODE} v1 ")

    async def finish(session: Session, watch: Watch) -> None:
        await watch.until("task.completed", task_id="task-2")

    with_session(jobs, finish)
    assert jobs.shown("task-2")["node"] == f"{NODE} v1"
