"""A run arrives at a server line for line, whatever the server does meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import evolver_tui.track as track
from evolver_tui.core.training.record import COMPLETED
from evolver_tui.track.sender import Sender
from tests.support.record_server import RecordServer
from tests.support.tracked import end_of, only_run, points_of, records_in, script, until


@pytest.fixture
def server() -> Iterator[RecordServer]:
    made = RecordServer()
    made.start()
    yield made
    made.released.set()
    made.stop()


def is_equal(server: RecordServer, runs: Path, run_id: str = "r") -> bool:
    return b"".join(server.lines.get(run_id, [])) == (runs / f"{run_id}.jsonl").read_bytes()


def test_all_lines_arrive_by_the_end_with_the_token(
    server: RecordServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = track.init(id="r", server=server.url, token="secret", interval=0.01)
    for step in range(200):
        run.log({"loss": float(step)}, step=step)
        run.event("seen")
    run.finish(seconds=30)
    assert is_equal(server, runs)
    assert set(server.tokens) == {"Bearer secret"}
    assert capsys.readouterr().err == ""


def test_lines_arrive_while_it_trains(server: RecordServer, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVER_TRACK_SERVER", server.url + "/")
    run = track.init(id="r", interval=0.01)
    for step in range(3):
        run.log({"loss": float(step)}, step=step)
        until(lambda step=step: f'"loss":{step}.0'.encode() in b"".join(server.lines.get("r", [])))  # type: ignore[misc]
    assert not run.is_over


@pytest.mark.parametrize("refusals", [[500, 503], [404], [401, 403], [200], [302], [429] * 3])
def test_a_server_that_refuses_is_asked_again(
    refusals: list[int], server: RecordServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refusals = list(refusals)
    run = track.init(id="r", server=server.url, interval=0.01)
    run.log({"loss": 1.0})
    until(lambda: not server.refusals and "r" in server.lines)
    run.finish(seconds=30)
    assert is_equal(server, runs)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_server_that_is_away_and_comes_and_goes_and_has_forgotten_all(server: RecordServer, runs: Path) -> None:
    server.stop()
    run = track.init(id="r", server=server.url or "", interval=0.01)
    run.log({"loss": 1.0}, step=1)
    server.start()
    until(lambda: server.lines.get("r"))
    server.stop()
    run.log({"loss": 2.0}, step=2)
    server.lines.clear()  # it has begun with an empty database
    server.start()
    run.event("seen")
    until(lambda: is_equal(server, runs))
    run.finish(seconds=30)
    assert is_equal(server, runs)


def test_a_server_that_takes_little_at_once_gets_little_at_once(server: RecordServer, runs: Path) -> None:
    server.refusals = [503]
    server.most_bytes = 2_000
    run = track.init(id="r", server=server.url, interval=0.01, config={"short": 1})
    for step in range(100):
        run.event("seen", number=step)
    run.finish(seconds=30)
    assert is_equal(server, runs)


def test_a_server_that_hangs_holds_nothing_up(
    server: RecordServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.is_hung.set()
    run = track.init(id="r", server=server.url, interval=0.01)
    for step in range(100):
        run.log({"loss": float(step)}, step=step)
    run.finish(seconds=0.1)
    assert points_of(only_run(runs))[-1].values == {"loss": 99.0}
    assert end_of(only_run(runs)) == COMPLETED
    assert f"The server has not all of the run; {runs / 'r.jsonl'} has it." in capsys.readouterr().err


def test_lines_that_come_after_the_last_look_at_the_file_arrive(
    server: RecordServer, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run comes to its end between a look that finds nothing and what is made of it."""
    has_looked, goes_on = threading.Event(), threading.Event()
    look = Sender._next_lines

    def look_slowly(sender: Sender) -> bytes:
        found = look(sender)
        if not found and not has_looked.is_set():
            has_looked.set()
            goes_on.wait()
        return found

    monkeypatch.setattr(Sender, "_next_lines", look_slowly)
    run = track.init(id="r", server=server.url, interval=0.01)
    has_looked.wait()
    run.log({"loss": 1.0})
    finishing = threading.Thread(target=run.finish, kwargs={"seconds": 30})
    finishing.start()
    until(lambda: run.is_over)
    goes_on.set()
    finishing.join()
    assert is_equal(server, runs)


def test_a_run_that_goes_on_sends_what_the_server_has_not(server: RecordServer, runs: Path) -> None:
    for step in range(3):
        run = track.init(id="r", server=server.url if step != 1 else "")
        run.log({"loss": float(step)})
        run.finish(seconds=30)
    assert is_equal(server, runs)
    assert len(server.lines["r"]) == len(records_in(runs / "r.jsonl")) == 9


def test_another_run_of_that_id_at_the_server_is_said(
    server: RecordServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.lines["r"] = [b"{}\n"] * 1000
    run = track.init(id="r", server=server.url, interval=0.01)
    until(lambda: server.requests)
    run.finish(seconds=0.5)
    assert len(server.lines["r"]) == 1000
    assert "another run of this id" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:5001", "http://", "http://[::1", "http://x:99999", "\x1b[31m", "http://user:secret@"]
)
def test_an_address_that_is_none_is_said_without_it(url: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track.init(server=url)
    track.log({"loss": 1.0})
    track.finish()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "The run is not sent anywhere" in error
    assert "secret" not in error
    assert end_of(only_run(runs)) == COMPLETED


def test_a_token_that_can_be_none_is_not_shown(
    server: RecordServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    track.init(server=server.url, token="secret\r\nX: y").finish(seconds=0.1)
    error = capsys.readouterr().err
    assert "secret" not in error
    assert server.requests == 0


def test_a_process_that_just_ends_sends_all_of_it(server: RecordServer, tmp_path: Path) -> None:
    code = """
        import evolver_tui.track as track
        track.init(id="r", finish_seconds=30)
        for step in range(100):
            track.log({"loss": float(step)})
    """
    done = script(code, tmp_path, EVOLVER_TRACK_SERVER=server.url)
    assert done.stderr == ""
    assert is_equal(server, tmp_path)
