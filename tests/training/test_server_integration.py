"""`evolver_tui.training`: the spec's basic integration, against a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import BadTraining, UsageError
from evolver_tui.training import StreamingIntegration
from tests.support.progress_servers import progress

pytestmark = pytest.mark.anyio


async def test_the_basic_integration_runs_as_written(tmp_path: Path) -> None:
    def run(url: str) -> tuple[str, Any]:
        integration = StreamingIntegration(url)
        integration.initialize_components()
        session_id = integration.create_training_session({"model_count": 3, "batch_size": 32, "epochs": 50})
        integration.start_training_session(session_id)
        callback = integration.progress_callback(session_id)
        for step in range(3):
            callback({"step": step, "totalSteps": 3, "loss": 1.5 - step / 10, "modelIndex": 0, "totalModels": 3})
        return session_id, integration.get_integration_stats()

    async with progress(tmp_path) as running:
        session_id, statistics = await asyncio.to_thread(run, running.url)
        assert statistics["sessions_created"] == 1
        assert set(statistics) == {
            "sessions_created", "total_metrics_processed", "websocket_messages_sent", "transformations_successful",
            "errors_encountered",
        }  # fmt: skip
        status = await running.data(f"status/{session_id}")
        assert (status["status"], status["total_models"]) == ("running", 3)
        assert status["config"] == {"model_count": 3, "batch_size": 32, "epochs": 50}
        told = await running.data(f"history/{session_id}")
        assert [each.get("event", each.get("loss")) for each in told] == ["training_started", 1.5, 1.4, 1.3]


async def test_what_does_not_work_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no URL of a progress server"):
        StreamingIntegration("127.0.0.1:5001")
    with pytest.raises(BadTraining, match="gave no answer"):
        StreamingIntegration("http://127.0.0.1:1").initialize_components()
    async with progress(tmp_path, token="sesame") as running:
        with pytest.raises(BadTraining, match="A bearer token is needed"):
            await asyncio.to_thread(StreamingIntegration(running.url).initialize_components)
        await asyncio.to_thread(StreamingIntegration(running.url, "sesame").initialize_components)
        callback = StreamingIntegration(running.url, "sesame").progress_callback("s")
        with pytest.raises(BadTraining, match="neither a step"):
            await asyncio.to_thread(callback, {})
