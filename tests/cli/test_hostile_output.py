"""A stranger's words are words in what is written without a screen too, and nothing steers a real terminal."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from evolver_tui.cli.connect import _line
from evolver_tui.cli.main import main
from evolver_tui.core.address import Address
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, Risk
from evolver_tui.core.question import QuestionKind
from evolver_tui.core.signal import Observation
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.export import export_session
from evolver_tui.engine.headless import Headless
from evolver_tui.settings.connect_config import ConnectConfig
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring import make_library, make_session, make_store
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
from tests.support.hubs import Peer, RawHub, hub_process
from tests.support.processes import environment
from tests.support.runs import a_run
from tests.support.sessions import Watch, send, workspace_in
from tests.support.terminal import ESCAPE, look
from tests.support.terminal import console as start_console

pytestmark = pytest.mark.anyio


@pytest.fixture
def odd_workspace(tmp_path: Path) -> Workspace:
    """A home with hostile words in its config and one node that says them everywhere; its second version too."""
    config = "[desk]\nreviewer = 'a [/] \\x1b b'\n[backend]\nmodel = '[@click=app.quit]x $error {0}'\n[keys]\n"
    place = workspace_in(tmp_path, config + "'[@click=app.quit]' = 'a'\n")
    library = make_library(place)
    words = "".join(as_kept(pack) for pack in bundles(150))
    for version in ("1", "2"):
        code = f"import json, sys\n# {words} {version}\nprint(json.dumps(json.load(sys.stdin)))\n"
        draft = NodeDraft("odd", words, code, (words,), words, words)
        report = CheckReport((Finding(words, FindingLevel.NOTE, words, 1),), (words,), (words,), Risk.LOW)
        runs = [a_run(words, {words: words}, input={words: {words: 1}}), a_run(output={"a": words}, input={"a": 1})]
        library.save(draft, report, Approval(words, words, f"{words}{version}", words, (words,)), runs)
    (tmp_path / "code.py").write_text(f"import {words[:50]!r}\ncall_tool({words!r}, 'x')\n# {words}\n")
    return place


def test_commands_about_nodes_and_config(
    odd_workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "code.py")
    shutil.copy(file, tmp_path / (odd_file := "\x1b]0;x\x07[@click=app.quit]\u202e\udcff.py"))
    place = ("--home", str(tmp_path), "--nodes", str(odd_workspace.nodes))
    nodes = [
        ("list",), ("show", "odd"), ("diff", "odd", "1", "2"), ("check", file), ("check", str(tmp_path / odd_file)),
        ("import", str(tmp_path / odd_file)), ("rollback", "odd", "1"), ("test", "odd"), ("test",),
    ]  # fmt: skip
    for command in nodes:
        assert main(["nodes", *command, *place]) in (0, 1)
        said = "".join(capsys.readouterr())
        assert said
        assert_harmless(said)
        assert main(["nodes", *command, "--json", *place]) in (0, 1)
        assert capsys.readouterr().out.isascii()
    for what in ("show", "check", "path"):
        main(["config", what, "--home", str(tmp_path)])
        assert_harmless("".join(capsys.readouterr()))


@pytest.mark.parametrize(
    "command",
    [
        "nodes show WORDS", "nodes diff odd WORDS", "nodes diff WORDS 1 2", "nodes rollback odd WORDS",
        "nodes rollback WORDS 1", "nodes test WORDS", "nodes check WORDS", "nodes import WORDS",
        "nodes list --nodes WORDS", "nodes list --database WORDS", "nodes list --home WORDS", "export WORDS",
        "export --format WORDS", "export -o WORDS", "export --database WORDS", "run WORDS", "hub --tasks WORDS",
        "hub --port WORDS",
        "config check --home WORDS", "config WORDS", "connect --approve WORDS", "WORDS", "nodes WORDS", "run odd WORDS",
    ],
)  # fmt: skip
def test_sentences_about_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVOLVER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    for words in map(as_typed, bundles(60)):
        with contextlib.suppress(SystemExit):
            main([words if part == "WORDS" else part for part in command.split()])
        said = "".join(capsys.readouterr())
        assert_harmless(said)
        assert "Traceback" not in said


def as_typed(text: str) -> str:
    """What of a text a shell can hand over as an argument: no NUL, and only bytes that are no UTF-8 as surrogates."""
    return re.sub("[\0\ud800-\udc7f\udd00-\udfff]", "", text)


@pytest.mark.parametrize("format", ["jsonl", "json", "md"])
async def test_exports(tmp_path: Path, format: str) -> None:
    place = workspace_in(tmp_path, environ={"USER": "ada [/] \x1b]0;x\x07 | <b>"})
    session = repeating_session(place)
    watch = Watch(session)
    await session.open()
    packs = bundles(300)
    await send(session, *(task_of(pack, does) for pack in packs for does in ("ask", "draft", "fail")))
    for tag, text in numbered():
        session.bus.emit(Observation(f"{tag}{text}", {f"{tag}{text}": f"{tag}{text}"}))
    await watch.until("task.failed", len(packs))
    waiting = await session.store.open_questions()
    review = next(each for each in waiting if each.question.kind == QuestionKind.REVIEW)
    await session.inbox.decide(review.id, Decision(DecisionKind.REJECT, reason="".join(packs)))
    await session.close()
    await export_session(make_store(place), "latest", format, tmp_path / "out", [])
    written = (tmp_path / "out").read_text(encoding="utf-8")
    if format != "md":
        assert written.isascii()
        lines = written.splitlines() if format == "jsonl" else [written]
        assert all(json.loads(line) for line in lines)
        return
    assert_harmless(written)
    tokens = [token for block in MarkdownIt().enable("table").parse(written) for token in (block.children or [block])]
    assert {token.type for token in tokens}.isdisjoint({"link_open", "image", "html_inline", "html_block"})
    assert "<00>␛]52;c;" in written.replace("\\", "")


async def test_headless_events_and_result(tmp_path: Path) -> None:
    tasks = [task_of(f"{tag}{text}", "", status="pending") for tag, text in numbered()]
    tasks += [{**each, "id": f"{each['id']}s", "llmTaskType": "summarize"} for each in tasks]

    def hub_script(peer: Peer) -> None:
        peer.shake_hands()
        peer.send({"type": 1, "target": "TaskHub", "arguments": [{"tasks": tasks}]})
        peer.send(*({"type": 1, "target": "TaskHub", "arguments": [text]} for _, text in numbered()))
        peer.send({"type": 7, "error": bundles(150)[0]})
        peer.read_to_end()

    lines: list[str] = []

    def keep(event: Mapping[str, Any]) -> None:
        lines.extend(_line(event).splitlines())  # not from standard error, where other tests' threads may write

    with RawHub(hub_script) as hub:
        session = make_session(workspace_in(tmp_path), pace=0.0, auto_review=lambda report: True)
        headless = Headless(session, ConnectConfig(Address(hub.url), output_file=str(tmp_path / "out.json")), keep)
        result = await headless.run()
    assert [line for line in lines if not (line.isascii() and line.isprintable() and line.startswith("{"))] == []
    names = [json.loads(line)["event"] for line in lines]
    assert names.count("task_queued") == len(tasks)
    # Some names hide text from a reader: such drafts are of high risk, and wait for a person as what lacks a type does.
    assert names.count("workflow_saved") + names.count("task_waiting") == len(tasks)
    assert names.count("workflow_saved") > len(tasks) / 3
    assert json.dumps(result.value).isascii()
    assert (tmp_path / "out.json").read_text().isascii()
    for main_file in (tmp_path / "nodes").glob("*/main.py"):
        compile(main_file.read_bytes(), main_file.name, "exec")


# --- and once on a real terminal


def test_a_real_terminal_is_not_steered(tmp_path: Path) -> None:
    hostile = [task_of(pack, "", id=f"{number}{pack}", status="pending") for number, pack in enumerate(bundles(300))]
    with hub_process("sample", tasks=hostile) as hub:
        home = tmp_path / ODD_NAME
        home.mkdir()
        with start_console(home, "--hub", hub.url, environ=environment(tmp_path)) as terminal:
            terminal.wait_for(f"needs you {len(hostile)}")
            for number in range(len(hostile)):
                terminal.wait_for(f" {number}<", "Kind of task (needed)")
                terminal.send("j")
            terminal.send("o")
            terminal.wait_for("esc later")
            look()
            terminal.send(ESCAPE)
            terminal.wait_without("esc later")
            terminal.send("/")
            terminal.wait_until(lambda screen: re.search("│ ?filter ", screen), "the line for a filter")
            terminal.send("\x1b[200~" + as_typed(hostile[0]["taskName"]) + "\x1b[201~")  # a paste
            terminal.wait_for("nothing contains “")
    assert terminal.title == f"evolver · {len(hostile)} need you"
    assert_console_steers_alone(terminal.raw)
