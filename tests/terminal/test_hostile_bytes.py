"""What strangers wrote, in a real terminal: the bytes that arrive there are words, and what the console itself sends.

Everything that a person can look at is filled with hostile strings: tasks, questions, drafts, reports, errors, signals,
nodes on disk, the config, a hub's goodbye. `tests/tui/test_hostile_strings.py` holds that all of it is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import re
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nats
import pytest

from evolver_tui.cli.parser import make_parser
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, Risk
from evolver_tui.core.signal import Observation
from evolver_tui.core.training.record import Event, Point, Record, RunHeader, to_line
from evolver_tui.engine.author.library import Approval
from evolver_tui.settings.values import toml
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring import NO_WORK, make_library
from tests.support.hostile import (
    ODD_NAME,
    as_kept,
    assert_console_steers_alone,
    assert_harmless,
    bundles,
    numbered,
    repeating_session,
    task_of,
)
from tests.support.hubs import Peer, RawHub
from tests.support.nats_server import NatsServer
from tests.support.processes import environment
from tests.support.runs import a_run
from tests.support.sessions import Watch, running, send, workspace_in
from tests.support.terminal import ENTER, ESCAPE, Terminal, console, look

SIZE = (120, 48)
PACKS = bundles(2_000)
CONFIG = """
[desk]
reviewer = "a [/] [@click=app.quit]b"
[backend]
kind = "openai"
model = "[@click=app.quit]x $error {0}"
"""
ECHO = "import json, sys\nprint(json.dumps(json.load(sys.stdin), ensure_ascii=False))\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home in which everything is hostile: five questions, five reviews, five failures, signals, a node, a config."""
    place = workspace_in(tmp_path_factory.mktemp("hostile") / ODD_NAME, CONFIG, {"USER": "ada [/]\x1b]0;x\x07"})
    asyncio.run(fill(place))
    rules = [
        f'[[rule]]\nname = {toml(as_kept(pack)[:60])}\nwhen = "*"\nthen = {{ notify = {toml(as_kept(pack))} }}\n'
        for pack in PACKS
    ]
    place.paths.rules_file.write_text("".join(rules), encoding="utf-8", errors="replace")
    library = make_library(place)
    words = "".join(as_kept(pack) for pack in PACKS)
    for version, code in (("1", f"# {words}"), ("2", ECHO)):
        draft = NodeDraft("odd", words, code, (words,), words, words)
        report = CheckReport((Finding(words, FindingLevel.NOTE, words, 1),), (words,), (words,), Risk.LOW)
        runs = [a_run(words, {words: words}, input={words: {words: 1}}), a_run(output={"a": words}, input={"a": 1})]
        library.save(draft, report, Approval(words, words, f"{words}{version}", words, (words,)), runs)
    return place


async def fill(place: Workspace) -> None:
    """Let a session say all of it."""
    session = repeating_session(place)
    watch = Watch(session)
    await session.open()
    await send(session, *(task_of(pack, does) for pack in PACKS for does in ("ask", "draft", "fail")))
    for tag, text in numbered():
        session.bus.emit(Observation(f"{tag}{text}", {f"{tag}{text}": f"{tag}{text}"}))
    await watch.until("task.failed", len(PACKS))
    await watch.until("question.asked", len(PACKS))
    await watch.until("review.requested", len(PACKS))
    await session.close()


# --- the console


def press(terminal: Terminal, *keys: str) -> None:
    """Press keys, each once the one before has changed the screen."""
    for key in keys:
        before = terminal.text
        terminal.send(key)
        terminal.wait_until(lambda screen, before=before: screen != before, f"what {key!r} does")  # type: ignore[misc]


def open_and_close(terminal: Terminal, key: str, shows: str) -> None:
    """Open a dialog as a person does, who looks first."""
    look()
    terminal.send(key)
    terminal.wait_for(shows)
    look()
    terminal.send(ESCAPE)
    terminal.wait_without(shows)


def test_nothing_that_the_console_shows_steers_its_terminal(place: Workspace, tmp_path: Path) -> None:
    left = iter([*PACKS, *PACKS, *PACKS])

    def say_goodbye(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "target": "TaskHub", "arguments": [PACKS[0], {PACKS[1]: PACKS[2]}]})
        peer.send({"type": 7, "error": next(left)})
        peer.read_to_end()

    home = place.paths.config_file.parent.parent
    arguments = ("--nodes", str(place.nodes), "--no-worker")
    environ = environment(tmp_path)
    with (
        RawHub(say_goodbye) as hub,
        console(home, *arguments, "--hub", hub.url, environ=environ, size=SIZE) as terminal,
    ):
        terminal.wait_for(f"needs you {2 * len(PACKS)}", "ended")
        for key, shows in (
            ("?", "Keys"),
            ("m", "Notices"),
            ("i", "Needs you"),
            ("c", "Choose a hub"),
            ("\x10", "Commands"),
        ):
            open_and_close(terminal, key, shows)
        terminal.send("g")
        for _ in range(3 * len(PACKS)):
            press(terminal, ENTER, "l", "l", "l", ESCAPE)
            terminal.wait_without("esc later")
            look()
            press(terminal, "j")
        terminal.send("2")
        terminal.wait_for("past sessions", "questions and reviews")
        look()
        terminal.send(ENTER)
        terminal.wait_for("replay 1x")
        look()
        terminal.send("e")
        terminal.wait_for("replay end")
        look()
        terminal.send("q")
        terminal.wait_for("past sessions")
        assert not terminal.is_over
    assert_console_steers_alone(terminal.raw)
    assert b"Traceback" not in terminal.raw
    assert terminal.title.startswith("evolver")


def session_with_most(place: Workspace) -> str:
    """The session that said all of it."""
    query = "SELECT session_id FROM signal GROUP BY session_id ORDER BY count(*) DESC LIMIT 1"
    with contextlib.closing(sqlite3.connect(str(place.database))) as database:
        return str(database.execute(query).fetchone()[0])


def test_nothing_that_a_replay_shows_steers_its_terminal(place: Workspace, tmp_path: Path) -> None:
    home = place.paths.config_file.parent.parent
    arguments = ("replay", session_with_most(place), "--speed", "max")
    with console(home, *arguments, environ=environment(tmp_path), size=SIZE) as terminal:
        terminal.wait_for("replay end", f"needs you {2 * len(PACKS)}")
        open_and_close(terminal, "?", "Keys")
        terminal.send("g")
        for _ in range(3 * len(PACKS) - 1):
            press(terminal, ENTER, "l", ESCAPE)
            look()
            press(terminal, "j")
        assert not terminal.is_over
    assert_console_steers_alone(terminal.raw)
    assert b"Traceback" not in terminal.raw


async def chat_with_all(url: str) -> None:
    """Publish every string in all that a chat's request and chunks may say, each pack in a session of its own."""
    connection = await nats.connect(url)
    for number, pack in enumerate(PACKS):
        session, message = f"s{number}", f"m{number}"
        ids = {"session_id": session, "message_id": message, "user_id": pack[:200], "correlation_id": pack[:100]}
        request = {**ids, "message": pack, "context": {"model": pack[:200]}, "correlation_id": "c"}
        await connection.publish(f"chat.workflow.execute.{session}", json.dumps(request).encode())
        told = {"event": pack, "arguments": {pack: pack}, "model": pack, "finish_reason": pack, "tokens_used": pack}
        for chunk_id, kind in enumerate(("content", "system", "error")):
            chunk = {
                **ids,
                "chunk_id": chunk_id,
                "chunk": pack,
                "chunk_type": kind,
                "metadata": told,
                "timestamp": pack,
            }
            end = {"is_final": True, "error": {"code": pack, "message": pack}} if kind == "error" else {}
            await connection.publish("chat.pod.p\x9bod.response", json.dumps({**chunk, **end}).encode())
        broadcast = {**ids, "session_id": pack[:200], "message_id": pack[:200], "chunk_id": 0, "chunk": pack}
        await connection.publish("chat.session.x.broadcast", json.dumps(broadcast).encode())
    await connection.flush()
    await connection.close()


def test_nothing_that_a_chat_says_steers_the_terminal_of_a_console(tmp_path: Path) -> None:
    with NatsServer() as server:
        environ = environment(tmp_path, NATS_URL=server.url, REDIS_PORT="1")
        with console(tmp_path, environ=environ, size=SIZE) as terminal:
            terminal.wait_for("Choose a hub")
            look()
            terminal.send(ESCAPE)
            terminal.wait_without("Choose a hub")
            terminal.send("3")
            terminal.wait_for("and quiet")
            asyncio.run(chat_with_all(server.url))
            terminal.wait_for(f"s{len(PACKS) - 1} ")
            terminal.send("g")
            for _ in range(2 * len(PACKS) - 1):
                press(terminal, "j")
                press(terminal, ENTER, ESCAPE)
            terminal.send("\t")
            press(terminal, "g", "G")
            assert not terminal.is_over
        assert_console_steers_alone(terminal.raw)
        assert b"Traceback" not in terminal.raw


# --- commands

RUN_ALL = """
import io, json, sys
from evolver_tui.cli.main import main
for arguments, given in json.load(open(sys.argv[1])):
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    print(f"{arguments[0]} ends with {main(arguments)}", flush=True)
"""
"""One process for several: most of what a command takes is Python's start."""


def run_all(folder: Path, commands: Sequence[tuple[Sequence[str], str]]) -> str:
    """What these commands, each with what it is given on standard input, write to a terminal."""
    file = folder / "commands.json"
    file.write_text(json.dumps(commands))
    with Terminal([sys.executable, "-c", RUN_ALL, str(file)], folder, environment(folder), SIZE) as terminal:
        assert terminal.wait() == 0
    return terminal.raw.decode()


def once(code: str) -> list[list[str]]:
    """Commands that come to their end by themselves, in an order in which each finds something to tell; `code` names a
    file."""
    steered = [["jobs", "list"], ["nodes", "list"], ["nodes", "show", "odd"], ["nodes", "diff", "odd", "1", "2"]]
    steered += [["nodes", "check", code], ["nodes", "import", code], ["nodes", "show", ODD_NAME], ["doctor"]]
    steered += [["nodes", "test"], ["nodes", "test", "odd"], ["nodes", "test", ODD_NAME]]
    steered += [["jobs", "show", f"job:{job}"] for job in (1, 2, 3)]
    steered += [["jobs", "remembered"], ["sessions", "list"], ["sessions", "show"], ["sessions", "show", ODD_NAME]]
    steered += [
        ["rules", "list"],
        ["rules", "check"],
        ["rules", "check", code],
        ["rules", "test", "--session", "latest"],
    ]
    steered += [["nodes", "list", "--search", ODD_NAME], ["nodes", "list", "--search", "x", "--in", "code"]]
    steered += [["nodes", "list", "--retired"], ["nodes", "list", "--removed"], ["nodes", "duplicates"]]
    steered += [["stats"], ["stats", "--by", "person"], ["stats", "--by", ODD_NAME], ["stats", "--format", ODD_NAME]]
    runs = f"{code}.jsonl"
    steered += [["progress", "watch", file, "--once"] for file in (code, runs, ODD_NAME)]
    steered += [["progress", "watch", runs, ODD_NAME, "--once"], ["progress", "watch", f"http://{ODD_NAME}", "--once"]]
    plain = [["jobs", "show", f"job:{job}"] for job in range(1, 3 * len(PACKS) + 1)]
    plain += [["export", "--format", format] for format in ("md", "json", "jsonl")]
    plain += [["jobs", "export", "job:1"], ["jobs", "answer", "job:4", f"{ODD_NAME}=x"], ["jobs", "show", ODD_NAME]]
    plain += [["config", "show"], ["config", "check"], ["config", "path"], ["run", "odd"], ["run", ODD_NAME]]
    plain += [["sessions", "delete", ODD_NAME], ["signals", "redeliver"], ["signals", "redeliver", ODD_NAME]]
    plain += [["stats", "--format", format, "--days", "7"] for format in ("csv", "json")]
    plain += [["nodes", "reinstate", "odd"], ["nodes", "reinstate", ODD_NAME]]
    plain += [["jobs", "import", code], ["nodes", "rollback", "odd", "1"], ["nodes", "rollback", ODD_NAME, "1"]]
    for job in ("job:2", ODD_NAME):
        plain += [["jobs", "edit", job, code], ["jobs", "approve", job], ["jobs", "respond", job, ODD_NAME]]
    for job in ("job:5", ODD_NAME):
        plain += [["jobs", "reject", job, "--reason", ODD_NAME], ["jobs", "restore", job]]
    for node in ("odd", ODD_NAME):
        plain += [["nodes", verb, node] for verb in ("retire", "restore", "remove", "restore", "purge")]
    for job in ("job:2", "job:5", ODD_NAME):
        plain += [["jobs", "show", job, "--diff"], ["jobs", "reuse", job], ["jobs", "reuse", job, "--node", ODD_NAME]]
        plain += [["jobs", "undo", job], ["jobs", "undo", job, "--yes"]]
        plain += [["jobs", "resent", job, way] for way in ("--take", "--drop")]
        plain += [["jobs", "answer", job, f"{ODD_NAME}=x", "--remember", "field", "--days", "1"]]
    plain += [["jobs", "remembered", "--revoke", "1"]]
    plain += [["jobs", command, job] for command in ("retry", "cancel") for job in ("job:3", ODD_NAME)]
    plain += [["train"], ["train", "--config", code], ["train", "--resume", ODD_NAME], ["train", "--resume", "--json"]]
    # What the list shows of strangers stands in tests/workflow/test_parked_command.py: here is no NATS.
    plain += [["workflow", "parked", "list"], *(["workflow", "parked", verb, ODD_NAME] for verb in ("retry", "drop"))]
    return [*steered, *([*each, "--json"] for each in steered), *plain]


LASTING = {
    "connect",
    "hub",
    "worker",
    "replay",
    "workflow serve",
    "workflow gateway",
    "workflow demo",
    "progress serve",
    "serve",
}
"""Commands that go on until they are told to end: a test for each."""


def test_every_command_is_run_here() -> None:
    def names(parser: argparse.ArgumentParser) -> Iterator[str]:
        groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not groups:
            yield parser.prog.partition(" ")[2]
        for group in groups:
            for each in group.choices.values():
                yield from names(each)

    typed = {" ".join(words[:length]) for words in once("x.py") for length in (1, 2, 3)}
    assert set(names(make_parser())) <= typed | LASTING


def test_nothing_that_a_command_writes_steers_its_terminal(place: Workspace, tmp_path: Path) -> None:
    home = str(place.paths.config_file.parent.parent)
    code = tmp_path / "\x1b]0;x\x07[@click=app.quit]\u202e.py"
    words = as_kept(PACKS[0])
    code.write_text(f"import {words[:50]!r}\ncall_tool({words!r}, 'x')\n# {as_kept(PACKS[1])}\n")
    told: list[Record] = [RunHeader(words[:200], words[:200], words[:200], {words: words})]
    told += [Point(step, 1.0, {as_kept(pack)[:200]: step}) for step, pack in enumerate(PACKS[:100])]
    told += [Event(as_kept(pack)[:200], 1.0, 5, 0, {words: as_kept(pack)}) for pack in PACKS[:100]]
    Path(f"{code}.jsonl").write_bytes(b"".join(map(to_line, told)) + words.encode() + b"\n")
    given = json.dumps({as_kept(pack): as_kept(pack) for pack in PACKS})
    commands: list[tuple[list[str], str]] = []
    for each in once(str(code)):
        where = (
            [] if each[0] in ("config", "doctor") or each[:2] == ["nodes", "check"] else ["--nodes", str(place.nodes)]
        )
        commands.append(([*each, "--home", home, *(where if each[0] in ("nodes", "run") else [])], given))

    def say_goodbye(peer: Peer) -> None:
        peer.shake_hands()
        tasks: list[dict[str, Any]] = [task_of(pack, "", llmTaskType="summarize", status="pending") for pack in PACKS]
        peer.send({"type": 1, "target": "TaskHub", "arguments": [PACKS[0], *tasks]})
        peer.send({"type": 7, "error": PACKS[0]})
        peer.read_to_end()

    with RawHub(say_goodbye) as hub:
        config = json.dumps({"hub_url": hub.url, "auto_generate_workflows": False})
        commands.append((["connect", "--home", str(tmp_path / ODD_NAME)], config))
        said = "".join(run_all(tmp_path, commands[start : start + 20]) for start in range(0, len(commands), 20))
    assert_harmless(said, allowed="\r\n")
    assert "Traceback" not in said
    assert said.count(" ends with ") == len(commands)
    assert "run ends with 0" in said


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "as JSON"])
def test_nothing_that_a_worker_tells_steers_its_terminal(tmp_path: Path, form: Sequence[str]) -> None:
    home = tmp_path / ODD_NAME
    packs = bundles(300)  # so much of an id stands in a line, and more

    async def fill() -> None:
        async with running(workspace_in(home), work=NO_WORK) as (session, _):
            await send(session, *(task_of(pack, "") for pack in packs))

    asyncio.run(fill())
    worker = [sys.executable, "-m", "evolver_tui", "worker", "--home", str(home), *form]
    with Terminal(worker, tmp_path, environment(tmp_path), SIZE) as terminal:
        terminal.wait_until(lambda _: terminal.raw.count(b"job.paused") >= len(packs), "a question of each task")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 0
    assert_harmless(terminal.raw.decode(), allowed="\r\n")
    assert b"Traceback" not in terminal.raw


def test_nothing_that_a_hub_tells_steers_its_terminal(tmp_path: Path) -> None:
    tasks = tmp_path / "\x1b]0;x\x07.json"
    tasks.write_text(json.dumps({"tasks": [task_of(pack, "") for pack in PACKS]}))
    hub = [sys.executable, "-m", "evolver_tui", "hub", "--port", "0", "--tasks", str(tasks)]
    with Terminal(hub, tmp_path, environment(tmp_path), SIZE) as terminal:
        terminal.wait_for("http://")
        terminal.signal(signal.SIGINT)
        terminal.wait()
    assert_harmless(terminal.raw.decode(), allowed="\r\n")
    assert b"Traceback" not in terminal.raw


def test_nothing_that_a_progress_server_tells_steers_its_terminal(tmp_path: Path) -> None:
    """Its trainers are strangers."""
    words = as_kept(PACKS[0])
    config = {"type": "run", "run": "r1", "name": words, "project": words, "config": {words: words}}
    records = [config, {"type": words}, {"type": "event", "event": words[:150], "at": 1}, {"type": "end", "at": 2}]
    command = [sys.executable, "-m", "evolver_tui", "progress", "serve", "--port", "0", "--home", str(tmp_path)]
    with Terminal(command, tmp_path, environment(tmp_path), SIZE) as terminal:
        terminal.wait_for("progress_url", "progress.server_opened")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", terminal.raw.decode())
        assert found is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
        for path in ("/api/training/records/r1", f"/api/training/records/{quote(words)}"):
            connection.request("POST", path, "".join(json.dumps(record) + "\n" for record in records))
            connection.getresponse().read()
        connection.close()
        terminal.wait_for("progress.bad_records", "progress.ended")
        terminal.signal(signal.SIGTERM)
        terminal.wait()
    assert_harmless(terminal.raw.decode(), allowed="\r\n")
    assert b"Traceback" not in terminal.raw


def test_nothing_that_a_gateway_tells_steers_its_terminal(tmp_path: Path) -> None:
    """Its NATS is a stranger, who refuses it with words of all kinds."""
    words = as_kept(PACKS[0])

    def refuse(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b'INFO {"server_id":"x","max_payload":1000,"headers":true}\r\n')
                    connection.sendall(b"-ERR '" + words.replace("\n", " ").encode("utf-8", "replace") + b"'\r\n")
                    connection.recv(1_000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=refuse, args=(listener,), daemon=True).start()
        command = [sys.executable, "-m", "evolver_tui", "workflow", "gateway", "--port", "0", "--home", str(tmp_path)]
        places = {"NATS_URL": f"nats://127.0.0.1:{listener.getsockname()[1]}", "REDIS_PORT": "1"}
        with Terminal(command, tmp_path, environment(tmp_path, **places), SIZE) as terminal:
            terminal.wait_for("gateway_url", "service_away service=redis")
            terminal.signal(signal.SIGTERM)
            terminal.wait()
    assert_harmless(terminal.raw.decode(), allowed="\r\n")
    assert b"Traceback" not in terminal.raw
