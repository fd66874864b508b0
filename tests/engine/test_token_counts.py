"""What a generation took and cost is told as the provider counted it, or as an estimate that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import Model, node_answer
from tests.support.provider_server import SSE_HEAD, openai_chunk, openai_events
from tests.support.sessions import SUMMARIZE, running, send, workspace_in

pytestmark = pytest.mark.anyio

PRICES = "price_per_million_input = 1000\nprice_per_million_output = 3000\n"


async def told(folder: Path, config: str) -> Mapping[str, Any]:
    async with running(workspace_in(folder, config)) as (session, watch):
        await send(session, SUMMARIZE)
        return (await watch.until("llm.generation_complete")).payload


async def test_what_the_provider_counts_is_told_and_priced(tmp_path: Path) -> None:
    def play(task_id: str) -> Iterator[bytes]:
        yield SSE_HEAD + openai_events(node_answer(task_id), usage=(500, 70))

    with Model(play) as model:
        payload = await told(tmp_path, model.config + PRICES)
    assert (payload["prompt_tokens"], payload["tokens_generated"], payload["tokens_counted_by"]) == (
        500,
        70,
        "provider",
    )
    assert (payload["cost"], payload["currency"]) == (0.5 + 0.21, "USD")


async def test_what_nobody_counts_is_estimated_with_the_thinking(tmp_path: Path) -> None:
    def play(task_id: str) -> Iterator[bytes]:
        yield SSE_HEAD + openai_chunk({"content": "<think>" + "hm " * 4_000 + "</think>"})
        yield openai_events(node_answer(task_id, "print('" + "ü" * 2_000 + "')\n"), usage=None)

    with Model(play) as model:
        payload = await told(tmp_path, model.config)
    assert payload["tokens_counted_by"] == "estimate"
    assert 3_000 < payload["tokens_generated"] < 7_000
    assert payload["prompt_tokens"] > 100
    assert "cost" not in payload


async def test_the_offline_author_costs_nothing(tmp_path: Path) -> None:
    payload = await told(tmp_path, f"[backend]\n{PRICES}")
    assert (payload["backend"], payload["tokens_counted_by"], "cost" in payload) == ("offline", "estimate", False)
