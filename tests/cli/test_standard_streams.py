"""What commands write where a stream is closed, full, gone, or of an encoding that lacks their signs."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evolver_tui.core.stand_ins import can_carry, cells, stand_in
from evolver_tui.tui.drawing.symbols import SIGNS
from evolver_tui.wiring import NO_WORK
from tests.support.processes import environment
from tests.support.sessions import running, send, workspace_in

ROWS = [
    {"id": "täsk-1", "taskName": "日本語のタスク", "llmTaskType": "summarize"},
    {"id": "t2", "taskName": "Émoji 😀 e\u0301 …", "llmTaskType": "summarize"},
    {"id": "t3\x1b[31m\ud800", "taskName": "plain", "llmTaskType": "summarize"},
]
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp437": {"PYTHONIOENCODING": "cp437"},
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "utf-8": {"LC_ALL": "C.UTF-8"},
}
WRITERS = ["nodes list", "jobs list", "jobs list --json", "jobs show t2", "config show", "config check", "doctor",
           "doctor --json", "--help",
           "--version", "export --format json"]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose queue holds strangers' text."""
    home = tmp_path_factory.mktemp("home")

    async def fill() -> None:
        async with running(workspace_in(home), work=NO_WORK) as (session, _):
            await send(session, {"tasks": ROWS})

    asyncio.run(fill())
    return home


def shell(home: Path, words: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run `evolver-tui WORDS` in a shell: exit code, and what reached whoever called it."""
    command = ["bash", "-c", f'"$0" -m evolver_tui {words}; exit "${{PIPESTATUS[0]}}"', sys.executable]
    env = environment(home, EVOLVER_HOME=str(home), **environ)
    return subprocess.run(command, env=env, cwd=home, capture_output=True, check=False)


# --- what did not arrive -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("redirect", "why"), [(">&-", b"it is closed"), (">/dev/full", b"No space left on device")])
@pytest.mark.parametrize("words", WRITERS)
def test_a_result_that_nobody_got_is_a_failure_with_a_sentence(
    home: Path, words: str, redirect: str, why: bytes
) -> None:
    if "full" in redirect and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    unbuffered = "1" if words.endswith("list") else ""
    done = shell(home, f"{words} {redirect}", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.splitlines()[-1] == b"evolver-tui: Standard output could not be written: " + why + b"."
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_an_empty_queue_that_nobody_heard_of_is_a_failure(tmp_path: Path) -> None:
    assert shell(tmp_path, "jobs list >&-").returncode == 1
    assert shell(tmp_path, "jobs list").returncode == 0


def timeless(output: bytes) -> list[bytes]:
    """The words without ages, which go on between two runs, and without the columns that they widen."""
    return re.sub(rb"\b\d+[smhd]\b", b"", output).split()


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("words", ["nodes list", "jobs list", "jobs show t2"])
def test_sentences_that_nobody_hears_change_nothing(home: Path, words: str, redirect: str) -> None:
    heard = shell(home, words)
    done = shell(home, f"{words} {redirect}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert timeless(done.stdout) == timeless(heard.stdout)


@pytest.mark.parametrize("words", ["config show", "--help", "jobs show t2"])
def test_a_reader_that_has_had_enough_hears_nothing_more(home: Path, words: str) -> None:
    done = shell(home, f"{words} | head -c 1")
    assert (done.stdout[1:], done.stderr) == (b"", b"")
    gone = shell(home, f"{words} | (exec <&-; exit 0)")
    assert gone.stderr == b""


# --- encodings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_columns_stay_columns_in_every_encoding(home: Path, encoding: str) -> None:
    environ = ENCODINGS[encoding]
    decoded = "ascii" if encoding == "posix" else encoding
    done = shell(home, "jobs list", **environ)
    assert (done.returncode, done.stderr) == (0, b"")
    head, *rows = done.stdout.decode(decoded).splitlines()
    assert len(rows) == len(ROWS)
    start = head.index("NAME")
    for row in rows:
        before = next(row[:end] for end in range(len(row)) if cells(row[:end]) == start)
        assert before.endswith("  ")
    assert "\\" not in done.stdout.decode(decoded)
    assert b"\x1b" not in done.stdout
    for words in ("jobs show t2", "jobs show nobody"):
        done = shell(home, words, **environ)
        (done.stdout + done.stderr).decode(decoded)
        assert b"Traceback" not in done.stderr


def test_what_is_kept_as_a_file_is_utf_8_in_every_locale(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('[backend]\nmodel = "größe"\n', encoding="utf-8")
    done = shell(tmp_path, "config show", **ENCODINGS["ascii"])
    assert 'model = "größe"' in done.stdout.decode("utf-8")


def test_every_sign_of_ours_has_one_of_its_width() -> None:
    for sign in filter(lambda sign: not sign.isascii(), SIGNS):
        assert stand_in(sign) != "?"
        assert len(stand_in(sign)) == cells(sign) == 1
        assert stand_in(sign).isascii()
    assert "".join(map(stand_in, "╭─┬╮│├┼┤╰┴╯")) == "+-++|++++++"
    assert [stand_in(sign) for sign in "日é😀\ud800"] == ["??", "?", "??", "?"]
    assert stand_in("\u0301") == ""


def test_which_encodings_carry_the_signs() -> None:
    assert can_carry("utf-8", SIGNS)
    assert not any(can_carry(encoding, SIGNS) for encoding in ("ascii", "latin-1", "cp437", "koi8-r", "no such"))
