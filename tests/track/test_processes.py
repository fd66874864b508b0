"""What becomes of a run when its process ends, is killed, forks or meets another one; all on real processes."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from evolver_tui.core.training.record import COMPLETED, FAILED, RunHeader, read_line
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.processes import PATIENCE_SECONDS, environment
from tests.support.tracked import (
    end_of,
    events_of,
    headers_of,
    only_run,
    points_of,
    records_in,
    script,
    started,
    until,
    value_of,
)

ENDLESS = """
    import itertools, sys
    import evolver_tui.track as track
    run = track.init(id="r", interval=0.01, total_steps=1000, **eval(sys.argv[1] if len(sys.argv) > 1 else "{}"))
    print(run.id, flush=True)
    for step in itertools.count():
        run.log({"loss": 1 / (step + 1)}, step=step)
        if step % 10_000 == 0:
            run.event("checkpoint")
"""


def test_a_run_that_is_killed_has_whole_lines_and_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    for count in (1, 2):
        with started(ENDLESS, tmp_path, "{'resume': True, 'step': 5}") as process:
            before = file.stat().st_size if file.exists() else 0
            until(lambda before=before: file.exists() and file.stat().st_size > before + 3000)  # type: ignore[misc]
            process.kill()
            process.wait()
        data = file.read_bytes()
        assert data.endswith(b"\n")
        records = records_in(file)
        assert len(headers_of(records)) == count
        assert end_of(records) == ""
    assert len({header.started_at for header in headers_of(records)}) == 1
    assert len({header.process["pid"] for header in headers_of(records)}) == 2
    (resumed,) = events_of(records, "training_resumed")
    assert resumed.step == 5
    run = TrainingRun("r")
    run.add_all(records)
    steps = list(run.series[0, "loss"].steps)
    assert steps == sorted(set(steps))


def test_what_a_killed_process_left_of_a_line_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    code = "import evolver_tui.track as t; r = t.init(id='r'); r.log({'loss': 1.0}, step=41); r.finish()"
    assert script(code, tmp_path).stderr == ""
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"type":"point","step":42,"at":1.0,"model":0,"val')
    code = "import evolver_tui.track as t; r = t.init(id='r'); r.log({'loss': 2.0}); r.finish()"
    assert script(code, tmp_path).stderr == ""
    assert file.read_bytes().startswith(whole + b'{"type":"run"')
    assert [point.step for point in points_of(records_in(file))] == [41, 42]


@pytest.mark.parametrize("torn", [b"", b"\n\n", b'{"type":"ru', b"\0" * 4096, b"\xff\xfe\n" * 10])
def test_a_file_with_nothing_whole_in_it_is_begun_anew(torn: bytes, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(torn)
    script("import evolver_tui.track as t; r = t.init(id='r'); r.log({'loss': 1.0}); r.finish()", tmp_path)
    kept = [line for line in (tmp_path / "r.jsonl").read_bytes().splitlines() if line.startswith(b"{")]
    assert isinstance(read_line(kept[0]), RunHeader)
    assert end_of([read_line(line) for line in kept]) == COMPLETED


@pytest.mark.parametrize(
    ("end", "status"),
    [("", COMPLETED), ("raise ValueError('boo')", FAILED), ("import sys; sys.exit(0)", COMPLETED), ("1/0", FAILED)],
)
def test_a_process_that_ends_without_a_word_ends_its_run(end: str, status: str, tmp_path: Path) -> None:
    code = f"import evolver_tui.track as t; t.init(); [t.log({{'loss': float(n)}}) for n in range(100)]; {end}"
    if end.startswith("raise"):
        code = code.replace("; raise", "\nraise")
    done = script(code, tmp_path)
    records = only_run(tmp_path)
    assert value_of(records, "loss") == 99.0
    assert end_of(records) == status
    assert ("Traceback" in done.stderr) is (status == FAILED)
    assert len(events_of(records, "error")) == (status == FAILED)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("sys.exit(3)", FAILED),
        ("sys.exit('no such data')", FAILED),
        ("try: sys.exit(3)\nexcept SystemExit: t.log({'loss': 2.0})", COMPLETED),
    ],
    ids=["number", "words", "caught"],
)
def test_a_process_that_exits_with_a_failure_has_failed(code: str, status: str, tmp_path: Path) -> None:
    script(f"import sys\nimport evolver_tui.track as t\nt.init()\nt.log({{'loss': 1.0}})\n{code}", tmp_path)
    records = only_run(tmp_path)
    assert end_of(records) == status
    assert [event.payload["error"] for event in events_of(records, "error")] == ["SystemExit"] * (status == FAILED)


def test_a_thread_that_tells_to_the_end_does_not_make_an_exit_a_success(tmp_path: Path) -> None:
    code = """
        import sys, threading
        import evolver_tui.track as track
        run = track.init(id="r")
        told = threading.Event()
        def observe():
            while True:
                run.log({"memory": 0.5})
                told.set()
        threading.Thread(target=observe, daemon=True).start()
        try:
            sys.exit(3)
        finally:
            for _ in range(10):
                told.clear()
                told.wait()
    """
    done = script(code, tmp_path)
    assert (done.returncode, done.stderr) == (3, "")
    assert end_of(only_run(tmp_path)) == FAILED


def test_ctrl_c_ends_a_run_as_failed(tmp_path: Path) -> None:
    with started(ENDLESS, tmp_path) as process:
        until(lambda: (tmp_path / "r.jsonl").exists() and points_of(records_in(tmp_path / "r.jsonl")))
        process.send_signal(signal.SIGINT)
        process.wait()
    records = records_in(tmp_path / "r.jsonl")
    assert end_of(records) == FAILED
    assert events_of(records, "error")[0].payload["error"] == "KeyboardInterrupt"


def test_two_processes_of_one_id_have_a_file_each(tmp_path: Path) -> None:
    with started(ENDLESS, tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "r\n"
        code = "import evolver_tui.track as t; r = t.init(id='r', resume=True); r.log({'loss': 7.0}); r.finish()"
        done = script(code, tmp_path)
        first.kill()
        first.wait()
    assert "Another process has the run r; this one is r-2." in done.stderr
    records = records_in(tmp_path / "r-2.jsonl")
    assert (headers_of(records)[0].run_id, value_of(records, "loss")) == ("r-2", 7.0)
    assert 7.0 not in [point.values["loss"] for point in points_of(records_in(tmp_path / "r.jsonl"))]


FORKS = """
    import os, sys
    import evolver_tui.track as track
    run = track.init(id="r", interval=3600)
    run.log({"parent": 1.0})
    pid = os.fork()
    if pid == 0:
        run.log({"child": 1.0})
        run.event("child")
        sys.exit(0)
    os.waitpid(pid, 0)
    run.log({"parent": 2.0})
"""


def test_a_forked_process_adds_to_the_run_and_does_not_end_it(tmp_path: Path) -> None:
    assert script(FORKS, tmp_path).stderr == ""
    records = records_in(tmp_path / "r.jsonl")
    assert (value_of(records, "parent"), value_of(records, "child")) == (2.0, 1.0)
    assert len([each for each in points_of(records) if "parent" in each.values]) <= 2
    assert len(events_of(records, "child")) == 1
    assert [type(each).__name__ for each in records].count("RunEnd") == 1
    assert end_of(records) == COMPLETED


def test_a_forked_process_that_begins_with_nothing_to_write_goes_on(tmp_path: Path) -> None:
    """It has not opened the file by then."""
    code = """
        import math, os, threading, time
        import evolver_tui.track as track
        run = track.init(id="r", interval=0.01)
        file = os.path.join(os.environ["EVOLVER_TRACK_DIR"], "r.jsonl")
        def is_written(text):
            while text not in open(file).read():
                time.sleep(0.002)
        pid = os.fork()
        if pid == 0:
            run.log({})
            while run._due != -math.inf and threading.active_count() > 1:  # until the writer sleeps
                time.sleep(0.002)
            run.log({"child": 1.0})
            is_written("child")
            os._exit(0)
        os.waitpid(pid, 0)
    """
    assert script(code, tmp_path).stderr == ""


LOADERS = """
    import multiprocessing, sys
    import evolver_tui.track as track
    track.init(id="r")

    def load(number):
        track.log({f"worker {number}": float(number)})
        track.event("loaded", number=number)

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        workers = [context.Process(target=load, args=(number,)) for number in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        track.log({"loss": 0.5})
        print([worker.exitcode for worker in workers])
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_load_data_do_not_disturb_a_run(method: str, tmp_path: Path) -> None:
    """A spawned one imports the main module, and with it begins a run, unless it is noticed."""
    program = tmp_path / "train.py"
    program.write_text(textwrap.dedent(LOADERS))
    done = subprocess.run(
        [sys.executable, str(program), method], capture_output=True, text=True, check=False, cwd=tmp_path,
        timeout=PATIENCE_SECONDS, env=environment(tmp_path, EVOLVER_TRACK_DIR=str(tmp_path)),
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("[0, 0, 0]", "")
    records = only_run(tmp_path)
    assert value_of(records, "loss") == 0.5
    assert end_of(records) == COMPLETED
    assert len(headers_of(records)) == 1
    if method == "fork":
        assert sorted(event.payload["number"] for event in events_of(records, "loaded")) == [0, 1, 2]


def test_a_file_and_its_folder_are_their_owners_alone(tmp_path: Path) -> None:
    code = "import os; os.umask(0); import evolver_tui.track as t; t.init(dir='deep/er'); t.finish()"
    script(code, tmp_path)
    folder = tmp_path / "deep" / "er"
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


PLACES = {
    "a file where the folder should be": "{'dir': 'here'}",
    "no such device": "{'dir': '/proc/none'}",
    "a null in its name": "{'dir': 'x\\0y'}",
}


@pytest.mark.parametrize("arguments", PLACES.values(), ids=PLACES)
def test_a_folder_that_cannot_be_written_is_said_once(arguments: str, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("")
    code = f"""
        import evolver_tui.track as track
        track.init(**{arguments})
        for step in range(100):
            track.log({{"loss": 1.0}})
            track.event("x")
            track.progress_callback({{"loss": 1.0}})
        track.finish()
        print("trained")
    """
    done = script(code, tmp_path)
    assert done.stdout == "trained\n"
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("evolver-tui: The run ")


def test_no_home_folder_is_said_once(tmp_path: Path) -> None:
    code = """
        import os
        for name in ("HOME", "EVOLVER_TRACK_DIR", "EVOLVER_HOME", "XDG_DATA_HOME", "USER"):
            os.environ.pop(name, None)
        import pwd
        def none(*_): raise KeyError("no such user")
        pwd.getpwuid = none
        import evolver_tui.track as track
        track.init()
        track.log({"loss": 1.0})
        print("trained")
    """
    done = script(code, tmp_path)
    assert done.stdout == "trained\n"
    assert "this account has no home folder" in done.stderr


def test_a_full_disk_is_said_once_and_nothing_is_lost_when_there_is_room_again(tmp_path: Path) -> None:
    """A limit on the size of files is as good as a full disk, and can be lifted."""
    code = """
        import os, resource, signal, sys
        import evolver_tui.track as track
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        run = track.init(id="r", interval=0.01)
        file = os.path.join(os.environ["EVOLVER_TRACK_DIR"], "r.jsonl")
        while not os.path.getsize(file):
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(file) + 200, resource.RLIM_INFINITY))
        for number in range(50):
            run.log({"loss": float(number)}, step=number)
            run.event("checkpoint", number=number)
        print("full", flush=True)
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        run.log({"loss": 99.0}, step=99)
        run.finish()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(tmp_path, EVOLVER_TRACK_DIR=str(tmp_path)),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "full\n"
        assert "cannot be written" in process.stderr.readline()
        _, errors = process.communicate("\n", timeout=PATIENCE_SECONDS)
    assert errors == ""
    records = records_in(tmp_path / "r.jsonl")
    assert [event.payload["number"] for event in events_of(records, "checkpoint")] == list(range(50))
    assert value_of(records, "loss") == 99.0
    assert len(events_of(records, "run_file_delayed")) == 1
    assert end_of(records) == COMPLETED


def test_resume_without_an_id_finds_the_run_that_did_not_come_to_its_end(tmp_path: Path) -> None:
    code = """
        import os, sys
        import evolver_tui.track as track
        run = track.init("p", "n", {"lr": 0.1}, resume=True)
        run.log({"loss": 1.0})
        if len(sys.argv) > 1:
            run.finish()
        else:
            os._exit(1)
    """
    script(code, tmp_path, "end")
    script(code.replace('"n"', '"other"'), tmp_path)
    script(code, tmp_path)  # begins anew: the one before is completed
    script(code, tmp_path, "end")
    by_name: dict[str, list[int]] = {}
    for path in tmp_path.glob("*.jsonl"):
        headers = headers_of(records_in(path))
        by_name.setdefault(headers[0].name, []).append(len(headers))
    assert sorted(by_name["n"]) == [1, 2]
    assert by_name["other"] == [1]


def test_a_closed_standard_error_stops_nothing(tmp_path: Path) -> None:
    code = """
        import sys
        sys.stderr.close()
        import evolver_tui.track as track
        track.init(id="../../etc/x y", server="ftp://x")
        track.log({"loss": "x"})
        track.log({"loss": 1.0})
    """
    script(code, tmp_path)
    records = only_run(tmp_path)
    assert headers_of(records)[0].run_id == "etc-x-y"
    assert value_of(records, "loss") == 1.0


def test_nothing_is_left_behind_of_a_run_that_is_never_used(tmp_path: Path) -> None:
    done = script("import evolver_tui.track", tmp_path)
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == ("", "", [])
