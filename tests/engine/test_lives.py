"""Who may take a job over, how often, and what becomes of a step that is not to be repeated."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters import process_identity
from evolver_tui.adapters.process_identity import is_gone, is_here, this_process
from tests.support.database_process import Companion
from tests.support.databases import add, claim, opened, task
from tests.support.processes import REPOSITORY, run_command
from tests.support.routine_process import PLUGINS, Working, end_leases, install

# --- who is proven to be dead --------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This process asked anew who it is, after a test changed what the system says."""
    yield monkeypatch
    monkeypatch.undo()
    forget()


def forget() -> None:
    process_identity._place.cache_clear()
    process_identity._identity.cache_clear()


def ended_process() -> str:
    """The identity of a process of this host that is over."""
    host, _, start = this_process().split(":")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return f"{host}:{child.pid}:{start}"


def test_machine_of_the_same_name_is_another_one(elsewhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dead = ended_process()
    assert is_gone(dead)
    other_boot = tmp_path / "boot_id"
    other_boot.write_text("7cfe1d58-56b5-4b0f-8a3c-3f5f4ac8b7aa\n")
    elsewhere.setattr(process_identity, "_BOOT_ID", str(other_boot))
    forget()
    assert this_process().partition("@")[0] == dead.partition("@")[0] == platform.node()
    assert not is_here(dead)
    assert not is_gone(dead), "it may live on the machine where it began"


def test_machines_that_go_on_from_one_snapshot_are_told_apart_by_their_network_cards(
    elsewhere: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts = []
    for number in range(2):
        card = tmp_path / str(number) / "eth0"
        (card / "device").mkdir(parents=True)
        (card / "address").write_text(f"52:54:00:12:34:0{number}\n")
        elsewhere.setattr(process_identity, "_NETWORK_CARDS", f"{tmp_path}/{number}/*/device")
        forget()
        hosts.append(this_process())
    assert hosts[0] != hosts[1]


def test_system_that_does_not_say_which_run_it_is_proves_nothing(elsewhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere.setattr(process_identity, "_BOOT_ID", str(tmp_path / "none"))
    elsewhere.setattr(process_identity, "_SYSCTLS", ())
    forget()
    mine = this_process()
    forget()
    assert not is_here(mine), "an identity that stands for one process alone"


def test_process_that_this_user_may_not_see_is_not_dead(tmp_path: Path) -> None:
    """In a mount of /proc that hides the processes of others, as another user."""
    code = (
        "import os, sys; from evolver_tui.adapters.process_identity import is_gone, is_here;"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        "assert not os.path.exists(f'/proc/{os.getppid()}/stat') or os.getppid() == 1;"
        "print(*(f'{is_here(owner)} {is_gone(owner)}' for owner in sys.argv[1:]), sep=';')"
    )
    script = f'mount -t proc -o hidepid=2 proc /proc && exec "{sys.executable}" -c "{code}" "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", this_process(), ended_process()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"needs the right to mount: {done.stderr}")
    assert done.stdout == "True False;True True\n", done.stderr


def test_process_of_another_namespace_is_not_judged_by_its_number() -> None:
    code = (
        "import sys; from evolver_tui.adapters.process_identity import is_gone, is_here, this_process;"
        "print(is_here(sys.argv[1]), is_gone(sys.argv[1]), this_process().split('@')[1])"
    )
    said = []
    for proc in ([], ["--mount-proc"]):  # with and without a /proc of its own
        command = ["unshare", "--pid", "--fork", *proc, sys.executable, "-c", code, this_process()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
        except FileNotFoundError:
            pytest.skip("needs unshare")
        if "unshare" in done.stderr:
            pytest.skip(f"needs the right to make a namespace: {done.stderr}")
        said.append(done.stdout.split())
    assert [words[:2] for words in said] == [["False", "False"]] * 2
    assert said[0][2] != said[1][2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="where a first thread may end alone")
def test_process_lives_while_one_of_its_threads_does() -> None:
    code = (
        "import ctypes, os, threading;"
        "threading.Thread(target=lambda: os._exit(len(os.read(0, 1)))).start();"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        start = stat.read_text().rpartition(")")[2].split()[19]
        owner = f"{this_process().split(':')[0]}:{process.pid}:{start}"
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            os.sched_yield()
        assert not is_gone(owner)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(owner)


@pytest.mark.anyio
async def test_taking_over_is_counted_until_a_person_has_a_say(url: str, companion: Companion) -> None:
    async with opened(url) as database:
        await add(database, task("a"))
        for count in range(1, 4):
            pid = companion.play("claim_and_wait", url)
            companion.until("claimed")
            os.kill(pid, 9)
            companion.until_ended()
            taken = await claim(database)
            assert taken.left_behind is not None
            assert (taken.left_behind.has_ended, taken.left_behind.takeovers) == (True, 2 * count - 1)
            assert f"process {pid} on " in str(taken.left_behind)
            assert "ended in the middle of it" in str(taken.left_behind)
            await database.renew(taken.job, taken.fence, 0.0)
            over = await claim(database)
            assert over.left_behind is not None
            assert (over.left_behind.has_ended, over.left_behind.takeovers) == (False, 2 * count)
            await database.release(over.job, over.fence)
            waited = await claim(database)
            assert waited.left_behind is None, "it was given back in order"
            await database.release(waited.job, waited.fence)


# --- a job that its workers die over -------------------------------------------------------------------------------

DEADLY = '[routines]\ndeadly = "deaths:ends_its_process"\ncharges = "deaths:charges"\n'


def a_home(folder: Path, config: str = DEADLY) -> Path:
    install(folder, config, PLUGINS / "deaths.py")
    return folder


def lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def a_task(folder: Path, routine: str, **more: str) -> dict[str, Any]:
    return {"id": routine, "taskName": routine, "routine": routine, "folder": str(folder), "priority": "high", **more}


BEHIND = {"id": "behind", "taskName": "Blog", "llmTaskType": "summarize", "priority": "low"}


def jobs(home: Path, *arguments: str) -> str:
    """What `evolver-tui jobs` says."""
    done = run_command("jobs", *arguments, home=home, EVOLVER_HOME=str(home))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("way", ["exit", "abort", "crash"])
def test_job_that_ends_its_process_fails_in_the_end_and_the_queue_moves_on(tmp_path: Path, way: str) -> None:
    home = a_home(tmp_path / "home", f"{DEADLY}[worker]\nmax_takeovers = 2\n")
    with Working(home, [a_task(tmp_path, "deadly", way=way), BEHIND]) as first:
        first.wait()
    for _ in range(2):
        with Working(home) as working:
            working.wait()
            (taken,) = working.told("job.taken_over")
            assert taken["has_ended"]
            (told,) = working.told("step.may_have_begun")
            assert told["step"] == "resize"
    with Working(home) as last:
        failed = last.until("task.failed", task_id="deadly")
        last.until("review.requested", task_id="behind")
    assert lines(tmp_path / "began") == 3
    assert lines(tmp_path / "looked") == 1, "what was done is not done again"
    said = failed["error"]
    assert said.startswith("Its worker was lost over it 3 times, after the step 'look': the last one, process ")
    assert f" on {platform.node()} ended in the middle of it. " in said
    assert "Look for the cause, then retry it" in said
    assert said.partition(". ")[0] in jobs(home, "show", "deadly")
    (tmp_path / "mended").touch()
    jobs(home, "retry", "deadly")
    with Working(home) as mended:
        mended.until("task.completed", task_id="deadly")
        assert mended.told("job.taken_over") == []


def test_job_that_ends_its_process_takes_no_other_with_it_again_and_again(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home")
    tasks = [a_task(tmp_path, "deadly", way="exit"), {**a_task(tmp_path, "charges"), "priority": "low"}]
    with Working(home, tasks) as first:
        first.wait()
    begun_beside, lost = 0, 0
    for _ in range(3):
        with Working(home) as working:
            working.wait()
            begun_beside += len(working.told("task.started", task_id="charges"))
            lost += len(working.told("job.taken_over", task_id="charges"))
    with Working(home) as last:
        assert "was lost over it 4 times" in last.until("task.failed", task_id="deadly")["error"]
        while not lines(tmp_path / "began") > 4:
            last.wait_until(lambda: last.told("task.started") or last.told("job.resumed"))
            os.sched_yield()
        lost += len(last.told("job.taken_over", task_id="charges"))
    assert begun_beside <= 1, "only until it was known whose job ends the process"
    assert lost <= 1


# --- a step that is not to be repeated -----------------------------------------------------------------------------


def killed_in_its_step(home: Path, folder: Path) -> None:
    with Working(home, [a_task(folder, "charges")]) as working:
        while not lines(folder / "began"):
            working.wait_until(lambda: working.told("task.started"))
            os.sched_yield()


def asked(home: Path) -> str:
    """What a worker that takes the job up asks before it stops at it."""
    with Working(home) as working:
        return str(working.until("question.asked", task_id="charges")["message"])


def test_person_says_that_the_step_was_done_and_it_is_not_done_again(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home")
    killed_in_its_step(home, tmp_path)
    message = asked(home)
    assert message.startswith("Was the step 'charge' done? It began at ")
    assert "ended in the middle of it" in message
    jobs(home, "answer", "charges", "outcome=done", 'result={"number": 5}')
    with Working(home) as working:
        working.until("task.completed")
    assert (lines(tmp_path / "began"), lines(tmp_path / "looked"), lines(tmp_path / "told")) == (1, 1, 1)
    shown = json.loads(jobs(home, "show", "charges", "--json"))
    assert shown["result"] == {"receipt": {"number": 5}}
    assert "(began)" not in str(shown)


def test_person_says_that_it_was_not_done_and_is_asked_again_when_that_dies_as_well(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home")
    killed_in_its_step(home, tmp_path)
    asked(home)
    jobs(home, "answer", "charges", "outcome=not done")
    with Working(home) as working:
        working.until("job.resumed")
        while lines(tmp_path / "began") < 2:
            os.sched_yield()
    asked(home)
    assert lines(tmp_path / "began") == 2
    jobs(home, "answer", "charges", "outcome=not done")
    (tmp_path / "open").touch()
    with Working(home) as working:
        working.until("task.completed")
    assert (lines(tmp_path / "began"), lines(tmp_path / "told")) == (3, 1)


@pytest.mark.parametrize("content", [["outcome=give up"], ["--decline"]], ids=["give up", "decline"])
def test_person_gives_it_up_and_decides_anew_after_a_retry(tmp_path: Path, content: list[str]) -> None:
    home = a_home(tmp_path / "home")
    killed_in_its_step(home, tmp_path)
    asked(home)
    jobs(home, "answer", "charges", *content)
    with Working(home) as working:
        assert "Step 'charge' was given up by a person." in working.until("task.failed")["error"]
    jobs(home, "retry", "charges")
    asked(home)
    jobs(home, "answer", "charges", "outcome=done")
    with Working(home) as working:
        working.until("task.completed")
    assert (lines(tmp_path / "began"), lines(tmp_path / "told")) == (1, 1)


def test_step_that_failed_is_not_repeated_unasked_either(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home")
    with Working(home, [a_task(tmp_path, "charges", fails="the answer was lost")]) as working:
        assert "the answer was lost" in working.until("task.failed")["error"]
    jobs(home, "retry", "charges")
    assert "its worker stopped, or it failed" in asked(home)
    assert lines(tmp_path / "began") == 1


def test_lease_that_ended_while_nobody_knows_of_its_worker_asks_as_well(tmp_path: Path) -> None:
    home = a_home(tmp_path / "home")
    with Working(home, [a_task(tmp_path, "charges")], host="another-machine") as living:
        while not lines(tmp_path / "began"):
            living.wait_until(lambda: living.told("task.started"))
        end_leases(home)
        assert "on another-machine was not heard of until its lease was over" in asked(home)
    assert lines(tmp_path / "began") == 1
