"""Makes the pictures in docs/pictures from the running app: `python docs/make_pictures.py [NAME ...]`.

Needs Chromium (`chromium` on the path) and the font Fira Code.
"""

from __future__ import annotations

import asyncio
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.wiring import make_session
from evolver_tui.wiring.hub import Demo

PICTURES = Path(__file__).with_name("pictures")
NEEDING = 11
"""Of the twelve sample tasks one is completed already; all others end at a review or a question."""
ASKING = ["j"] * 3
"""From the top of the queue to the first task that asks."""


async def picture(name: str, theme: str, size: tuple[int, int], keys: Sequence[str], folder: Path) -> None:
    """One picture of the demo, after its hub has sent everything and these keys were pressed."""
    place = find_workspace(str(folder), str(folder / "nodes"), None, {"USER": "ada"}, is_demo=True)
    demo = Demo(place, is_alone=True, tasks_a_second=20)
    settings = DeskSettings(theme=theme, starts_with_sample=True, sample_hub=demo.start)
    app = EvolverApp(lambda: make_session(place, pace=0.0), lambda: ([], None), settings)
    async with app.run_test(size=size) as pilot:
        while (counts := app.desk.queue.counts) is None or counts.needs_you < NEEDING:
            await pilot.pause(0.1)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.6)
        svg = folder / f"{name}.svg"
        svg.write_text(app.export_screenshot(title="evolver-tui"))
        assert app.session is not None
        await app.session.close(finish_current=False)
    take(svg, PICTURES / f"{name}.png", folder)


def take(svg: Path, png: Path, folder: Path) -> None:
    """Draw an SVG file with Chromium, as large as it says it is."""
    found = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', svg.read_text())
    assert found is not None, "Textual's pictures name their size"
    width, height = (math.ceil(float(number)) for number in found.groups())
    page = folder / "page.html"
    style = "html, body { margin: 0; background: transparent } svg { display: block }"
    page.write_text(f'<!doctype html><meta charset="utf-8"><style>{style}</style>{svg.read_text()}')
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
    subprocess.run(
        ["chromium", *options, f"--user-data-dir={folder / 'browser'}", "--default-background-color=00000000",
         f"--window-size={width},{height}", f"--screenshot={png}", page.as_uri()],
        check=True, capture_output=True,
    )  # fmt: skip


async def past_sessions(folder: Path) -> None:
    """Sessions of other days: each decides about some drafts of its tasks."""
    place = find_workspace(str(folder), str(folder / "nodes"), None, {"USER": "ada"}, is_demo=True)
    for number, rejects in enumerate((1, 0, 2, 0)):
        session = make_session(place, pace=0.0)
        await session.open()
        kinds = ("summarize", "translate", "generate")
        tasks = [
            {"id": f"{number}-{n}", "taskName": f"Task {n}", "llmTaskType": kinds[n % 3]} for n in range(4 + number)
        ]
        await asyncio.to_thread(session.hub.message, [{"tasks": tasks}])
        await session.workers.drained()
        for index, question in enumerate(await session.store.open_questions()):
            if not isinstance(question.subject, ReviewSubject):
                continue
            approve = Decision(
                DecisionKind.APPROVE, sha256=question.subject.draft.sha256, replaces=question.subject.replaced_sha256
            )
            await session.inbox.decide(question.id, Decision(DecisionKind.REJECT) if index < rejects else approve)
        await session.workers.drained()
        await session.close(finish_current=False)


async def main(wanted: Sequence[str]) -> None:
    """Every picture of README and docs, or those that are named."""
    PICTURES.mkdir(exist_ok=True)
    for name, theme, size, keys in (
        ("desk-dark", "evolver-dark", (120, 40), ["g", "enter", "a"]),
        ("desk-light", "evolver-light", (120, 40), ["g", "enter", "a"]),
        ("desk-narrow", "evolver-dark", (80, 24), ["g", "enter", "a"]),
        ("question", "evolver-dark", (120, 40), ["g", *ASKING, "enter", "enter"]),
        ("inbox", "evolver-dark", (120, 40), ["g", "i", *ASKING]),
        ("history", "evolver-dark", (120, 24), ["2", "j", "c", "j"]),
    ):
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if name == "history":
                await past_sessions(Path(folder))
            await picture(name, theme, size, keys, Path(folder))
            print(PICTURES / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
