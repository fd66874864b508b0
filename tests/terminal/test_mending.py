"""A small mend without leaving the console, in a real terminal: one line is changed, read again and approved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.hubs import free_port, hub_process
from tests.support.processes import run_command
from tests.support.sessions import SUMMARIZE
from tests.support.terminal import ESCAPE, SMALL, WIDE, Terminal, look
from tests.support.terminal_steps import NODE, leave, saved_nodes, started, to_review

DOWN, END, CTRL_END, CTRL_S = "\x1b[B", "\x1b[F", "\x1b[1;5F", "\x13"


@contextmanager
def at_review(home: Path, size: tuple[int, int] = WIDE) -> Iterator[Terminal]:
    """A console with the one task's draft in focus."""
    with hub_process("sample", tasks=(SUMMARIZE,)) as hub, started(home, "--hub", hub.url, size=size) as terminal:
        to_review(terminal)
        yield terminal


def open_editor(terminal: Terminal) -> None:
    terminal.send("E")
    terminal.wait_for(f"Edit {NODE}", "checks pass", "risk low, as before", "^s hand in")
    look()


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])
def test_a_line_is_mended_and_the_draft_is_approved_as_it_is_then(tmp_path: Path, size: tuple[int, int]) -> None:
    home = tmp_path / "home"
    with at_review(home, size) as terminal:
        open_editor(terminal)
        terminal.send(f"{DOWN * 9}{END}, socke")
        terminal.wait_for("10  import json, socke", "risk medium: was low")
        terminal.send("\x7f" * 7 + "  # mended")
        terminal.wait_for("10  import json  # mended", "checks pass", "risk low, as before")
        terminal.send(CTRL_S)
        terminal.wait_for("edited by", "a approve")
        terminal.wait_without("keys decide once you scroll", "keys after 3 s")
        look()
        terminal.send("a")
        terminal.wait_without("needs you 1")
        terminal.wait_until(lambda screen: "approved" in screen, "the approved task")
        assert leave(terminal) == 0
    assert saved_nodes(home) == [NODE]
    code = (home / "nodes" / NODE / "main.py").read_text()
    assert code.count("import json  # mended\n") == 1
    assert code.count("\n") == 29


def test_code_that_would_steer_the_terminal_is_shown_by_stand_ins_and_handed_in_as_it_is(tmp_path: Path) -> None:
    home, steering, reversing = tmp_path / "home", "\x1b]52;c;cm0gLXJm\x07", "\u202e\u2066"
    with at_review(home) as terminal:
        draft = home / "draft.py"
        draft.write_text(f"# {steering}{reversing}\r\nimport json, sys\r\nprint(json.dumps(json.load(sys.stdin)))")
        edited = run_command("jobs", "edit", "task-1", str(draft), "--home", str(home), home=home)
        assert edited.returncode == 0, edited.stderr
        terminal.wait_for("edited by", "a approve", "risk high")
        terminal.wait_without("keys decide once you scroll", "keys after 3 s")
        look()
        terminal.send("E")
        terminal.wait_for("1  # ␛]52;c;cm0gLXJm␇��", "it hides text from its reader (line 1)")
        look()
        terminal.send(f"{CTRL_END}  # mended")
        terminal.wait_for("# mended", "checks pass", "as before")
        terminal.send(CTRL_S)
        terminal.wait_without(f"Edit {NODE}")
        terminal.wait_for("a approve", "edited by")
        shown = run_command("jobs", "show", "task-1", "--json", "--home", str(home), home=home)
        assert json.dumps(f"{draft.read_bytes().decode()}  # mended")[1:-1] in json.dumps(json.loads(shown.stdout))
        assert steering.encode() not in terminal.raw
        assert not any(sign.encode() in terminal.raw for sign in reversing)


def test_what_was_typed_is_there_again_after_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with at_review(home) as terminal:
        open_editor(terminal)
        terminal.send("# half a mend")
        terminal.wait_for(" 1  # half a mend", "cannot be read")  # by when it is on the disk
        terminal.kill()
    with started(home, "--hub", f"http://127.0.0.1:{free_port()}/taskhub", NO_COLOR="1") as terminal:
        to_review(terminal)
        terminal.send("E")
        terminal.wait_for(" 1  # half a mend", "line 6: no Python: unterminated triple-quoted string literal")
        assert {is_reversed for _, is_reversed, _ in terminal.looks("# half a mend")} == {True, False}, "the cursor"
        look()
        terminal.send(ESCAPE)
        terminal.wait_for("Leave the editor of", "d drop it")
        look()
        terminal.send("d")
        terminal.wait_without("Leave the editor of", f"Edit {NODE}")
        look()
        open_editor(terminal)
        assert "half a mend" not in terminal.text
        terminal.send(ESCAPE)
        terminal.wait_without(f"Edit {NODE}")
        assert leave(terminal) == 0
