"""An export is complete, in order, the same each time, and holds no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.core.journal import RESULT
from evolver_tui.core.task import Task
from evolver_tui.engine.durable.routine import Run
from evolver_tui.engine.export import write_export
from tests.support.sessions import GENERATE, SUMMARIZE, approval, review_of, running, send, workspace_in
from tests.support.worker_bench import at_work, drained

pytestmark = pytest.mark.anyio

TOKEN = "tok-4d8f2a91c7"
HOSTILE = "\x1b]52;c;eA==\x07 | [x](javascript:1) ``` \u202e"


async def exported(folder: Path, format: str, times: int = 1) -> list[str]:
    """The texts of exports of one finished session in which a hub's token had leaked into a task."""
    place = workspace_in(folder, environ={"EVOLVER_HUB_TOKEN": TOKEN})
    async with running(place) as (session, watch):
        await send(session, {**SUMMARIZE, "note": f"use {TOKEN} or sk-abcdefghijklmnop1234", "x": HOSTILE}, GENERATE)
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed")
        session_id = session.id
    async with running(place) as (session, watch):
        paths = [folder / f"{number}.{format}" for number in range(times)]
        for path in paths:
            await session.export(format, path, session_id)
        return [path.read_text() for path in paths]


async def test_jsonl_has_the_session_then_every_signal_then_every_job_worked_on(tmp_path: Path) -> None:
    (text,) = await exported(tmp_path, "jsonl")
    records: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert [record["type"] for record in records] == sorted(
        (record["type"] for record in records), key=["session", "signal", "job"].index
    )
    signals = [record for record in records if record["type"] == "signal"]
    assert [record["seq"] for record in signals] == sorted(record["seq"] for record in signals)
    assert (signals[0]["name"], signals[-1]["name"]) == ("session.started", "session.ended")
    first, second = (record for record in records if record["type"] == "job")
    assert (first["task_id"], first["outcome"], first["node"]) == ("task-1", "approved", "summarize_blog_post v1")
    assert first["journal"]["write 1"]["code"].startswith('"""')
    assert (second["task_id"], second["state"]) == ("task-2", "paused")


async def test_json_holds_the_same_records_as_one_object(tmp_path: Path) -> None:
    (text,) = await exported(tmp_path, "json")
    whole = json.loads(text)
    assert list(whole) == ["session", "signals", "jobs"]
    assert [job["task_id"] for job in whole["jobs"]] == ["task-1", "task-2"]


@pytest.mark.parametrize("format", ["jsonl", "json", "md"])
async def test_two_exports_are_equal_and_neither_has_a_secret_or_a_control_character(
    tmp_path: Path, format: str
) -> None:
    first, second = await exported(tmp_path, format, times=2)
    assert first == second
    assert TOKEN not in first
    assert "sk-abcdefgh" not in first
    assert not {"\x1b", "\x07", "\u202e"} & set(first)


async def test_markdown_is_readable_and_nothing_in_it_breaks_out_of_its_place(tmp_path: Path) -> None:
    (text,) = await exported(tmp_path, "md")
    assert "### task-1: approved" in text
    assert "| review.decided | task-1 |" in text.replace("\\", "")
    assert "transcription\\_ms=- " in text
    assert "None" not in text
    tokens = [token for block in MarkdownIt().enable("table").parse(text) for token in (block, *(block.children or ()))]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2", "h3", "h3"]
    assert not [token for token in tokens if token.type in ("link_open", "html_inline", "html_block")]


async def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, _):
        with pytest.raises(UsageError, match="jsonl, json, md"):
            await session.export("pdf")
        with pytest.raises(UsageError, match="no session 'nobody'"):
            await session.export("json", session_id="nobody")
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot be written"):
            await session.export("json", tmp_path / "file" / "x.json")
        assert (await session.export("json")).is_file()


async def test_values_that_a_routine_replaces_are_left_out(tmp_path: Path) -> None:
    async def routine(run: Run, task: Task) -> str:
        await run.keep("graph 0", "dG9rLTRkOGYyYTkxYzc=")
        return "done"

    async with at_work(tmp_path, routine, "one") as bench:
        await bench.store.start_session("s", Address(), "here")
        await drained(bench.worker)
        await write_export(bench.store, "s", "jsonl", tmp_path / "out.jsonl", [TOKEN])
    (job,) = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines() if '"job"' in line[:20])
    assert job["journal"] == {RESULT: "done"}
