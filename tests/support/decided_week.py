"""A week of decisions in a SQLite file: people, models, kinds of tasks, reasons and costs, to the second."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolver_tui.adapters.database.database import Database
from evolver_tui.core import ranks

DAY = 86_400.0
PEOPLE = ("ada", "grace")
REASONS = ("Too long.", "too long", "No error handling.", "Reads a file that it does not need.")


async def fill_week(
    file: Path, now: float, *, decisions: int = 60, people: Sequence[str] = PEOPLE, reasons: Sequence[str] = REASONS
) -> None:
    """Write decisions of the six days before a moment, the same each time.

    Args:
        now: in seconds since 1970.
    """
    database = Database(file)
    await database.open()
    await database.close()
    chance = random.Random(15)
    with sqlite3.connect(file) as connection:
        for number in range(1, decisions + 1):
            asked_at = now - 7_200 - round(chance.random() * 6 * DAY)
            _decide(connection, number, asked_at, chance, people, reasons)
    connection.close()


def _decide(
    connection: sqlite3.Connection,
    number: int,
    asked_at: float,
    chance: random.Random,
    people: Sequence[str],
    reasons: Sequence[str],
) -> None:
    model = chance.choice(("openai/qwen2.5-coder", "anthropic/claude-sonnet-4"))
    seen_at = asked_at + round(chance.expovariate(1 / 300))
    decided_at = seen_at + 1 + round(chance.expovariate(1 / 25))
    kind, person = chance.choice(("summarize", "generate", "translate")), chance.choice(people)
    raw = {"id": f"task-{number}", "taskName": f"Name {number}", "llmTaskType": kind}
    _insert(
        connection, "job", seq=number, task_id=f"task-{number}", task_name=f"Name {number}", task_type=kind,
        priority="medium", state="completed", outcome="approved", rank=ranks.over_rank(decided_at), since=decided_at,
        node="", error="", attempt=1, fence=2, received_at=asked_at, session_id="s", raw_json=json.dumps(raw),
    )  # fmt: skip
    _insert(
        connection, "question", job=number, name="review 1", kind="review", message="Approve?", form_json="{}",
        subject_json=json.dumps({"draft": {"author": model}}), asked_at=asked_at, seen_at=seen_at,
        answered_at=decided_at, answered_by=person, answer_json=json.dumps(_decision(chance, reasons)),
    )  # fmt: skip
    _insert(
        connection, "spending", id=number, job=number, session_id="s", at=asked_at, model=model,
        prompt_tokens=chance.randrange(800, 3_000), completion_tokens=chance.randrange(300, 900),
        is_estimated=model.startswith("openai"), cost=round(chance.random() / 50, 4), currency="USD",
    )  # fmt: skip


def _insert(connection: sqlite3.Connection, table: str, **values: Any) -> None:
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


def _decision(chance: random.Random, reasons: Sequence[str]) -> Mapping[str, Any]:
    drawn = chance.random()
    if drawn < 0.7:
        return {"kind": "approve"}
    if drawn < 0.78:
        return {"kind": "edit", "code": "pass"}
    return {"kind": "reject", "reason": chance.choice(reasons)} if drawn < 0.95 else {"kind": "reject"}
