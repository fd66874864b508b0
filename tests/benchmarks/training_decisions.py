"""What it costs to make data of decisions, to learn of them, and to hold a draft against what was approved."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.estimate.unlike_lines import ApprovedCode
from evolver_tui.engine.decision_export.export import Shape, export_decisions
from evolver_tui.engine.decision_export.rows import Writer
from evolver_tui.engine.decision_export.wanted import Wanted
from evolver_tui.engine.estimates import Estimates
from evolver_tui.engine.reviewed_drafts import reviewed_drafts
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import temporary_folder
from tests.support.databases import opened
from tests.support.decisions import decided, program

_NODES = 200
_LINES = 100


def decisions(is_quick: bool) -> Iterator[Row]:
    """Exports and estimates of a SQLite file with so many decisions, and lines unlike so many nodes."""
    count, times = (300, 3) if is_quick else (2_000, 5)
    with temporary_folder() as folder:
        found = asyncio.run(_measure(folder, count, times))
    for name in ("floor", "export"):
        words = "rows of decisions made and written alone" if name == "floor" else "... scrubbed, told apart, split"
        yield told(f"{words}: ms each", found[name], " ms")
    ratios = [export / floor for export, floor in zip(found["export"], found["floor"], strict=True)]
    yield at_most("... as a ratio", ratios, 8.0)
    yield told("a decision that is learned of", found["learn"], " ms")
    yield at_most("an estimate of a draft", found["estimate"], 20.0, " ms")
    unlike = list(_unlike(times))
    yield told(f"a draft of {_LINES} lines held against {_NODES} approved nodes", unlike, " ms")


async def _measure(folder: Path, count: int, times: int) -> dict[str, list[float]]:
    """Milliseconds by name."""
    code = [(program(f"word{number}"), number % 3 > 0) for number in range(count)]
    found: dict[str, list[float]] = {"floor": [], "export": [], "learn": [], "estimate": []}
    async with opened(folder / "evolver.db") as store:
        await decided(store, code)
        for _ in range(times):
            started = time.perf_counter()
            writer = Writer("kto", BUILT_IN_TOOLS)
            with (folder / "floor.jsonl").open("w") as file:
                async with aclosing(reviewed_drafts(store)) as drafts:
                    async for draft in drafts:
                        file.writelines(json.dumps(row.record) + "\n" for row in writer.rows(draft, ()))
            found["floor"].append((time.perf_counter() - started) * 1e3 / count)
        estimates = Estimates(store)
        started = time.perf_counter()
        await estimates.catch_up()
        found["learn"].append((time.perf_counter() - started) * 1e3 / count)
        for _ in range(times):
            started = time.perf_counter()
            await estimates.of(code[0][0])
            found["estimate"].append((time.perf_counter() - started) * 1e3)
    for _ in range(times):
        store = Database(folder / "evolver.db")
        started = time.perf_counter()
        shape = Shape("kto", validation=0.1)
        await export_decisions(store, shape, Wanted(), BUILT_IN_TOOLS, ["a-secret-of-mine"], folder / "rows.jsonl")
        found["export"].append((time.perf_counter() - started) * 1e3 / count)
    return found


def _unlike(times: int) -> Iterator[float]:
    approved = ApprovedCode([program(f"node{number}") for number in range(_NODES)])
    assert approved.ordinary > 0
    draft = "".join(f"name_{line} = other_{line * 7}({line})\n" for line in range(_LINES))
    for _ in range(times):
        started = time.perf_counter()
        approved.unlike_lines(draft)
        yield (time.perf_counter() - started) * 1e3
