"""Makes the pictures in docs/pictures from the running app: `python docs/make_pictures.py [NAME ...]`.

Needs Chromium (`chromium` on the path) and the font Fira Code; for the workflows a nats-server as well.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.workflow.chat_request import read_request
from evolver_tui.core.workflow.chunk import FinishReason
from evolver_tui.core.workflow.subjects import request_subject
from evolver_tui.engine.workflow.answer_stream import AnswerStream, Route
from evolver_tui.engine.workflow.answering import AnswerEnd, SystemNote
from evolver_tui.engine.workflow.broker import Broker
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.screens.training.screen import Training
from evolver_tui.wiring import make_session
from evolver_tui.wiring.hub import Demo
from evolver_tui.wiring.workflow import make_broker, make_monitor
from tests.support.nats_server import NatsServer
from tests.support.training_runs import NOW, Trainings

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


class Pods:
    """Where answers go: the pods of each session."""

    def __init__(self, **of: Sequence[str]) -> None:
        self._of = of

    async def pods(self, session_id: str) -> Sequence[str]:
        """None for a session that is not known."""
        return self._of.get(session_id, ())


class Chats:
    """People who chat over NATS, and whoever answers them."""

    def __init__(self, broker: Broker) -> None:
        pods = Pods(
            sess_tutorial=["pod-1", "pod-2"], sess_9f3=["pod-1"], sess_refund=["pod-3"], sess_456=["pod-1", "pod-2"]
        )
        self._broker = broker
        self._route = Route(broker, pods, time.time)

    async def ask(
        self, session: str, number: int, user: str, words: str, model: str = "", attempt: int = 1
    ) -> AnswerStream:
        """Ask something; returns what it is answered by."""
        value = {
            "message_id": f"msg_8c41{number:04}", "session_id": session, "user_id": user, "message": words,
            "context": {"model": model, "tool_events": True}, "correlation_id": f"corr_5d{number:04}",
        }  # fmt: skip
        data = json.dumps(value).encode()
        await self._broker.publish(request_subject(session), data)
        await asyncio.sleep(0.2)
        return AnswerStream(self._route, read_request(data), attempt=attempt)

    async def say(self, stream: AnswerStream, *pieces: str) -> None:
        """Ten pieces a second."""
        for piece in pieces:
            await stream.say(piece)
            await asyncio.sleep(0.1)

    async def happen(self) -> None:
        """A chat of each standing; the last but one of them streams for three seconds and goes on."""
        whole = await self.ask("sess_tutorial", 1, "grace", "How does a queue group share work?", "gpt-4.1")
        await self.say(whole, "Each message goes to ", "one member of the group, ", "chosen by the server.")
        await whole.finish(AnswerEnd("gpt-4.1", 19, FinishReason.STOP))
        failed = await self.ask("sess_9f3", 2, "linus", "Which orders are late?", "gpt-4.1")
        await self.say(failed, "Let me look. ")
        await failed.fail("provider_error", "The provider answered 529: overloaded.", "gpt-4.1")
        asking = await self.ask("sess_refund", 3, "barbara", "Refund order 4711, please.", "support", attempt=2)
        await self.say(asking, "I found the order: it was paid by card. ")
        await asking.note(SystemNote("Shall 129.00 EUR be refunded?", {"event": "question"}))
        offline = await self.ask("sess_offline", 4, "edsger", "What can you do without a network?")
        await self.say(offline, "I received your message. ")
        await offline.cancelled()
        live = await self.ask("sess_456", 5, "ada", "What is the weather today, and do I need a coat?", "gpt-4.1")
        await live.note(SystemNote("Calls weather.", {"event": "tool_call", "arguments": {"city": "Ulm"}}))
        await live.note(
            SystemNote("weather answered.", {"event": "tool_result", "result": "14 degrees, rain until noon"})
        )
        waiting = asyncio.create_task(self.ask("sess_waiting", 6, "user1", "Hello, how are you?"))
        pieces = (
            "It rains |until noon, |then it clears. |Take a light coat: |it stays at |14 degrees.|\n\n|In the evening "
            "|it is dry, |and the sun |sets at 16:42. |Tomorrow |begins with fog |in the valley, |which the wind "
            "|takes away |before ten. |Whoever drives |over the hills |should start |after that."
        )
        await self.say(live, *pieces.split("|"))
        await waiting


async def workflows(name: str, folder: Path) -> None:
    """A picture of the workflows, over a NATS of its own."""
    with NatsServer() as server:
        environ = {"USER": "ada", "NATS_URL": server.url, "REDIS_PORT": "1"}
        place = find_workspace(str(folder), str(folder / "nodes"), None, environ)
        settings = DeskSettings(make_monitor=lambda: make_monitor(place))
        app = EvolverApp(lambda: make_session(place, pace=0.0), lambda: ([], None), settings)
        broker = make_broker(place, "pictures")
        await broker.open()
        async with app.run_test(size=(120, 36)) as pilot:
            while not getattr(app.screen, "is_armed", False):
                await pilot.pause(0.1)
            for key in ("escape", "3"):
                await pilot.press(key)
                await pilot.pause(1.0)
            await Chats(broker).happen()
            await pilot.press("k")
            await pilot.pause(0.3)
            svg = folder / f"{name}.svg"
            svg.write_text(app.export_screenshot(title="evolver-tui"))
            await app._screens["workflows"].detach()
            assert app.session is not None
            await app.session.close(finish_current=False)
        await broker.close()
    take(svg, PICTURES / f"{name}.png", folder)


async def training(name: str, folder: Path) -> None:
    """A picture of the training view, with a moment read off."""
    place = find_workspace(str(folder), str(folder / "nodes"), None, {"USER": "ada"})
    trainings = Trainings()
    trainings.morning()
    settings = DeskSettings(make_training=trainings.make, now=lambda: NOW)
    app = EvolverApp(lambda: make_session(place, pace=0.0), lambda: ([], None), settings)
    async with app.run_test(size=(120, 40)) as pilot:
        while not getattr(app.screen, "is_armed", False):
            await pilot.pause(0.1)
        for key in ("escape", "4"):
            await pilot.press(key)
            await pilot.pause(1.0)
        view = app.screen
        assert isinstance(view, Training)
        for key in ("s", "s", "tab", "left", *["shift+left"] * 5):
            await pilot.press(key)
            await pilot.pause(0.3)
        svg = folder / f"{name}.svg"
        svg.write_text(app.export_screenshot(title="evolver-tui"))
        await view.detach()
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
    for name, draw in (("workflows", workflows), ("training", training)):
        if not wanted or name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                await draw(name, Path(folder))
                print(PICTURES / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
