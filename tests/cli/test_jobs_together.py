"""`evolver-tui jobs approve` and `reject` about several drafts: each of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.core.job import JobState
from evolver_tui.core.node import sha256_of
from evolver_tui.engine.store import Store
from tests.support.bundles import CODE, RAW, reviewed
from tests.support.job_desk import Jobs

OTHER = CODE.replace("\n", "\n# another\n", 1)
HIGH_RISK = f"import subprocess\n{CODE}"


@pytest.fixture
def jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The command on a home with two drafts, used by ada."""
    monkeypatch.setenv("USER", "ada")
    for name in ("LOGNAME", "EVOLVER_HOME"):
        monkeypatch.delenv(name, raising=False)
    jobs = Jobs(tmp_path / "home", capsys, monkeypatch)
    jobs.store(lambda store: two(store, OTHER))
    return jobs


async def two(store: Store, other: str) -> None:
    await reviewed(store)
    await reviewed(store, {**RAW, "id": "task-2"}, code=other)


def states(jobs: Jobs) -> list[JobState]:
    return [row.state for row in jobs.store(lambda store: store.rows_after(None, 9))]


def test_several_are_approved_by_one_command(jobs: Jobs) -> None:
    done = jobs("approve", "task-1", "2", "1")
    assert (done.code, done.err) == (0, "2 drafts are approved.\n")
    assert done.out == f"echo_back v1 {sha256_of(CODE)}\necho_back v1 {sha256_of(OTHER)}\n"
    assert states(jobs) == [JobState.PENDING] * 2


def test_several_are_sent_back_with_one_reason_and_told_to_scripts(jobs: Jobs) -> None:
    done = jobs("reject", "1", "2", "--reason", "shorter", "--json")
    assert [each["task_id"] for each in done.value["decided"]] == ["task-1", "task-2"]
    kept = [jobs.store(lambda store, job=job: store.journal(job))["review 1"] for job in (1, 2)]  # type: ignore[misc]
    assert [(each["kind"], each["reason"]) for each in kept] == [("reject", "shorter")] * 2


@pytest.mark.parametrize(
    ("ids", "said"),
    [(["1", "2", "3"], "Job 3 (task-3): The risk of echo_back is high"), (["1", "9"], "There is no job 9")],
    ids=["high risk", "unknown"],
)
def test_none_is_decided_where_one_cannot_be(jobs: Jobs, ids: list[str], said: str) -> None:
    jobs.store(lambda store: reviewed(store, {**RAW, "id": "task-3"}, code=HIGH_RISK))
    done = jobs("approve", *ids)
    assert done.code != 0
    assert said in done.err, done.err
    assert states(jobs) == [JobState.PAUSED] * 3


def test_what_names_one_draft_is_refused_with_several(jobs: Jobs) -> None:
    done = jobs("approve", "1", "2", "--sha256", sha256_of(CODE))
    assert (done.code, states(jobs)) == (ExitCode.WRONG_USAGE, [JobState.PAUSED] * 2)
