"""`evolver-tui export --format sft|dpo|kto` as a script sees it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from evolver_tui.cli.main import main
from evolver_tui.core.times import day_or_time
from tests.support.decisions import deciding, edit, program, reject, send_and_decide, task


async def decide(home: Path) -> None:
    """Three tasks, of which each format has something to tell."""
    async with deciding(home, None, list(map(program, ("one", "two", "three", "four")))) as (session, watch, _):
        await send_and_decide(session, watch, task(1), reject("Shorter."), "approve")
        await send_and_decide(session, watch, task(2), edit(program("mine")), "approve")
        await send_and_decide(session, watch, task(3), reject())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    asyncio.run(decide(folder))
    return folder


class Export:
    """The command on one home."""

    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capfd = capfd
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        code = main(["export", *arguments, "--home", str(self._home)])
        self.out, self.err = self._capfd.readouterr()
        return code


@pytest.fixture
def export(home: Path, capfd: pytest.CaptureFixture[str]) -> Export:
    return Export(home, capfd)


@pytest.mark.parametrize(("format", "rows"), [("sft", 2), ("dpo", 2), ("kto", 5)])
def test_rows_are_on_standard_output_and_what_became_of_all_decisions_is_told_aside(
    export: Export, format: str, rows: int
) -> None:
    assert export("--format", format) == 0
    assert len([json.loads(line) for line in export.out.splitlines()]) == rows
    assert export.err.startswith(f"5 decisions read, {rows} rows written.\n")
    assert export("latest", "--format", format, "--since", "2020-01-01", "--reviewer", "ada", "--model", "tiny") == 0
    assert len(export.out.splitlines()) == rows


def test_a_split_is_two_files_and_the_rest_of_the_line_says_how_many_rows_each_has(
    export: Export, tmp_path: Path
) -> None:
    assert export("--format", "kto", "--validation", "0.3", "-o", str(tmp_path / "rows.jsonl")) == 0
    train, validation = (tmp_path / f"rows.{side}.jsonl" for side in ("train", "validation"))
    counts = [len(path.read_text().splitlines()) for path in (train, validation)]
    assert export.err.startswith(f"5 decisions read, 5 rows written: {counts[0]} to train, {counts[1]} to validate.")
    assert (sum(counts), export.out) == (5, "")
    assert {path.stat().st_mode & 0o777 for path in (train, validation)} == {0o600}


def test_a_split_that_leaves_one_side_without_rows_is_refused_and_another_share_named(
    export: Export, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    assert export("--format", "kto", "--validation", "0.05", "-o", str(path)) == 1
    assert "No row is left to validate: there are 3 tasks that can be told apart." in export.err
    assert not list(tmp_path.iterdir())
    (least, most) = re.findall(r"0\.\d+", export.err)
    for share in (least, most):
        assert export("--format", "kto", "--validation", share, "-o", str(path)) == 0
        assert all(side.stat().st_size for side in tmp_path.iterdir())
    assert export("--format", "kto", "--validation", "0.999", "-o", str(path)) == 1
    assert "No row is left to train" in export.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--format", "sft", "--since", "2999-01-01"], 1, "There is no row of sft to write.\n5 decisions read, 0 rows"),
        (["--format", "sft", "nobody"], 2, "There is no session 'nobody'."),
        (["--format", "sft", "--validation", "0.1"], 2, "A split needs two files."),
        (["--format", "sft", "--validation", "1"], 2, "'1' is no share between 0 and 1"),
        (["--format", "sft", "--validation", "nan"], 2, "'nan' is no share between 0 and 1"),
        (["--format", "sft", "--since", "yesterday"], 2, "'yesterday' is no date such as 2026-01-31"),
        (["--format", "sft", "-o", "/nowhere/rows.jsonl"], 2, "the folder /nowhere does not exist"),
        (["--format", "md", "--type", "translate"], 2, "--type is about decisions. Choose one of sft, dpo, kto"),
        (["--keep-duplicates"], 2, "--keep-duplicates is about decisions."),
        (["--format", "pdf"], 2, "There is no export format 'pdf'. Choose one of jsonl, json, md; or of sft, dpo, kto"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    export: Export, arguments: Sequence[str], code: int, words: str
) -> None:
    assert export(*arguments) == code
    assert words in export.err
    assert export.out == ""


def test_a_day_is_meant_to_its_end_and_a_time_to_the_second() -> None:
    assert day_or_time("1970-01-02") == 86_400
    assert day_or_time("1970-01-02", is_end=True) == 2 * 86_400
    assert day_or_time("1970-01-02T00:00:01", is_end=True) == day_or_time("1970-01-02T01:00:01+01:00") == 86_401
    for wrong in ("", "1970-02-30", "9999-12-31T", "\x1b[31m"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever Python says of it
            day_or_time(wrong)
    with pytest.raises(ValueError, match="beyond the last day"):
        day_or_time("9999-12-31", is_end=True)
