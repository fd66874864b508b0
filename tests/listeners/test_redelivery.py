"""`evolver-tui signals redeliver`: what was put aside is sent again, under its id, and taken away when it came."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.adapters.listeners import redelivery
from evolver_tui.adapters.listeners.dead_letters import DeadLetters
from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint
from evolver_tui.adapters.listeners.webhook_message import Message
from evolver_tui.cli.main import main
from evolver_tui.core.address import Address
from evolver_tui.settings.listener_config import WebhookListener
from tests.support.processes import REPOSITORY
from tests.support.webhook_receiver import PATIENCE_SECONDS, SECRET, Receiver, Reply


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("OPS_SECRET", SECRET)
    with Receiver() as running:
        yield running


def message(number: int) -> Message:
    return Message(f"msg_{number}", 1000.0 + number, f'{{"name": "custom.step", "payload": {{"n": {number}}}}}')


def place(home: Path, url: str, count: int = 3, more: str = "") -> DeadLetters:
    """A workspace with a webhook that could not deliver so many signals."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text(
        f'[listeners.ops]\nkind = "webhook"\nurl = "{url}"\nsecret_env = "OPS_SECRET"\ntimeout_seconds = 0.5\n{more}'
    )
    letters = DeadLetters(home / "data" / "undelivered" / "ops.jsonl", 10**6)
    for number in range(count):
        assert letters.append(message(number), "no connection")
    return letters


def ids(letters: DeadLetters) -> list[str | None]:
    return [each.id if each else None for each in letters.read()]


def redeliver(home: Path, *arguments: str) -> int:
    return main(["signals", "redeliver", *arguments, "--home", str(home)])


def test_what_was_put_aside_is_sent_again_and_is_gone(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = place(tmp_path, receiver.url)
    assert redeliver(tmp_path) == 0
    assert capsys.readouterr().out == "ops: 3 delivered, 0 remain.\n"
    assert [(each.id, each.event["payload"]) for each in receiver.deliveries] == [
        (f"msg_{n}", {"n": n}) for n in range(3)
    ]
    assert ids(letters) == []
    assert redeliver(tmp_path, "ops") == 0
    assert capsys.readouterr().out == "ops: nothing waits to be delivered.\n"


def test_what_is_refused_stays_and_the_rest_goes(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = place(tmp_path, receiver.url)
    receiver.then(Reply(), Reply(422), Reply())
    assert redeliver(tmp_path, "--json") == 1
    assert json.loads(capsys.readouterr().out) == [
        {"listener": "ops", "delivered": 2, "remaining": 1, "unreadable": 0, "reason": "answered 422"}
    ]
    assert ids(letters) == ["msg_1"]


def test_an_endpoint_that_is_away_is_asked_once(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = place(tmp_path, receiver.url)
    receiver.then(Reply(503))
    assert redeliver(tmp_path) == 1
    assert capsys.readouterr().out == "ops: 0 delivered, 3 remain (answered 503).\n"
    assert len(receiver.deliveries) == 1
    assert ids(letters) == ["msg_0", "msg_1", "msg_2"]


def test_an_endpoint_that_wants_a_pause_gets_it(tmp_path: Path, receiver: Receiver) -> None:
    letters, waits = place(tmp_path, receiver.url), list[float]()
    receiver.then(Reply(), Reply(429, {"retry-after": "7"}), Reply(), Reply(503), Reply(503))
    config = WebhookListener(url=Address(receiver.url), secret_env="OPS_SECRET")
    found = redelivery.redeliver("ops", letters, Endpoint(config, {"OPS_SECRET": SECRET}.get), None, waits.append)
    assert waits == [7.0, 0.0]
    assert (found.delivered, found.remaining, found.reason) == (2, 1, "answered 503")
    assert ids(letters) == ["msg_2"]


def test_ctrl_c_keeps_what_was_done(tmp_path: Path, receiver: Receiver) -> None:
    letters = place(tmp_path, receiver.url)
    command = [sys.executable, "-m", "evolver_tui", "signals", "redeliver", "--home", str(tmp_path)]
    receiver.then(Reply(), Reply(before=lambda receiver: process.send_signal(signal.SIGINT)), Reply(500))
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode in (1, 130)
    assert b"Traceback" not in said
    assert ids(letters) in (["msg_2"], ["msg_1", "msg_2"])


def test_a_limit_leaves_the_rest(tmp_path: Path, receiver: Receiver) -> None:
    letters = place(tmp_path, receiver.url)
    assert redeliver(tmp_path, "--limit", "2") == 1
    assert ids(letters) == ["msg_2"]
    assert redeliver(tmp_path, "--limit", "2") == 0


def test_what_a_console_puts_aside_meanwhile_stays(tmp_path: Path, receiver: Receiver) -> None:
    letters = place(tmp_path, receiver.url)
    receiver.then(Reply(before=lambda receiver: letters.append(message(7), "no connection")))
    assert redeliver(tmp_path) == 0
    assert ids(letters) == ["msg_7"]
    assert letters.append(message(8), "no connection")
    assert ids(letters) == ["msg_7", "msg_8"], "the console writes to the file that is there"


def test_a_line_that_is_no_message_is_told_of_and_stays(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = place(tmp_path, receiver.url, 1)
    bad = [b"{", b"[" * 99_999, b'{"id": "a\\r\\nX-Evil: 1", "first_tried": 1, "signal": {}}', b"\xff", b"null"]
    with letters.path.open("ab") as file:
        file.write(b"\n".join(bad) + b"\n")
    assert letters.append(message(2), "no connection")
    assert redeliver(tmp_path) == 1
    assert capsys.readouterr().out == "ops: 2 delivered, 0 remain. 5 lines of its file cannot be read.\n"
    assert letters.path.read_bytes().splitlines() == bad


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["oops"], "There is no listener 'oops'. Did you mean 'ops'?"),
        (["log"], "The listener log is no webhook, and puts nothing aside."),
        (["--limit", "0"], "a whole number from 1"),
        (["--limit", "x"], "a whole number from 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, receiver: Receiver, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place(tmp_path, receiver.url, more='[listeners.log]\nkind = "file"\npath = "x"\n')
    try:
        code = redeliver(tmp_path, *arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert sentence in capsys.readouterr().err
    assert receiver.deliveries == []


def test_without_a_webhook_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert redeliver(tmp_path) == 0
    assert capsys.readouterr().out == "The config has no webhook.\n"


APPENDING = """
import sys
from pathlib import Path
from evolver_tui.adapters.listeners.dead_letters import DeadLetters
from evolver_tui.adapters.listeners.webhook_message import Message
letters = DeadLetters(Path(sys.argv[1]), 10**9)
for number in range(2000):
    assert letters.append(Message(f"theirs_{number}", 1.0, "{}"), "x")
"""


def test_processes_that_append_and_one_that_takes_away_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    letters = DeadLetters(path, 10**9)
    theirs = subprocess.Popen([sys.executable, "-c", APPENDING, str(path)], cwd=Path(__file__).parents[2])
    number = 0
    while theirs.poll() is None or number < 50:
        letters.append(message(number), "x")
        letters.append(message(-number - 1), "x")
        letters.remove({message(number).id})
        number += 1
    assert theirs.returncode == 0
    found = ids(letters)
    assert found.count(None) == 0
    assert [each for each in found if each and each.startswith("theirs")] == [f"theirs_{n}" for n in range(2000)]
    assert [each for each in found if each and each.startswith("msg")] == [f"msg_{-n - 1}" for n in range(number)]
