"""`evolver-tui progress watch`, as a script or a person over ssh meets it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from evolver_tui.core.training.record import (
    COMPLETED,
    FAILED,
    MODEL_COMPLETED,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
    to_line,
)
from tests.support.original_progress_server import original_server
from tests.support.watch_process import watching

pytestmark = pytest.mark.anyio


def write(path: Path, *records: Record) -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(to_line, records)))


def a_run(path: Path, run_id: str = "r1") -> Path:
    write(path, RunHeader(run_id, "cognate", started_at=100.0, total_steps=100, total_models=2))
    write(path, *(Point(step, 100.0 + step, {"loss": 1.5}) for step in (10, 20)))
    return path


async def test_a_run_is_followed_line_by_line_until_it_ends(tmp_path: Path) -> None:
    file = a_run(tmp_path / "r1.jsonl")
    async with watching(tmp_path / "home", str(file), "--every", "0") as watch:
        first = await watch.line()
        assert first == "model 1/2  step 20/100  loss 1.5000  perplexity 4.48  10.0 %  0:03:00 left  1 steps/s"
        write(file, Point(30, 130.0, {"loss": 1.25}))
        assert (await watch.line()).startswith("model 1/2  step 30/100  loss 1.2500")
        write(file, Event(MODEL_COMPLETED, 131.0, 30, 0, {"note": "\x1b[2Jx"}), RunEnd(140.0, COMPLETED))
        event = await watch.line(MODEL_COMPLETED)
        assert event.startswith("model_completed  model 1  step 30")
        assert "\x1b" not in event
        code, out, errors = await watch.end()
        assert code == 0
        assert out.rstrip().endswith("completed")
        assert "(run file)" in errors
        assert "The run completed." in errors


async def test_a_run_that_failed_ends_with_code_1(tmp_path: Path) -> None:
    file = a_run(tmp_path / "r1.jsonl")
    write(file, RunEnd(150.0, FAILED))
    async with watching(tmp_path / "home", str(file)) as watch:
        code, out, _ = await watch.end()
        assert (code, out.rstrip().rpartition("  ")[2]) == (1, "failed")


async def test_for_scripts_each_line_is_an_object_of_the_streams_metrics(tmp_path: Path) -> None:
    file = a_run(tmp_path / "r1.jsonl")
    write(file, Point(21, 121.0, {"loss": float("nan"), "\x1b]0;x\x07": 1.0}))
    async with watching(tmp_path / "home", str(file), "--json", "--once") as watch:
        code, out, _ = await watch.end()
        value = json.loads(out)
        assert code == 0
        assert (value["sessionId"], value["step"], value["currentModel"], value["totalModels"]) == ("r1", 21, 1, 2)
        assert "\x1b" not in out
        assert value["values"]["loss"] == "nan"


async def test_of_several_runs_a_list_is_written_and_one_is_named_by_id_or_name(tmp_path: Path) -> None:
    a_run(tmp_path / "a.jsonl", "a")
    a_run(tmp_path / "b.jsonl", "b")
    async with watching(tmp_path / "home", str(tmp_path)) as watch:
        code, out, errors = await watch.end()
        assert code == 0
        assert re.findall(r"^(\S+)", out, re.MULTILINE) == ["RUN", "a", "b"]
        assert "Name one" in errors
    async with watching(tmp_path / "home", str(tmp_path), "b", "--once") as watch:
        assert (await watch.end())[0] == 0
    async with watching(tmp_path / "home", str(tmp_path), "c", "--once") as watch:
        code, out, errors = await watch.end()
        assert (code, out) == (2, "")
        assert "There is no run 'c'" in errors


async def test_what_is_not_there_is_waited_for_and_told(tmp_path: Path) -> None:
    file = tmp_path / "late.csv"
    async with watching(tmp_path / "home", str(file), "--once") as watch:
        code, _, errors = await watch.end()
        assert code == 1
        assert errors.count("cannot be read") == 1
    async with watching(tmp_path / "home", str(file)) as watch:
        file.write_text("step,loss\n1,0.5\n")
        assert await watch.line() == "step 1  loss 0.5000  perplexity 1.65"
        watch.interrupt()
        code, _, errors = await watch.end()
        assert code == 130
        assert "Traceback" not in errors


async def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    file = a_run(tmp_path / "r1.jsonl")
    async with watching(tmp_path / "home", str(file), "--every", "0") as watch:
        await watch.line()
        transport = watch.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        transport.close()
        write(file, Point(30, 130.0, {"loss": 1.25}))
        async with asyncio.timeout(60):
            code = await watch.process.wait()
        assert watch.process.stderr is not None
        errors = (await watch.process.stderr.read()).decode()
        assert code == 1
        assert "Traceback" not in errors
        assert "Broken" not in errors


async def test_a_server_is_watched_and_its_state_is_told(tmp_path: Path) -> None:
    async with original_server() as server:
        await server.tell("s1", 10, 1.5)
        async with watching(tmp_path / "home", server.url, "s1", "--every", "0") as watch:
            assert (await watch.line()).startswith("step 10/1000  loss 1.5000")
            await watch.complaint("(websocket)")
            await server.stop()
            await watch.complaint("cannot be read")
            await server.tell("s1", 20, 1.25, is_heard=False)
            await server.start()
            assert (await watch.line()).startswith("step 20/1000  loss 1.2500")
            await server.complete("s1")
            code, out, _ = await watch.end()
            assert code == 0
            assert "completed" in out
            assert "100.0 %" in out


async def test_a_server_that_lists_nothing_wants_a_name(tmp_path: Path) -> None:
    async with original_server() as server, watching(tmp_path / "home", server.url) as watch:
        code, out, errors = await watch.end()
        assert (code, out) == (2, "")
        assert "does not list its sessions" in errors


async def test_a_server_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    async with original_server() as server:
        await server.stop()
        async with watching(tmp_path / "home", server.url, "s1", "--once") as watch:
            code, _, errors = await watch.end()
            assert code == 1
            assert errors.count("There is no connection to it.") == 1
