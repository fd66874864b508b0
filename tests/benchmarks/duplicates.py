"""What it costs to know of a draft which of thousands of nodes it is like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.node import CheckReport, NodeDraft, Risk
from evolver_tui.core.program_shape import shape_of
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.duplicates import AlikeNodes
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import temporary_folder
from tests.support.drafts import NODE

_REPORT = CheckReport((), (), (), Risk.LOW)


def duplicates(is_quick: bool) -> Iterator[Row]:
    """Looks drafts up among nodes of one pattern, which share most of what they are found by."""
    count, times = (500, 10) if is_quick else (5_000, 30)
    with temporary_folder() as folder:
        library = NodeFiles(folder / "nodes", time.time)
        for number in range(count):
            approval = Approval("ada", "2026-01-01T00:00:00.000Z", f"task-{number}", "translate")
            library.save(_draft(number), _REPORT, approval)
        library.catch_up()
        yield from asyncio.run(_measure(library, count, times))


def _draft(number: int) -> NodeDraft:
    """Another node of the same pattern: a third of its lines is its own."""
    own = "".join(f"    value_{line} = input_data.get('field_{number}_{line}', {line})\n" for line in range(8))
    code = NODE.replace("    translations = {}\n", f"    translations = {{}}\n{own}")
    return NodeDraft(f"node_{number}", "Node", code, (), "simple", "offline")


async def _measure(library: NodeFiles, count: int, times: int) -> list[Row]:
    nodes = AlikeNodes(library)
    started = time.perf_counter()
    await nodes.like(_draft(0))
    cold = time.perf_counter() - started
    warm = []
    for number in range(times):
        draft = _draft(number * 7 % count)
        shape_of.cache_clear()
        started = time.perf_counter()
        found = await nodes.like(draft)
        warm.append((time.perf_counter() - started) * 1e3)
        assert found
        assert found[0].sha256 == draft.sha256
    return [
        told(f"a draft among {count:,} nodes that nobody read yet, in a thread: seconds", [cold], " s"),
        at_most("... once they were read", warm, 10.0, " ms"),
    ]
