"""`evolver-tui stats`: figures of decisions for people, scripts and spreadsheets."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.cli.main import main
from tests.support.decided_week import DAY, fill_week
from tests.support.sessions import workspace_in

Output = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose database holds a week of decisions, the last of it half a day ago."""
    file = workspace_in(tmp_path).database_file
    assert file is not None
    asyncio.run(fill_week(file, time.time() - DAY / 2, people=("ada", "=cmd|'/c calc'!A1")))
    return tmp_path


def stats(home: Path, output: Output, *arguments: str) -> tuple[int, str, str]:
    code = main(["stats", "--home", str(home), *arguments])
    written = output.readouterr()
    return code, written.out, written.err


def test_groups_and_reasons_stand_in_tables(home: Path, capsys: Output) -> None:
    code, text, told = stats(home, capsys)
    lines = text.splitlines()
    assert code == 0
    assert lines[0].split()[:2] == ["TYPE", "DECISIONS"]
    assert [line.split()[0] for line in lines[1:5]][-1] == "all"
    assert lines[4].split()[1] == "60"
    assert any("too long" in line.casefold() for line in lines)
    assert "tokens are estimates" in told


def test_scripts_get_json_and_spreadsheets_no_formula(home: Path, capsys: Output) -> None:
    _, text, _ = stats(home, capsys, "--by", "person", "--format", "json")
    found: dict[str, Any] = json.loads(text)
    assert found["total"]["decisions"] == sum(group["decisions"] for group in found["groups"]) == 60
    assert found["total"]["until_decided"]["known"] == 60
    assert json.loads(stats(home, capsys, "--by", "person", "--json")[1]) == found
    _, text, _ = stats(home, capsys, "--by", "person", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["group"] for row in rows][-1] == "all"
    assert any(row["group"].startswith("'=cmd") for row in rows)
    assert rows[-1]["decisions"] == "60"


def test_a_period_is_a_number_of_days_or_dates(home: Path, capsys: Output) -> None:
    _, week, _ = stats(home, capsys, "--days", "9", "--json")
    _, before, _ = stats(home, capsys, "--until", "2020-01-31", "--json")
    assert json.loads(week)["total"]["decisions"] == 60
    assert json.loads(before)["total"]["decisions"] == 0
    code, text, told = stats(home, capsys, "--until", "2020-01-31")
    assert (code, text, told) == (0, "", "Nothing was decided in this time.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--by", "tipe"), "Did you mean 'type'?"),
        (("--format", "xls"), "There is no format 'xls'."),
        (("--since", "spring"), "'spring' is no date"),
        (("--days", "3", "--since", "2026-01-01"), "--days names the whole period"),
    ],
)
def test_what_cannot_be_meant_is_said(home: Path, capsys: Output, arguments: tuple[str, ...], told: str) -> None:
    try:
        code, text, words = stats(home, capsys, *arguments)
    except SystemExit as end:
        written = capsys.readouterr()
        code, text, words = int(str(end.code)), written.out, written.err
    assert (code, text) == (2, "")
    assert told in words


def test_where_nothing_was_decided_that_is_said(tmp_path: Path, capsys: Output) -> None:
    assert stats(tmp_path, capsys)[2].startswith("Nothing was decided in this time.")
    assert json.loads(stats(tmp_path, capsys, "--json")[1])["groups"] == []


def test_a_job_tells_what_it_cost(home: Path, capsys: Output) -> None:
    assert main(["jobs", "show", "job:1", "--home", str(home)]) == 0
    assert "1 generation" in capsys.readouterr().out
    assert main(["jobs", "show", "job:1", "--json", "--home", str(home)]) == 0
    assert json.loads(capsys.readouterr().out)["spent"]["generations"] == 1
