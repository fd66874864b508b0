"""Whether a training's process has ended is told from the header of its run, and only where it is certain."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from evolver_tui.adapters.process_identity import has_ended
from evolver_tui.track.process import this_process

TELLS = "import json; from evolver_tui.track.process import this_process; print(json.dumps(this_process()), flush=True)"
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what /proc says")


def test_a_process_is_seen_to_live_and_to_have_been_killed() -> None:
    import json

    with subprocess.Popen(
        [sys.executable, "-c", f"{TELLS}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        assert not has_ended(told)
        process.kill()
        process.wait()
        assert has_ended(told)


def test_this_process_lives_and_another_one_of_its_number_does_not() -> None:
    told = this_process()
    assert not has_ended(told)
    assert has_ended(told | {"start": "1"})


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "elsewhere"}, {"boot": "another"}, {"namespace": "pid:[1]"}, {"boot": None}, {"start": ""},
        {"start": "x"}, {"start": 5}, {"pid": -1}, {"pid": 0}, {"pid": "1"}, {"pid": 2**80}, {"pid": None},
    ],
    ids=str,
)  # fmt: skip
def test_nothing_is_said_of_a_process_that_cannot_be_seen_from_here(changes: dict[str, Any]) -> None:
    assert not has_ended(this_process() | {"start": "1"} | changes)


def test_nothing_is_said_where_nothing_is_told() -> None:
    assert not has_ended({})
