"""How fast a past session is played to its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.recording import read_recording
from evolver_tui.engine.replay.replay_session import ReplaySession
from evolver_tui.tui.bridge import Bridge
from tests.benchmarks.figures import Row, at_least
from tests.benchmarks.workplace import temporary_folder

_OF_A_JOB: tuple[tuple[str, dict[str, Any]], ...] = (
    ("task.queued", {"queue_size": 3, "priority": "medium"}),
    ("task.started", {"queue_size": 2, "attempt": 1}),
    ("llm.generation_start", {"model": "m", "backend": "openai/m"}),
    ("llm.generation_complete", {"tokens_generated": 300, "prompt_tokens": 900, "tokens_counted_by": "provider"}),
    ("node.written", {"node_id": "a_node", "workflow_name": "A node", "tools": ["summarizer"], "author": "m"}),
    ("node.checked", {"node_id": "a_node", "risk": "low", "can_be_approved": True}),
    ("review.requested", {"question": "review 1", "message": "a_node: approve, edit or reject?"}),
    ("job.paused", {"reason": "review", "question": "review 1"}),
    ("review.decided", {"kind": "approve", "by": "ada", "node_id": "a_node"}),
    ("job.resumed", {"queue_size": 1, "attempt": 1}),
    ("task.completed", {"outcome": "approved", "node": "a_node v1"}),
)


def replay(is_quick: bool) -> Iterator[Row]:
    """Opening a log and going to its end, with what a desk hears of it."""
    with temporary_folder() as folder:
        log = Path(folder) / "session.jsonl"
        count = _write(log, 2_000 if is_quick else 20_000)
        rates = [count / asyncio.run(_to_the_end(log)) for _ in range(3 if is_quick else 5)]
    yield at_least("a log opened and replayed to its end", rates, 50_000, " signals/s")


def _write(log: Path, jobs: int) -> int:
    """A session of so many jobs, fifty of them at a time; returns how many signals it has."""
    told = [
        (name, payload, group + offset)
        for group in range(1, jobs + 1, 50)
        for name, payload in _OF_A_JOB
        for offset in range(50)
    ]
    with log.open("w") as file:
        file.write(json.dumps({"type": "session", "id": "s", "started_at": "2026-11-20T12:00:00Z"}) + "\n")
        for number, (name, payload, job) in enumerate(told):
            context = {
                "timestamp": 1_795_176_000.0 + number / 100,
                "session_id": "s",
                "task_id": f"task-{job}",
                "job": job,
            }
            signal = {"type": "signal", "seq": number, "name": name, "payload": payload, "context": context}
            file.write(json.dumps(signal) + "\n")
        for job in range(1, jobs + 1):
            task = {"id": f"task-{job}", "taskName": f"Task {job}", "llmTaskType": "summarize"}
            file.write(
                json.dumps({"type": "job", "job": job, "task": task, "received_at": "2026-11-20T12:00:01Z"}) + "\n"
            )
    return len(told)


async def _to_the_end(log: Path) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    with log.open("rb") as file:
        player = Player(read_recording(file), SystemClock())
        session = ReplaySession(player)
        session.bus.registry.register_all(Bridge().listen, stays=True)
        await player.go_to(len(player.recording))
    return time.perf_counter() - started
