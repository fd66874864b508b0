"""`evolver-tui train` as a person uses it: to its end, ended and gone on with, and where it cannot begin."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.training.record import read_line
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.processes import environment, run_command
from tests.support.reviewed_home import fill_with_decisions


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with enough decisions."""
    home = tmp_path_factory.mktemp("decided")
    fill_with_decisions(home)
    return home


@pytest.fixture
def home(decided: Path, tmp_path: Path) -> Path:
    """One of its own for each test."""
    return Path(shutil.copytree(decided, tmp_path / "home"))


def config_in(home: Path, **values: Any) -> str:
    """The path of a training's config."""
    path = home / "training.json"
    path.write_text(json.dumps(values))
    return str(path)


def seen(home: Path, run_id: str) -> TrainingRun:
    """A run as its readers see it."""
    run = TrainingRun(run_id)
    content = (home / "data" / "training" / f"{run_id}.jsonl").read_bytes()
    run.add_all(read_line(line) for line in content.splitlines())
    return run


@contextmanager
def training(home: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that trains, with its standard error to be read."""
    command = [sys.executable, "-m", "evolver_tui", "train", "--home", str(home), *arguments]
    with subprocess.Popen(
        command, cwd=home, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[bytes], name: str) -> dict[str, Any]:
    """The payload of the first signal of this name."""
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["name"] == name:
            payload: dict[str, Any] = event["payload"]
            return payload
    raise AssertionError(f"{name} was not told")


def test_it_trains_to_its_end(home: Path) -> None:
    config = config_in(home, session_id="r1", epochs=20, learning_rate=0.05)
    done = run_command("train", "--home", str(home), "--config", config, home=home)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert [line.split()[:2] for line in out.splitlines()[1:4]] == [[str(n), f"model-{n}.json"] for n in (1, 2, 3)]
    assert out.splitlines()[-1] == str(home / "data" / "models" / "r1")
    assert "r1 begins: 3 models" in done.stderr
    assert "on CPU" in done.stderr
    run = seen(home, "r1")
    assert (run.status, run.overall, run.header.process.get("host") is not None) == ("completed", 100.0, True)
    assert run.header.config["epochs"] == 20
    assert "perplexity" in run.metrics()


def test_its_signals_stand_in_the_log(home: Path) -> None:
    config = config_in(home, session_id="r1", epochs=5, model_count=1)
    assert run_command("train", "--home", str(home), "--config", config, home=home).returncode == 0
    with closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM signal WHERE name LIKE 'training.%'")]
    assert {"training.started", "training.model_completed", "training.completed"} <= set(names)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_by_a_signal_it_says_how_to_go_on(home: Path, number: signal.Signals) -> None:
    config = config_in(home, session_id="r1", epochs=1_000_000)
    with training(home, "--config", config, "--json") as process:
        wait_for(process, "training.progress")
        process.send_signal(number)
        told = wait_for(process, "training.interrupted")
        assert process.stderr is not None
        assert process.stdout is not None
        words = process.stderr.read().decode()
        result = json.loads(process.stdout.read())
    assert process.returncode == 130
    assert not result["is_over"]
    assert f"Go on with: {result['resume']}" in words
    assert not seen(home, "r1").is_over
    command = shlex.split(result["resume"])
    assert command[:2] == ["evolver-tui", "train"]
    with training(home, *command[2:], "--json") as process:
        assert wait_for(process, "training.resumed") == told
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 130


def test_killed_it_goes_on_with_the_latest_run(home: Path) -> None:
    config = config_in(home, session_id="r1", epochs=1_000_000, checkpoint_interval=20)
    with training(home, "--config", config, "--json") as process:
        wait_for(process, "training.progress")
        process.kill()
    with training(home, "--resume", "--json") as process:
        assert wait_for(process, "training.resumed")["run"] == "r1"
    assert seen(home, "r1").status == "running"


def test_a_run_is_begun_once(home: Path) -> None:
    config = config_in(home, session_id="r1", epochs=2, model_count=1)
    words = ("train", "--home", str(home), "--config", config)
    assert run_command(*words, home=home).returncode == 0
    again = run_command(*words, home=home)
    assert (again.returncode, "A run r1 was begun before" in again.stderr) == (2, True)
    resumed = run_command("train", "--home", str(home), "--resume", "r1", home=home)
    assert (resumed.returncode, "The run r1 is over" in resumed.stderr) == (2, True)


def test_two_processes_do_not_train_one_run(home: Path) -> None:
    config = config_in(home, session_id="r1", epochs=1_000_000)
    with training(home, "--config", config, "--json") as process:
        wait_for(process, "training.started")
        second = run_command("train", "--home", str(home), "--resume", "r1", home=home)
    assert (second.returncode, "Another process trains" in second.stderr) == (1, True)


def test_with_few_decisions_it_says_what_to_do(tmp_path: Path) -> None:
    done = run_command("train", "--home", str(tmp_path), home=tmp_path)
    assert done.returncode == 1
    assert "There are 0 decisions about drafts; an estimate is trained on 30 or more." in done.stderr
    assert not list((tmp_path / "data" / "models").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume",), "waits to be gone on with"),
        (("--resume", "../r1"), "There is no run '../r1'"),
        (("--resume", "\x1b]0;x\x07"), "There is no run"),
        (("--resume", "r1", "--model", "nodes"), "A run goes on as it was begun."),
        (("--config", "nothing.toml"), "cannot be read: No such file or directory"),
        (("--model", "gpt"), "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = run_command("train", "--home", str(tmp_path), *arguments, home=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_pytorch_the_language_model_says_what_to_install(tmp_path: Path) -> None:
    done = run_command("train", "--home", str(tmp_path), "--model", "nodes", home=tmp_path)
    assert done.returncode == 2
    assert "pip install 'evolver-tui[train]'" in done.stderr
