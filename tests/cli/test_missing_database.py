"""Commands that read or answer where there is no database: they say so, and make nothing."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest

from evolver_tui.cli.main import main
from tests.support.job_desk import Done

MISTYPED = ["{folder}/typo.db", "sqlite:///{folder}/typo.db", "sqlite+pysqlite:///{folder}/no/folder/typo.db"]
VERBS = [
    ["jobs", "list"], ["jobs", "list", "--needs-you", "--json"], ["jobs", "show", "1"],
    ["jobs", "answer", "1", "language=de"], ["jobs", "approve", "1"], ["jobs", "reject", "1"],
    ["jobs", "respond", "1", "why"], ["jobs", "cancel", "1"], ["jobs", "retry", "1"], ["jobs", "retry", "--all"],
    ["jobs", "restore", "1"], ["jobs", "export", "1", "-o", "-"], ["export"], ["export", "s", "--format", "md"],
]  # fmt: skip


def everything_under(folder: Path) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_size) for path in folder.rglob("*"))


def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    code = main(arguments)
    said = capsys.readouterr()
    return Done(code, said.out, said.err)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("place", [*MISTYPED, "empty file"])
def test_a_mistyped_database_is_said_and_not_made(
    tmp_path: Path, place: str, verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if place == "empty file":
        (tmp_path / "typo.db").touch()
        place = "{folder}/typo.db"
    before = everything_under(tmp_path)
    named = ["--database", place.format(folder=tmp_path), "--home", str(tmp_path / "home")]
    done = run_main(monkeypatch, capsys, *verb, *named)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"evolver-tui: There is no database {tmp_path}/")
    assert everything_under(tmp_path) == before


def test_a_path_from_the_working_folder_is_said_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("sqlite:///typo.db", "typo.db", "./typo.db"):
        done = run_main(monkeypatch, capsys, "jobs", "list", "--database", place, "--home", "home")
        assert (done.code, "typo.db" in done.err) == (2, True)
    assert everything_under(tmp_path) == []


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_where_nothing_was_started_yet_there_is_nothing_and_nothing_is_made(
    tmp_path: Path, verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_main(monkeypatch, capsys, *verb, "--home", str(tmp_path / "home"))
    assert done.code == (0 if verb[1:2] == ["list"] or "--all" in verb else 2 if verb[0] == "export" else 1)
    assert re.match(r"(evolver-tui: )?(There is no|Nothing needs|No job)", done.err)
    assert everything_under(tmp_path) == []


@pytest.mark.parametrize("verb", [["jobs", "list"], ["jobs", "show", "1"], ["jobs", "cancel", "1"], ["export"]])
def test_what_is_no_database_of_ours_is_said_and_left_as_it_is(
    tmp_path: Path, verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "notes").write_text("Milk, bread.\n" * 500)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE job (seq, title)")
    before = everything_under(tmp_path)
    for name, words in (
        ("a folder", "is a folder"), ("notes", "is not a database"), ("other.db", "belongs to another program"),
    ):  # fmt: skip
        place = ["--database", str(tmp_path / name), "--home", str(tmp_path / "home")]
        done = run_main(monkeypatch, capsys, *verb, *place)
        assert (done.code, done.out) == (1, "")
        assert words in done.err
        assert everything_under(tmp_path) == before
