"""Notices and messages: a line each, never many at once, without secrets and without what steers a terminal."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.listeners.apprise_listener import AppriseMessages
from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.notice import Notices
from evolver_tui.adapters.listeners.pace import Pace
from evolver_tui.adapters.listeners.wording import filled, words_of
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.settings.listener_config import AppriseListener
from evolver_tui.signals import emit_signal
from evolver_tui.tui.terminal_notice import notice_sequence
from tests.support.hostile import HOSTILE
from tests.support.sessions import running, workspace_in
from tests.support.webhook_receiver import PATIENCE_SECONDS, Receiver, Reply

ASKED = Signal("review.requested", {"message": "A draft waits."}, {"task_id": "task-17", "level": "warning"})


class HandClock:
    """Time, and what is to be called, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.alarms: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, act: Callable[[], None]) -> HandClock:
        """Remember it."""
        self.alarms.append((self.now + seconds, act))
        return self

    def cancel(self) -> None:
        """It is called by nobody but the test."""

    def pace(self, show: Callable[[Signal, int], None]) -> Pace:
        """A pace of five seconds by this clock."""
        return Pace(show, 5.0, lambda: self.now, self.later)

    def move_on(self) -> None:
        """To the next that is to be called."""
        self.now, act = self.alarms.pop(0)
        act()


def heard(how: str, clock: HandClock) -> tuple[Notices, list[tuple[str, str]], list[Observation]]:
    """A listener, the lines that it shows and what it tells."""
    shown: list[tuple[str, str]] = []
    told: list[Observation] = []
    deliveries = Deliveries("note", told.append)
    notices = Notices(how, lambda how, text: shown.append((how, text)), deliveries, lambda: ["hunter2"], clock.pace)
    return notices, shown, told


# --- words and pace


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (ASKED, "review.requested, task-17: A draft waits."),
        (Signal("custom.ready"), "custom.ready"),
        (Signal("task.failed", {"error": "No.\nNever."}), "task.failed: No.␤Never."),
        (Signal("task.failed", {"error": 3, "reason": ""}), "task.failed"),
    ],
)
def test_a_signal_in_words(signal: Signal, words: str) -> None:
    assert words_of(signal) == words


def test_a_text_of_the_config_is_filled_in_one_pass() -> None:
    evil = Signal("custom.x", {}, {"task_id": "{text} {name.__class__}"})
    assert filled("{level} {task} {{}} {other} {", evil, "{task}!") == "info {text} {name.__class__} {{}} {other} {"
    assert filled("{name}: {text}", evil, "{task}!") == "custom.x: {task}!"


def test_what_comes_too_soon_is_counted_and_shown_once() -> None:
    clock = HandClock()
    notices, shown, _ = heard("osc9", clock)
    for number in range(14):
        notices(Signal("custom.step", {"message": f"number {number}"}))
    assert [text for _, text in shown] == ["custom.step: number 0"]
    clock.move_on()
    assert clock.now == 5.0
    assert shown[1:] == [("osc9", "custom.step: number 13 (and 12 more)")]
    notices(ASKED)
    assert len(shown) == 2
    clock.move_on()
    assert shown[2:] == [("osc9", "review.requested, task-17: A draft waits.")]
    clock.now += 6
    notices(ASKED)
    assert len(shown) == 4
    notices(ASKED)
    notices.close(0.0)
    assert len(shown) == 5, "what was held back is shown at the end"
    notices(ASKED)
    assert len(shown) == 5


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("how", ["bell", "osc9", "osc777"])
def test_a_notice_is_one_sequence_whatever_it_says(how: str, text: str) -> None:
    notices, shown, _ = heard(how, HandClock())
    notices(Signal("custom.x", {"message": text}))
    ((way, line),) = shown
    for environ in ({"TERM": "xterm-256color"}, {"TERM": "tmux-256color", "TMUX": "/tmp/x"}, {"TERM": "linux"}, {}):
        sequence = notice_sequence(way, line, environ)
        if sequence == "\a":
            continue
        inner = sequence
        if "TMUX" in environ:
            assert sequence.startswith("\x1bPtmux;")
            inner = sequence.removeprefix("\x1bPtmux;").removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b")
        body = inner.removeprefix("\x1b]9;evolver: ").removeprefix("\x1b]777;notify;evolver;").removesuffix("\x1b\\")
        assert safe_text(body) == body
        assert len(body) <= 260


def test_no_secret_is_shown() -> None:
    notices, shown, _ = heard("osc9", HandClock())
    notices(Signal("custom.x", {"message": "the word is hunter2, sk-abcdefgh12345678ijklmn"}))
    assert "hunter2" not in shown[0][1]
    assert "sk-abc" not in shown[0][1]


# --- the desktop


def a_program(folder: Path, body: str) -> None:
    folder.mkdir()
    (folder / "notify-send").write_text(f"#!{sys.executable}\n{body}")
    (folder / "notify-send").chmod(stat.S_IRWXU)


def test_a_desktop_notice_is_an_argument_and_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path / "bin", "import json, os, sys\njson.dump(sys.argv[1:], open(os.environ['SEEN'], 'w'))\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    notices, shown, told = heard("desktop", HandClock())
    notices(Signal("custom.x", {"message": "--hint=x; $(touch /tmp/evil) <b>bold</b>\n"}, {"level": "error"}))
    assert json.loads((tmp_path / "seen").read_text()) == [
        "--app-name=evolver-tui", "--urgency=critical", "--", "evolver",
        "custom.x: --hint=x; $(touch /tmp/evil) &lt;b&gt;bold&lt;/b&gt;␤",
    ]  # fmt: skip
    assert shown == []
    assert told == []


def test_a_machine_without_a_desktop_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    notices, _, told = heard("desktop", HandClock())
    notices(ASKED)
    notices(ASKED)
    (stopped,) = told
    assert stopped.name == "listener.stopped"
    assert "There is no notify-send here." in stopped.payload["reason"]


def test_a_desktop_that_fails_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path / "bin", "import sys\nsys.exit('no bus')\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    notices, _, told = heard("desktop", HandClock())
    notices(ASKED)
    assert [(each.name, each.payload["signals"]) for each in told] == [("listener.undelivered", 1)]


# --- Apprise


class Messages:
    """A listener that sends by Apprise, and what it tells."""

    def __init__(self, urls: str | None, **config: Any) -> None:
        self.told: list[Observation] = []
        self.clock = HandClock()
        settings = AppriseListener(urls_env="URLS", **config)
        environ = {} if urls is None else {"URLS": urls}
        self.listener = AppriseMessages(
            settings, environ.get, Deliveries("mail", self.told.append), lambda: ["hunter2"], self.clock.pace
        )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(None) as running_one:
        yield running_one


def as_json_url(receiver: Receiver) -> str:
    return receiver.url.replace("http://", "json://")


def test_apprise_delivers_over_a_real_socket(receiver: Receiver) -> None:
    messages = Messages(f"{as_json_url(receiver)} {as_json_url(receiver)}", title="{level}: {name}")
    messages.listener(Signal("task.failed", {"error": "hunter2 <b> is wrong."}, {"task_id": "t", "level": "error"}))
    deliveries = receiver.wait_for(2)
    assert [(each.event["title"], each.event["message"], each.event["type"]) for each in deliveries] == [
        ("error: task.failed", "task.failed, t: ••• <b> is wrong.", "failure")
    ] * 2
    for _ in range(5):
        messages.listener(ASKED)
    messages.clock.move_on()
    assert receiver.wait_for(4)[-1].event["message"] == "review.requested, task-17: A draft waits. (and 4 more)"
    messages.listener.close(1.0)
    assert messages.told == []


def test_a_service_that_refuses_is_told_of_without_its_address(
    receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.then(Reply(500))
    messages = Messages(as_json_url(receiver) + "/hunter2")
    messages.listener(ASKED)
    (told,) = messages.told
    assert told.payload == {
        "listener": "mail", "reason": "one of its services does not take it", "signals": 1, "lost": 1,
    }  # fmt: skip
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("urls", "reason"),
    [(None, "There is no secret URLS."), ("json://localhost hunter2://x", "Apprise does not know address 2 in URLS.")],
)
def test_addresses_that_cannot_be_used_stop_it(urls: str | None, reason: str) -> None:
    messages = Messages(urls)
    messages.listener(ASKED)
    messages.listener(ASKED)
    (told,) = messages.told
    assert told.name == "listener.stopped"
    assert str(told.payload["reason"]).startswith(reason)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    messages = Messages("json://localhost")
    messages.listener(ASKED)
    assert "pip install 'evolver-tui[notify]'" in messages.told[0].payload["reason"]


def test_a_frozen_service_holds_no_end_up(receiver: Receiver) -> None:
    may_end = threading.Event()
    receiver.then(Reply(before=lambda receiver: may_end.wait(PATIENCE_SECONDS)))
    messages = Messages(as_json_url(receiver))
    sending = threading.Thread(target=messages.listener, args=(ASKED,))
    sending.start()
    receiver.wait_for(1)
    messages.listener(ASKED)
    messages.listener.close(0.0)
    may_end.set()
    sending.join()
    assert len(receiver.deliveries) == 1


# --- with a session


@pytest.mark.anyio
async def test_whoever_shows_a_session_is_given_its_notices(tmp_path: Path) -> None:
    config = '[listeners.note]\nkind = "notice"\nhow = "osc777"\nsignals = "custom.*"\nevery_seconds = 0\n'
    async with running(workspace_in(tmp_path, config)) as (session, _):
        shown: list[tuple[str, str]] = []
        emit_signal("custom.early", {"message": "Look."})
        emit_signal("custom.ready", {"message": "Look."})
        note = session.listeners._by_name["note"].listener
        await asyncio.to_thread(session.bus.registry.finish, note, PATIENCE_SECONDS)
        session.show_notices(lambda how, text: shown.append((how, text)))
        emit_signal("custom.late", {"message": "Look."})
    assert shown == [("osc777", f"custom.{when}: Look.") for when in ("early", "ready", "late")]
