"""What docs/training.md shows runs as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from evolver_tui.core.training.record import COMPLETED, read_line
from tests.support.tracked import end_of, headers_of, only_run, script, value_of

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
RUNS = re.findall(r"<!-- runs -->\n```python\n(.*?)```", PAGE, re.DOTALL)
CREATOR = re.findall(r"<!-- creator -->\n```python\n(.*?)```", PAGE, re.DOTALL)
RECORDS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("code", RUNS)
def test_a_loop_runs_as_it_stands(code: str, tmp_path: Path) -> None:
    done = script(code, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    records = only_run(tmp_path)
    assert headers_of(records)[0].project == "addition"
    assert value_of(records, "loss") < 0.1
    assert end_of(records) == COMPLETED


@pytest.mark.parametrize("code", CREATOR)
def test_a_trainer_with_a_callback_runs_as_it_stands(code: str, tmp_path: Path) -> None:
    before = """
class Creator:
    def set_progress_callback(self, callback):
        self.tell = callback

creator = Creator()
"""
    after = "creator.tell({'loss': 0.25, 'currentStep': 5, 'totalSteps': 10, 'currentModel': 1, 'totalModels': 3})\n"
    done = script(before + code + after, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert value_of(only_run(tmp_path), "loss") == 0.25


def test_the_records_that_are_shown_are_read() -> None:
    (lines,) = RECORDS
    assert [json.loads(line)["type"] for line in lines.splitlines()] == ["run", "point", "event", "end"]
    for line in lines.splitlines():
        read_line(line.encode())


def test_there_is_something_to_run() -> None:
    assert (len(RUNS), len(CREATOR)) == (2, 1)
