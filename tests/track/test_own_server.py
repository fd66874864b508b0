"""What the hook sends, the program's own progress server takes."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

import evolver_tui.track as track
from tests.support.progress_servers import progress
from tests.support.tracked import records_in

pytestmark = pytest.mark.anyio


async def test_the_server_has_every_record_of_the_file(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with progress(tmp_path, token="secret") as running:
        run = track.init(id="r", server=running.url, token="secret", total_steps=100, total_models=1, interval=0.01)
        for step in range(100):
            run.log({"loss": 2.0 - step / 100, "odd": float("nan")}, step=step)
            run.event("checkpoint", path=f"/tmp/{step}")
            await asyncio.sleep(0)
        run.event("model_completed")
        await asyncio.to_thread(partial(run.finish, seconds=30))
        metrics = await running.data("metrics/r", Authorization="Bearer secret")
        assert (metrics["loss"], metrics["step"], metrics["totalSteps"], metrics["overallProgress"]) == (
            1.01, 99, 100, 100.0,
        )  # fmt: skip
        assert running.hub.next_line("r") == len(records_in(runs / "r.jsonl"))
        status = await running.data("status/r", Authorization="Bearer secret")
        assert (status["status"], status["models_completed"]) == ("completed", 1)
        run = track.init(id="r", server=running.url, token="secret", resume=True, step=50, interval=0.01)
        run.log({"loss": 0.25}, step=51)
        await asyncio.to_thread(partial(run.finish, seconds=30))
        assert running.hub.next_line("r") == len(records_in(runs / "r.jsonl"))
        assert (await running.data("metrics/r", Authorization="Bearer secret"))["loss"] == 0.25
    assert capsys.readouterr().err == ""
