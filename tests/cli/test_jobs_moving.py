"""A job leaves one machine and goes on at another: by file, by pipe, by storage; once, whatever breaks in between."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.bundle import Bundle
from evolver_tui.core.job import JobState
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import Store
from tests.support.bundles import RAW, asking, claimed, reviewed, with_checksum
from tests.support.connect_runs import a_hub, says
from tests.support.databases import add, check_whole, task
from tests.support.hostile import assert_harmless, bundles
from tests.support.job_desk import Jobs
from tests.support.processes import PATIENCE_SECONDS, Connect, environment, in_thread
from tests.support.sessions import SUMMARIZE
from tests.support.storages import BUCKET, SECRET, S3Server, s3_environment

UNCLEAR = {**SUMMARIZE, "llmTaskType": ""}


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The command on the home that a job leaves."""
    monkeypatch.setenv("USER", "ada")
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.chdir(tmp_path)
    return Jobs(tmp_path / "here", capsys, monkeypatch)


@pytest.fixture
def there(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The command on an empty home where it goes on."""
    return Jobs(tmp_path / "there", capsys, monkeypatch)


# --- by file ---


def test_a_job_moves_by_file(here: Jobs, there: Jobs) -> None:
    here.store(reviewed)
    left = here("export", "task-1", "-o", "job.json", "--json")
    assert left.code == 0
    assert left.value == {"job": 1, "task_id": "task-1", "bundle": left.value["bundle"], "to": "job.json"}
    assert left.err == "Job 1 (task-1) left for job.json. Import it where it is to go on.\n"
    assert stat.S_IMODE(Path("job.json").stat().st_mode) == 0o600
    assert here.shown("1")["state"] == "exported"
    there.store(lambda store: add(store, task("before")))
    came = there("import", "job.json")
    assert (came.code, came.out) == (0, "2\n")
    host = socket.gethostname()
    assert came.err.startswith("Job 2 (task-1) came in from ada on ")
    assert host.partition(".")[0] in came.err
    before, after = here.shown("1"), there.shown("2")
    moved = ("task", "answers", "steps", "shared_data", "shared_log", "deferred_events", "attempt", "received_at")
    assert {name: after[name] for name in moved} == {name: before[name] for name in moved}
    assert (after["state"], after["pause_reason"], after["bundle"]) == ("paused", "review", left.value["bundle"])


def test_it_comes_back_under_its_old_number(here: Jobs, there: Jobs) -> None:
    here.store(reviewed)
    here("export", "1", "-o", "a.json")
    there("import", "a.json")
    assert there("export", "1", "-o", "b.json").code == 0
    came = here("import", "b.json", "--json")
    assert (came.code, came.value["job"], came.value["state"]) == (0, 1, "paused")
    late = here("import", "a.json")
    assert (late.code, late.out) == (1, "")


def test_the_same_command_writes_the_same_bundle_again(here: Jobs) -> None:
    here.store(reviewed)
    first = here("export", "1", "-o", "job.json", "--json").value
    assert here("export", "1", "-o", "job.json", "--json").value == first
    assert here("export", "1", "-o", "other.json", "--json").value["bundle"] == first["bundle"]
    whole, other = (Bundle.from_json(Path(name).read_bytes()) for name in ("job.json", "other.json"))
    assert whole == other


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (lambda: Path("x").write_text("precious"), "x", "x is there already. Name a file that is not"),
        (lambda: Path("x").mkdir(), "x", "x is there already"),
        (lambda: Path("x").symlink_to("nowhere"), "x", "x is there already"),
        (lambda: os.mkfifo("x"), "x", "x is there already"),
        (lambda: None, "no/folder/x", "There is no folder no/folder"),
        (lambda: None, "x" * 300, "cannot be written: File name too long"),
        (lambda: None, "a\0b", "cannot be written: it is no name of a file"),
        (lambda: None, "/dev/full", "/dev/full is there already"),
    ],
)
def test_where_no_file_can_be_made_nothing_leaves(here: Jobs, make: Callable[[], Any], name: str, said: str) -> None:
    here.store(reviewed)
    make()
    done = here("export", "1", "-o", name)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert here.shown("1")["state"] == "paused"


def test_another_jobs_bundle_is_not_written_over(here: Jobs) -> None:
    here.store(reviewed)
    here.store(lambda store: asking(store, {**RAW, "id": "task-2"}))
    here("export", "1", "-o", "job.json")
    content = Path("job.json").read_bytes()
    done = here("export", "2", "-o", "job.json")
    assert (done.code, "another job's bundle" in done.err) == (2, True)
    assert here.shown("2")["state"] == "paused"
    assert Path("job.json").read_bytes() == content


async def _running(store: Store) -> None:
    await claimed(store)


async def _failed(store: Store) -> None:
    claim = await claimed(store)
    await store.finish(claim.job, claim.fence, JobState.FAILED, "s", error="The model said no.")


@pytest.mark.parametrize(
    ("make", "said"), [(_running, "Job 1 is being worked on."), (_failed, "Job 1 is over: failed.")]
)
def test_only_a_waiting_job_leaves(here: Jobs, make: Callable[[Store], Any], said: str) -> None:
    here.store(make)
    done = here("export", "1", "-o", "job.json")
    assert (done.code, said in done.err) == (1, True)
    assert not Path("job.json").exists()


def test_a_new_job_that_nobody_began_leaves_as_well(here: Jobs, there: Jobs) -> None:
    here.store(lambda store: add(store, task("fresh")))
    here("export", "fresh", "-o", "job.json")
    assert there("import", "job.json").code == 0
    assert there.shown("fresh")["state"] == "pending"


# --- what is wrong with a bundle ---


def _newer(text: str) -> str:
    return json.dumps(with_checksum({**json.loads(text), "version": 2}))


def _without_its_task(text: str) -> str:
    body = json.loads(text)
    del body["job_state"]["task"]
    return json.dumps(with_checksum(body))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "The bundle is torn or is not JSON."),
        (lambda text: text.replace("grace", "mary"), "checksum does not fit: it is torn or was changed."),
        (_newer, "written by a newer version (format 2, known here: 1). Update evolver-tui"),
        (_without_its_task, "its job_state.task is missing or wrong."),
        (lambda text: "{}", "This is not a job that evolver-tui exported."),
        (lambda text: "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bundle_that_is_not_whole_changes_nothing(
    here: Jobs, there: Jobs, change: Callable[[str], str], said: str
) -> None:
    here.store(reviewed)
    here("export", "1", "-o", "job.json")
    Path("changed.json").write_text(change(Path("job.json").read_text()))
    done = there("import", "changed.json")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert said in done.err
    assert there("list", "--json").value["total"] == 0


def test_what_came_in_already_is_refused_with_its_number(here: Jobs, there: Jobs) -> None:
    here.store(reviewed)
    here("export", "1", "-o", "job.json")
    there("import", "job.json")
    before = there.shown("1")
    done = there("import", "job.json")
    assert (done.code, done.out) == (1, "")
    assert done.err == "evolver-tui: This bundle was imported already, as job 1. Nothing was changed.\n"
    assert there.shown("1") == before


def test_a_task_that_is_here_in_another_state_is_refused(here: Jobs, there: Jobs) -> None:
    here.store(reviewed)
    here("export", "1", "-o", "job.json")
    there.store(_failed)
    done = there("import", "job.json")
    assert (done.code, done.out) == (1, "")
    assert "is here already, as job 1 (failed)" in done.err
    assert there.shown("1")["state"] == "failed"


@pytest.mark.parametrize("name", ["/nowhere", ".", "/dev/zero", "a\0b"])
def test_what_cannot_be_read_is_said(there: Jobs, name: str) -> None:
    done = there("import", name)
    assert (done.code, done.out) == (1 if name == "/dev/zero" else 2, "")
    assert done.err.startswith("evolver-tui: ")


def test_a_strangers_bundle_steers_no_terminal(here: Jobs, there: Jobs) -> None:
    words = "".join(bundles(40))
    here.store(reviewed)
    here("export", "1", "-o", "job.json")
    body = json.loads(Path("job.json").read_text())
    body |= {"exported_by": words, "host": words}
    body["job_state"]["task"] |= {"id": words, "taskName": words}
    body["job_state"]["pause_points"][1]["message"] = words
    for name in ("title", "code", "author", "node_id"):
        body["job_state"]["pause_points"][1]["subject"]["draft"][name] = words
    Path("odd.json").write_text(json.dumps(with_checksum(body)))
    for arguments in (["import", "odd.json"], ["import", "odd.json"], ["show", "1"], ["list"], ["approve", "1"]):
        done = there(*arguments)
        assert done.out + done.err
        assert_harmless(done.out + done.err)


# --- by pipe ---


def test_a_job_moves_through_a_pipe(here: Jobs, there: Jobs) -> None:
    here.store(reviewed)
    left = here("export", "1", "-o", "-", "--json")
    assert left.err == "Job 1 (task-1) left for standard output. Import it where it is to go on.\n"
    assert Bundle.from_json(left.out).exported_by == "ada"
    came = there.process("import", "-", stdin=left.out.encode())
    assert (came.code, came.out) == (0, "1\n")
    assert there.shown("1")["state"] == "paused"


def test_where_the_bundle_could_not_be_written_the_same_command_writes_it_later(here: Jobs) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    here.store(reviewed)
    command = ["sh", "-c", '"$0" -m evolver_tui jobs export 1 -o - "$@" > /dev/full', sys.executable, *here.place]
    done = subprocess.run(command, env=environment(here.home), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "No space left on device. Job 1 (task-1) has left the queue here" in done.stderr
    assert "run the same command again" in done.stderr
    assert here.shown("1")["state"] == "exported"
    assert Bundle.from_json(here("export", "1", "-o", "-").out).id == here.shown("1")["bundle"]


def test_a_full_disk_leaves_no_half_file_and_loses_nothing(here: Jobs) -> None:
    here.store(reviewed)

    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with here.monkeypatch.context() as full:
        full.setattr("evolver_tui.settings.private_file.os.fsync", no_space)
        done = here("export", "1", "-o", "job.json")
    assert (done.code, done.out) == (1, "")
    assert "job.json cannot be written: No space left on device. Job 1 (task-1) has left the queue here" in done.err
    assert [path for path in Path.cwd().iterdir() if "job.json" in path.name] == []
    assert here("export", "1", "-o", "job.json", "--json").value["bundle"] == here.shown("1")["bundle"]


# --- by storage ---


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


def test_a_job_moves_by_a_folder(here: Jobs, there: Jobs, tmp_path: Path) -> None:
    here.store(reviewed)
    url = f"file://{tmp_path}/shared"
    left = here("export", "1", "--to", url, "--json").value
    assert left["to"] == f"{url}/execution_state/{left['bundle']}.json"
    again = here("export", "1", "--to", url, "--json").value
    assert again == left
    assert there("import", "--from", url).code == 0
    assert list((tmp_path / "shared" / "execution_state").iterdir()) == []
    second = there("import", "--from", url)
    assert (second.code, second.err) == (1, f"evolver-tui: There is no bundle in {url}. Nothing was imported.\n")


def test_a_job_moves_by_s3(here: Jobs, there: Jobs, s3: S3Server, tmp_path: Path) -> None:
    here.environ = there.environ = s3_environment(s3.url, tmp_path)
    here.store(reviewed)
    url = f"s3://{BUCKET}/team"
    left = here.process("export", "1", "--to", url, "--json")
    assert left.code == 0, left.err
    assert s3.keys("team/") == [f"team/execution_state/{left.value['bundle']}.json"]
    came = there.process("import", "--from", left.value["to"])
    assert (came.code, came.out, came.err.count("\n")) == (0, "1\n", 1)
    assert s3.keys("team/") == []
    second = there.process("import", "--from", url)
    assert (second.code, second.out) == (1, "")
    assert SECRET not in left.err + came.err + second.err
    assert there.shown("1")["state"] == "paused"


def test_of_several_jobs_in_a_storage_one_has_to_be_named(here: Jobs, there: Jobs, tmp_path: Path) -> None:
    here.store(asking)
    here.store(lambda store: asking(store, {**RAW, "id": "task-2"}))
    url = f"file://{tmp_path}/shared"
    places = sorted(here("export", name, "--to", url, "--json").value["to"] for name in ("1", "2"))
    done = there("import", "--from", url)
    assert (done.code, done.out) == (2, "")
    assert [line for line in done.err.splitlines() if line.startswith("file://")] == places
    assert there("import", "--from", places[0]).code == 0
    assert there("import", "--from", url).code == 0


def test_a_bundle_that_somebody_else_took_at_the_same_time_is_told(here: Jobs, there: Jobs, tmp_path: Path) -> None:
    here.store(reviewed)
    place = here("export", "1", "--to", str(tmp_path / "shared"), "--json").value["to"]

    original = Inbox.import_job

    async def import_job(self: Inbox, bundle: Bundle) -> int:
        os.unlink(place)
        return await original(self, bundle)

    there.monkeypatch.setattr(Inbox, "import_job", import_job)
    done = there("import", "--from", place)
    assert (done.code, done.out) == (1, "1\n")
    assert "Somebody else removed" in done.err


def test_an_import_that_was_broken_off_before_the_removal_is_brought_to_its_end(
    here: Jobs, there: Jobs, tmp_path: Path
) -> None:
    here.store(reviewed)
    place = Path(here("export", "1", "--to", str(tmp_path / "shared"), "--json").value["to"])
    there("import", str(place))
    done = there("import", "--from", str(place))
    assert (done.code, done.out) == (1, "")
    assert done.err == f"evolver-tui: This bundle was imported already, as job 1. {place} is removed.\n"
    assert not place.exists()


@contextlib.contextmanager
def hanging_server() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(PATIENCE_SECONDS)
        yield server


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_ends_between_database_and_storage_loses_nothing(
    here: Jobs, there: Jobs, tmp_path: Path, number: signal.Signals
) -> None:
    here.store(reviewed)
    with hanging_server() as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "evolver_tui", "jobs", "export", "1", "--to", "s3://jobs/x", *here.place]
        environ = {**environment(here.home), **s3_environment(address, tmp_path)}
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            connection, _ = server.accept()
            with connection:
                process.send_signal(number)
                out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert out == b""
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert b"run the same command again" in err
    assert here.shown("1")["state"] == "exported"
    done = here("export", "1", "-o", "job.json", "--json")
    assert done.value["bundle"] == here.shown("1")["bundle"]
    assert there("import", "job.json").code == 0


# --- the whole way ---


def test_a_question_is_answered_on_another_machine_and_the_node_is_saved_there_once(
    here: Jobs, there: Jobs, url: str
) -> None:
    """Real processes on both sides: a worker here asks and ends; there it is imported, answered, approved, saved."""
    there.url = url
    with in_thread(a_hub(UNCLEAR)) as hub, Connect(here.home, {"hub_url": hub.url}, "--approve", "none") as worker:
        worker.until("task_waiting", task_id="task-1", waits_for="answer")
        worker.finish()
    exported = here.process("export", "task-1", "-o", "job.json")
    assert exported.code == 0, exported.err
    imported = there.process("import", str(here.home / "job.json"))
    assert (imported.code, imported.out) == (0, "1\n")
    answered = there.process("answer", "1", "llmTaskType=summarize", "--json")
    assert (answered.code, answered.value["content"]) == (0, {"llmTaskType": "summarize"})

    options = ("--approve", "none", "--database", url)
    with says() as silent, Connect(there.home, {"hub_url": silent.url}, *options) as worker:
        worker.until("task_waiting", task_id="task-1", waits_for="review")
        approved = there.process("approve", "task-1")
        worker.until("workflow_saved", task_id="task-1")
        worker.until("task_completed", task_id="task-1")
        worker.finish()
        assert len(worker.told("workflow_saved")) == 1
    node, version, digest = approved.out.split()
    code = (there.home / "nodes" / node / "main.py").read_bytes()
    assert (version, digest) == ("v1", hashlib.sha256(code).hexdigest())
    assert [path.name for path in (there.home / "nodes" / node / "versions").iterdir()] == ["1"]
    job = there.shown("1")
    assert (job["state"], job["outcome"], job["node"]) == ("completed", "approved", f"{node} v1")
    assert [answer["answered_by"] for answer in job["answers"]] == ["ada", "ada"]
    check_whole(url)

    with in_thread(a_hub({**SUMMARIZE, "id": "task-9"})) as hub, Connect(here.home, {"hub_url": hub.url}) as worker:
        worker.until("task_completed", task_id="task-9")
        worker.finish()
        assert not worker.told("processing_task", task_id="task-1")
    assert here.shown("task-1")["state"] == "exported"
