"""The workflows: chats as they stream, what became of them, what was put aside, and what is done about them by key."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import nats
import pytest

from evolver_tui.core.errors import BrokerError, UsageError
from evolver_tui.core.workflow.chunk import Chunk, ChunkError, ChunkType
from evolver_tui.core.workflow.standing import MOST_MESSAGES
from evolver_tui.core.workflow.subjects import cancel_subject
from evolver_tui.engine.workflow.broker import ParkedRequest
from evolver_tui.tui.modals import ConfirmModal, HelpModal
from evolver_tui.tui.screens.workflows.panes.chat_table import SECONDS_TO_READ_THE_END
from evolver_tui.tui.screens.workflows.screen import Workflows
from evolver_tui.wiring.workflow import make_monitor
from tests.support.desk_fixtures import SMALL, WIDE, Console, console
from tests.support.hostile import HOSTILE, assert_harmless, assert_only_words
from tests.support.nats_server import NatsServer
from tests.support.sessions import workspace_in
from tests.support.workflow_broker import Chats

pytestmark = pytest.mark.anyio


def parked(number: int, message: str = "Sum it up.", reason: str = "It was handed out 5 times.") -> ParkedRequest:
    data = json.dumps({"session_id": f"s{number}", "user_id": "grace", "message": message}).encode()
    return ParkedRequest(number, f"chat.workflow.execute.s{number}", data, reason, 5, 1_767_268_700.0)


class View:
    """The view in front, and the chats that it watches."""

    def __init__(self, desk: Console, chats: Chats) -> None:
        self.desk = desk
        self.chats = chats

    @property
    def screen(self) -> Workflows:
        screen = self.desk.app._screens["workflows"]
        assert isinstance(screen, Workflows)
        return screen

    async def drawn(self) -> str:
        """What stands on the screen, with all that was told so far."""
        self.screen.draw()
        await self.desk.pilot.pause()
        return self.desk.text()

    async def rows(self) -> list[str]:
        """The rows of the table in front."""
        await self.drawn()
        pane = self.screen.parked if self.screen.shows_parked else self.screen.chats
        lines = [pane.render_line(y).text.strip() for y in range(1, pane.list_height)]
        return [line for line in lines if line]

    @property
    def selected(self) -> str:
        """The message under the cursor."""
        message = self.screen.chats.selected
        return message.message_id if message is not None else ""


@asynccontextmanager
async def workflows(
    folder: Path, *requests: ParkedRequest, size: tuple[int, int] = WIDE, chats: Chats | None = None, **settings: Any
) -> AsyncIterator[View]:
    chats = chats or Chats(*requests)
    settings = {"make_monitor": chats.make_monitor, "now": chats.time.now, **settings}
    async with console(folder, size=size, **settings) as desk:
        assert "workflows" not in desk.app._screens
        await desk.press("3")
        await desk.until(lambda: isinstance(desk.app.screen, Workflows), "the view")
        view = View(desk, chats)
        if settings["make_monitor"] == chats.make_monitor and chats.broker.refuses is None:
            await desk.until(lambda: view.screen.context.open_monitor is not None, "the monitor")
            await desk.until(lambda: len(view.screen.context.monitor.parked) == len(requests), "what is parked")
        yield view


async def test_a_chat_streams_and_all_that_is_known_of_it_stands_beside(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        chats = view.chats
        chats.ask("sess_1", "msg_1", "What is the weather?", ai_provider="openai", model="gpt-4.1")
        assert any("What is the weather?" in row for row in await view.rows())
        assert "waits for its first chunk" in view.desk.text()
        chats.time.seconds += 0.4
        call: dict[str, Any] = {"event": "tool_call", "arguments": {"city": "Ulm"}}
        chats.say("sess_1", "msg_1", "Calls weather.", kind=ChunkType.SYSTEM, **call)
        chats.say("sess_1", "msg_1", "It rains ", pods=("pod-1", "pod-2"))
        text = await view.drawn()
        assert "is streaming" in text
        assert "It rains" in text
        assert 'Calls weather. {"city": "Ulm"}' in text
        chats.say("sess_1", "msg_1", "all day.", final=True, model="gpt-4.1", tokens_used=7, finish_reason="stop")
        text = await view.drawn()
        for words in (
            "It rains all day.", "is complete", "sess_1", "msg_1", "corr_msg_1", "openai/gpt-4.1", "after 0.4s",
            "pod-1, pod-2", "tokens   7", "stop", "1 complete", "● NATS",
        ):  # fmt: skip
            assert words in text, words


async def test_how_each_stands_can_be_told_without_colour(tmp_path: Path) -> None:
    async with workflows(tmp_path, plain=True) as view:
        chats = view.chats
        for message in ("complete", "failed", "cancelled", "asking", "streaming", "waiting"):
            chats.ask(f"s-{message}", message, "Hello?")
        chats.say("s-complete", "complete", "x", final=True)
        for message, code in (("failed", "provider_error"), ("cancelled", "cancelled")):
            error = ChunkError(code, "Because of that.")
            chats.say(f"s-{message}", message, kind=ChunkType.ERROR, error=error, final=True)
        chats.say("s-asking", "asking", "Which one?", kind=ChunkType.SYSTEM, event="question")
        chats.say("s-streaming", "streaming", "Well, ")
        assert [row[0] for row in await view.rows()] == ["+", "x", "/", "?", ">", "o"]
        text = await view.drawn()
        assert "? 1 asking" in text
        assert "x 1 failed" in text
        assert "3 live" in text
        assert "Because of that." in text
        chats.time.seconds += 31
        assert [row[0] for row in await view.rows()] == ["+", "x", "/", "?", "!", "!"]
        assert "! 2 silent" in view.desk.text()


async def test_the_row_under_the_cursor_stays_on_its_line_while_others_come(tmp_path: Path) -> None:
    async with workflows(tmp_path, size=SMALL) as view:
        for number in range(30):
            view.chats.ask(f"s{number}", f"m{number}", "Hello?")
        await view.drawn()
        await view.desk.press("G", "k", "k")
        line = view.screen.chats._cursor - view.screen.chats._top
        for number in range(30, MOST_MESSAGES + 15):  # and the oldest go
            view.chats.ask(f"s{number}", f"m{number}", "Hello?")
            if number % 100 == 0:
                await view.drawn()
        await view.drawn()
        assert view.selected == "m27"
        assert view.screen.chats._cursor - view.screen.chats._top == line
        for number in range(MOST_MESSAGES + 15, 2 * MOST_MESSAGES + 15):  # and all the others
            view.chats.ask(f"s{number}", f"m{number}", "Hello?")
        await view.drawn()
        assert view.selected == "m27"
        assert len(view.screen.chats.rows) == MOST_MESSAGES
        assert "below" in view.desk.text()


async def test_it_follows_the_newest_once_the_answer_under_the_cursor_has_ended(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        chats = view.chats
        chats.ask("s1", "m1", "One?")
        await view.drawn()
        chats.ask("s2", "m2", "Two?")
        chats.say("s1", "m1", "Well. ")
        await view.drawn()
        assert view.selected == "m1"
        chats.say("s1", "m1", "", final=True)
        await view.drawn()
        assert view.selected == "m1"
        chats.time.seconds += SECONDS_TO_READ_THE_END
        await view.drawn()
        assert view.selected == "m2"
        assert "following" in view.desk.text()
        await view.desk.press("k")
        chats.ask("s3", "m3", "Three?")
        chats.time.seconds += 99
        await view.drawn()
        assert view.selected == "m1"
        await view.desk.press("f")
        assert view.selected == "m3"


async def test_an_answer_is_followed_to_its_end_until_a_person_scrolls_up(tmp_path: Path) -> None:
    async with workflows(tmp_path, size=SMALL) as view:
        view.chats.ask("s", "m", "Count.")
        for number in range(100):
            view.chats.say("s", "m", f"line {number}\n")
        assert "line 99" in await view.drawn()
        await view.desk.press("tab", "pageup", "k")
        above = view.desk.text_of(view.screen.answer)
        for number in range(100, 200):
            view.chats.say("s", "m", f"line {number}\n")
        await view.drawn()
        assert view.desk.text_of(view.screen.answer).splitlines()[1:-1] == above.splitlines()[1:-1]
        await view.desk.press("G")
        view.chats.say("s", "m", "the end")
        assert "the end" in await view.drawn()


async def test_answers_are_called_off_once_a_person_agreed(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        desk, chats = view.desk, view.chats
        for message in ("m1", "m2"):
            chats.ask("s1", message, "Hello?")
        await view.drawn()
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        assert "1 other answer of this session is being written" in " ".join(desk.text().replace("│", " ").split())
        await desk.press("n")
        await desk.until(lambda: isinstance(desk.app.screen, Workflows), "the view")
        assert chats.broker.published == []
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: chats.broker.published, "a cancel")
        assert [subject for subject, _ in chats.broker.published] == [cancel_subject("s1")]
        assert "is being cancelled" in await view.drawn()
        for message in ("m1", "m2"):
            chats.say("s1", message, kind=ChunkType.ERROR, final=True, error=ChunkError("cancelled", "Called off."))
        await view.drawn()
        await desk.decide("D")
        assert desk.notices[-1] == "Its answer has ended."


async def test_an_answer_that_ended_while_a_person_was_asked_is_not_called_off(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        desk, chats = view.desk, view.chats
        chats.ask("s1", "m1", "Hello?")
        await view.drawn()
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        chats.say("s1", "m1", "Done.", final=True)
        await desk.decide("y")
        await desk.until(lambda: "Its answer has ended meanwhile." in desk.notices, "a notice")
        assert chats.broker.published == []


async def test_a_message_is_asked_again_under_an_id_of_its_own(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        desk, chats = view.desk, view.chats
        chats.ask("s1", "m1", "Hello?", temperature=0.5)
        await view.drawn()
        await desk.decide("y")
        assert desk.notices[-1] == "It is being answered: cancel it first."
        chats.say("s1", "m1", kind=ChunkType.ERROR, final=True, error=ChunkError("provider_error", "Overloaded."))
        await view.drawn()
        await desk.decide("y")
        await desk.until(lambda: chats.broker.published, "a request")
        ((subject, data),) = chats.broker.published
        request = json.loads(data)
        assert subject == "chat.workflow.execute.s1"
        assert (request["message"], request["context"], request["user_id"]) == ("Hello?", {"temperature": 0.5}, "ada")
        assert request["message_id"] not in ("", "m1")
        assert request["correlation_id"] not in ("", "corr_m1")
        await desk.until(lambda: f"Asked again, as {request['message_id']}." in desk.notices, "a notice")
        assert len(await view.rows()) == 2
        assert view.selected == "m1"
        chats.broker.takes = False
        await desk.decide("y")
        await desk.until(lambda: "nobody has said so far that it is taken" in desk.notices[-1], "a warning")


async def test_a_conversation_is_read_in_order_and_goes_on(tmp_path: Path) -> None:
    async with workflows(tmp_path, size=SMALL) as view:
        desk, chats = view.desk, view.chats
        for number, words in enumerate(("Who are you?", "Since when?")):
            chats.ask("s1", f"m{number}", words)
            chats.say("s1", f"m{number}", f"Answer {number}. ")
        chats.ask("other", "m9", "Something else")
        await view.drawn()
        await desk.press("enter")
        text = await view.drawn()
        assert "Something else" not in text
        places = [text.index(words) for words in ("Who are you?", "Answer 0.", "Since when?", "Answer 1.")]
        assert places == sorted(places)
        chats.say("s1", "m1", "Goes on.")
        assert "Answer 1. Goes on." in await view.drawn()
        await desk.press("escape")
        assert "Something else" in await view.drawn()


async def test_what_was_put_aside_is_asked_again_or_dropped(tmp_path: Path) -> None:
    async with workflows(tmp_path, parked(7), parked(9, reason="No instance came back.")) as view:
        desk, kept = view.desk, view.chats.parked
        assert "2 parked" in await view.drawn()
        await desk.press("p")
        assert [row.split()[1] for row in await view.rows()] == ["7", "9"]
        assert "It was handed out 5 times." in desk.text()
        await desk.press("j")
        assert "No instance came back." in await view.drawn()
        await desk.decide("D")
        await desk.until_open(ConfirmModal)
        await desk.decide("y")
        await desk.until(lambda: [each.number for each in kept.requests] == [7], "it is dropped")
        await desk.until(lambda: len(view.screen.context.monitor.parked) == 1, "it was looked again")
        await view.drawn()
        await desk.decide("y")
        await desk.until(lambda: kept.retried == [7], "it is asked again")
        await desk.until(lambda: not view.screen.context.monitor.parked, "nothing is parked")
        assert "nothing is parked" in await view.drawn()
        await desk.press("escape")
        assert "Chats" in desk.text()


async def test_parked_requests_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        view.chats.parked.problem = BrokerError("JetStream is not enabled.", "Start nats-server with -js.")
        await view.desk.press("p")
        await view.desk.until(lambda: view.screen.context.monitor.parked_problem, "a look")
        assert "JetStream is not enabled. Start nats-server with -js." in await view.drawn()


async def test_the_filter_finds_by_what_is_seen(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        view.chats.ask("s1", "m1", "Which orders are late?")
        view.chats.ask("s2", "m2", "Something else", user="linus")
        await view.drawn()
        await view.desk.press("slash", *"linus", "enter")
        assert ["Something else" in row for row in await view.rows()] == [True]
        view.chats.ask("s3", "m3", "One more", user="linus")
        assert len(await view.rows()) == 2
        await view.desk.press("escape")
        assert len(await view.rows()) == 3


async def test_the_answer_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TMUX", "STY", "TERM_PROGRAM", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    async with workflows(tmp_path) as view:
        view.chats.ask("s1", "m1", "Hello?")
        view.chats.say("s1", "m1", "Good day.")
        await view.drawn()
        sent: list[str] = []
        assert view.desk.app._driver is not None
        monkeypatch.setattr(view.desk.app._driver, "write", sent.append)
        await view.desk.press("Y")
        await view.desk.until(lambda: any("copied to the terminal's clipboard" in each for each in view.desk.notices))
        copied = re.search(r"\x1b]52;c;([^\x07]+)", "".join(sent))
        assert copied is not None
        assert base64.b64decode(copied[1]).decode() == "ada  Hello?\n\nGood day."


# --- where there is nothing to see


async def test_a_quiet_broker_says_how_to_ask(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        text = " ".join((await view.drawn()).replace("│", " ").split())
        assert "Connected to nats://localhost:4222, and quiet." in text
        assert "curl -X POST http://127.0.0.1:8080/api/chat" in text
        assert "evolver-tui workflow demo" in text


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_a_broker_that_is_away_says_why_and_what_to_set(tmp_path: Path, size: tuple[int, int]) -> None:
    async with workflows(tmp_path, size=size) as view:
        view.chats.broker.stand(False, "Nobody listens at 127.0.0.1:4222.")
        text = await view.drawn()
        for words in ("○ NATS away", "Nobody listens at 127.0.0.1:4222.", "NATS_URL=", "evolver-tui workflow demo"):
            assert words in text
        view.chats.broker.stand(True)
        await view.drawn()
        assert "NATS is there again." in view.desk.notices
        view.chats.ask("s1", "m1", "Hello?")
        view.chats.broker.stand(False, "Lost.")
        await view.drawn()
        await view.desk.decide("D")
        assert view.desk.notices[-1] == "NATS is away."


async def test_a_package_that_is_not_installed_is_named_and_it_is_tried_again_by_a_key(tmp_path: Path) -> None:
    chats = Chats()
    lacks = [UsageError("Chats over NATS and Redis need nats.", "pip install 'evolver-tui[nats]'")]

    def make() -> Any:
        if lacks:
            raise lacks[0]
        return chats.make_monitor()

    async with workflows(tmp_path, chats=chats, make_monitor=make) as view:
        await view.desk.until(lambda: "pip install 'evolver-tui[nats]'" in view.desk.text(), "the command")
        await view.desk.press("enter")
        lacks.clear()
        await view.desk.press("C")
        await view.desk.until(lambda: "and quiet" in view.desk.text(), "a connection")


async def test_a_broker_that_refuses_says_so(tmp_path: Path) -> None:
    chats = Chats()
    chats.broker.refuses = BrokerError("NATS refuses who asks.", "See nats_user in [workflow].")
    async with workflows(tmp_path, chats=chats) as view:
        await view.desk.until(lambda: "NATS refuses who asks. See nats_user in [workflow]." in view.desk.text())
        assert chats.broker.is_closed


async def test_a_demo_watches_nothing(tmp_path: Path) -> None:
    async with workflows(tmp_path, make_monitor=None) as view:
        assert "the demo watches no NATS" in await view.drawn()
        for key in ("j", "p", "f", "enter", "escape"):
            await view.desk.press(key)
        await view.desk.decide("D")
        assert_harmless(view.desk.text())


async def test_every_key_has_its_place_in_the_help(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        await view.desk.press("question_mark")
        await view.desk.until_open(HelpModal)
        for words in ("Cancel what is being answered", "Ask again, with", "put aside"):
            assert words in view.desk.text()


# --- opening and closing


async def test_it_lets_go_with_the_console_and_hears_on_behind_other_views(tmp_path: Path) -> None:
    async with workflows(tmp_path) as view:
        await view.desk.press("1")
        view.chats.ask("s1", "m1", "Asked meanwhile")
        await view.desk.press("3")
        await view.desk.until(lambda: "Asked meanwhile" in view.desk.text(), "what came meanwhile")
        assert not view.chats.broker.is_closed
        await view.desk.app.action_quit()
        await view.desk.until(lambda: view.desk.app.return_value is not None, "its end")
        assert view.chats.broker.is_closed


# --- much, and hostile


async def test_thousands_of_chunks_a_second_leave_the_keys_alone(tmp_path: Path) -> None:
    """The chunks of two seconds come as fast as they go; what is drawn of them is a few frames."""
    async with workflows(tmp_path) as view:
        screen, broker = view.screen, view.chats.broker
        view.chats.ask("s", "m", "Hello?")
        await view.drawn()
        drawn = 0
        line = type(screen.answer).tick

        def count(pane: Any) -> None:
            nonlocal drawn
            drawn += 1
            line(pane)

        screen.answer.tick = partial(count, screen.answer)  # type: ignore[method-assign]
        began = time.monotonic()
        for start in range(0, 10_000, 100):
            for number in range(start, start + 100):
                broker.tell("chat.pod.p.response", Chunk("s", "m", number, f"w{number} ", "").to_bytes())
            await asyncio.sleep(0)
        seconds = time.monotonic() - began
        before = drawn
        await view.desk.press("tab")
        assert view.screen.pane_in_focus == "answer"
        assert before <= 2 * (1 + seconds * 8)
        assert "w9999" in await view.drawn()


async def test_no_stranger_reaches_the_terminal(tmp_path: Path) -> None:
    requests = [parked(number, text, text) for number, text in enumerate(HOSTILE.values(), 1)]
    async with workflows(tmp_path, *requests, size=(160, 60)) as view:
        desk, chats, monitor = view.desk, view.chats, view.screen.context.monitor
        for number, text in enumerate(HOSTILE.values()):
            session, message = f"s{number}", f"m{number}"
            chats.ask(session, message, text if text.strip() else "-", user=text or "-")
            with contextlib.suppress(UnicodeError):
                pod = Chunk(session, message, 0, text, text, text, metadata={"event": text, "model": text}).to_bytes()
                monitor.chats.hear_chunk(f"chat.pod.{text}.response", pod, chats.time.now())
            told = {"event": text, "result": text}
            note = Chunk(session, message, 1, text, "", chunk_type=ChunkType.SYSTEM, metadata=told)
            end = {"model": text, "finish_reason": text, "tokens_used": text}
            last = Chunk(session, message, 2, text, "", metadata=end, is_final=True, error=ChunkError(text, text))
            for chunk in (note, last):
                monitor.chats.hear_chunk("chat.pod.p.response", chunk.to_bytes(), chats.time.now())
            own = Chunk(text[:200], text[:200], 0, text, "").to_bytes()
            monitor.chats.hear_chunk("chat.session.x.broadcast", own, chats.time.now())
        await view.drawn()
        await desk.press("g")
        for _ in range(2 * len(HOSTILE)):
            await desk.press("j")
            await view.drawn()
            assert_only_words(desk.app)
        for _ in range(3):
            await desk.press("k", "enter")
            await view.drawn()
            assert_only_words(desk.app)
            await desk.press("escape")
        await desk.press("p")
        for _ in range(len(HOSTILE)):
            await desk.press("j")
            await view.drawn()
            assert_only_words(desk.app)
        chats.broker.stand(False, "".join(HOSTILE.values()))
        await desk.press("escape")
        await view.drawn()
        assert_only_words(desk.app)
        assert desk.app.is_running


# --- a real broker


async def test_what_passes_over_a_real_nats_stands_there_and_is_called_off(tmp_path: Path) -> None:
    with NatsServer() as server:
        place = workspace_in(tmp_path, environ={"NATS_URL": server.url, "REDIS_PORT": "1"})
        async with console(tmp_path, make_monitor=lambda: make_monitor(place)) as desk:
            connection = await nats.connect(server.url)
            cancels = await connection.subscribe("chat.workflow.cancel.*")
            await connection.flush()
            await desk.press("3")
            await desk.until(lambda: "and quiet" in desk.text(), "a connection")
            request = {"session_id": "s1", "message_id": "m1", "user_id": "ada", "message": "What is new?"}
            await connection.publish("chat.workflow.execute.s1", json.dumps(request).encode())
            for number, words in enumerate(("Nothing ", "much.")):
                chunk = Chunk("s1", "m1", number, words, "2026-01-01T12:00:00Z")
                for pod in ("pod-1", "pod-2"):
                    await connection.publish(f"chat.pod.{pod}.response", chunk.to_bytes())
            await desk.until(lambda: "Nothing much." in desk.text() and "What is new?" in desk.text(), "the answer")
            await desk.until(lambda: "pod-1, pod-2" in desk.text(), "both pods")
            await desk.decide("D")
            await desk.until_open(ConfirmModal)
            await desk.decide("y")
            assert (await cancels.next_msg(20)).subject == "chat.workflow.cancel.s1"
            server.stop()
            await desk.until(lambda: "NATS away" in desk.text(), "the outage")
            await connection.close()
