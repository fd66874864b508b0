"""The command line as scripts see it: exit codes, one sentence for what went wrong, results on standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.connect_runs import a_hub
from tests.support.processes import PATIENCE_SECONDS, Connect, environment, in_thread, run_command
from tests.support.provider_server import (
    SSE_HEAD,
    ProviderServer,
    Step,
    openai_answer,
    openai_chunk,
    openai_events,
    status,
)
from tests.support.sessions import SUMMARIZE

CODE = "import json, sys\ndata = json.load(sys.stdin)\nprint(json.dumps({'given': data}))\n"


def test_without_a_terminal_the_console_names_connect(tmp_path: Path) -> None:
    done = run_command(home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "terminal" in done.stderr
    assert "`evolver-tui connect < config.json`" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_said(tmp_path: Path) -> None:
    from evolver_tui import __version__

    assert run_command("--version", home=tmp_path).stdout == f"evolver-tui {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["--home", "there", "config", "path"], ["config", "path", "--home", "there"],
     ["--home", "elsewhere", "config", "path", "--home", "there"]],
)  # fmt: skip
def test_home_may_stand_before_or_after_the_command(tmp_path: Path, arguments: Sequence[str]) -> None:
    done = run_command(*arguments, home=tmp_path, EVOLVER_HOME=str(tmp_path / "neither"))
    assert done.stdout == f"{tmp_path}/there/config/config.toml\n"


def test_home_may_stand_in_the_environment_and_else_it_is_the_persons(tmp_path: Path) -> None:
    done = run_command("config", "path", home=tmp_path, EVOLVER_HOME=str(tmp_path / "there"))
    assert done.stdout == f"{tmp_path}/there/config/config.toml\n"
    assert run_command("config", "path", home=tmp_path).stdout.startswith(str(tmp_path))


def test_the_config_that_is_shown_can_be_used_as_the_config(tmp_path: Path) -> None:
    shown = run_command("config", "show", home=tmp_path).stdout
    assert tomllib.loads(shown)["backend"]["kind"] == "offline"
    file = tmp_path / "h" / "config" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(shown)
    done = run_command("config", "check", "--home", "h", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{file} can be used.\n")


WHOLE = {"choices": [{"message": {"content": "ready"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}


@pytest.mark.parametrize(
    ("turns", "code", "sentences"),
    [
        ([[openai_answer("ready")]], 0, ["openai/x answered in"]),
        (
            [[SSE_HEAD, openai_chunk({"reasoning": "hm"}), openai_events("ready", usage=None)]],
            0,
            ["It thinks before it answers: 2 characters here", "It does not say how many tokens"],
        ),
        (
            [
                [status(400, {}, {"error": "Unsupported parameter: max_tokens, use max_completion_tokens"})],
                [status(400, {}, {"error": "streaming is not supported"})],
                [status(200, {}, WHOLE)],
            ],
            0,
            ["openai/x answered in", "It takes max_completion_tokens in place of max_tokens.", "It does not stream"],
        ),
        ([[status(401, {}, b"No.")]], 1, ["refused the key (401): No. Set MY_KEY to a key that may use x."]),
        ([[status(404, {}, {"error": "no such model"})]], 1, ["no such model. Check model and base_url"]),
    ],
    ids=range(5),
)
def test_the_config_is_tried_with_one_request(
    tmp_path: Path, turns: Sequence[Sequence[Step]], code: int, sentences: Sequence[str]
) -> None:
    file = tmp_path / "h" / "config" / "config.toml"
    file.parent.mkdir(parents=True)
    with in_thread(ProviderServer(*turns)) as server:
        file.write_text(
            f'[backend]\nkind = "openai"\nmodel = "x"\nbase_url = "{server.url}/v1"\n'
            'api_key_env = "MY_KEY"\ntemperature = 0.7\nmax_tokens = 123\n'
        )
        done = run_command("config", "check", "--online", "--home", "h", home=tmp_path, MY_KEY="sk-abcdef-123456")
    assert (done.returncode, done.stderr, len(server.requests)) == (code, "", len(turns))
    assert done.stdout.startswith(f"{file} can be used.\n")
    for sentence in sentences:
        assert sentence in done.stdout
    asked = server.requests[0].json
    assert (asked["temperature"], asked["max_tokens"]) == (0.7, 123)


def test_without_a_model_there_is_nothing_to_try(tmp_path: Path) -> None:
    done = run_command("config", "check", "--online", home=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "The author is offline: there is no model to try.")
    assert run_command("config", "show", "--online", home=tmp_path).returncode == 2


def test_a_mistake_in_the_config_names_file_key_and_the_nearest_key(tmp_path: Path) -> None:
    file = tmp_path / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text('[backend]\nmodle = "m"\n')
    connect = json.dumps({"hub_url": "http://127.0.0.1:9/x"}).encode()
    for arguments, stdin in ((["config", "check"], b""), (["nodes", "list"], b""), (["connect"], connect)):
        done = run_command("--home", str(tmp_path), *arguments, home=tmp_path, stdin=stdin)
        said = done.stdout + done.stderr
        assert done.returncode == 2
        assert str(file) in said
        assert "modle" in said
        assert "model" in said.replace("modle", "")


def test_a_file_becomes_a_node_is_listed_runs_and_is_rolled_back(tmp_path: Path) -> None:
    (tmp_path / "echo_back.py").write_text(CODE)
    imported = run_command("nodes", "import", "echo_back.py", "--nodes", "library", home=tmp_path)
    assert (imported.returncode, "echo_back v1" in imported.stdout) == (0, True)
    listed = json.loads(run_command("nodes", "list", "--nodes", "library", "--json", home=tmp_path).stdout)
    assert [node["node_id"] for node in listed["nodes"]] == ["echo_back"]
    ran = run_command("--nodes", "library", "run", "echo_back", home=tmp_path, stdin=b'{"a": 1}')
    assert (ran.returncode, json.loads(ran.stdout)) == (0, {"given": {"a": 1}})
    (tmp_path / "echo_back.py").write_text(CODE + "# more\n")
    run_command("nodes", "import", "echo_back.py", "--nodes", "library", home=tmp_path)
    diff = run_command("nodes", "diff", "echo_back", "--nodes", "library", home=tmp_path)
    assert "+# more" in diff.stdout
    back = run_command("nodes", "rollback", "echo_back", "1", "--nodes", "library", home=tmp_path)
    assert (back.returncode, "v3" in back.stdout) == (0, True)


def test_a_node_that_is_not_there_cannot_be_run(tmp_path: Path) -> None:
    done = run_command("run", "missing_node", home=tmp_path, stdin=b"{}")
    assert (done.returncode, done.stdout, "missing_node" in done.stderr) == (1, "", True)


def test_a_session_is_exported_in_every_format(tmp_path: Path) -> None:
    with in_thread(a_hub(SUMMARIZE)) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_completed")
        process.finish()
    exported = {
        format: run_command("export", "--format", format, "--home", str(tmp_path), home=tmp_path)
        for format in ("jsonl", "json", "md")
    }
    assert {(done.returncode, done.stderr) for done in exported.values()} == {(0, "")}
    kinds = [json.loads(line)["type"] for line in exported["jsonl"].stdout.splitlines()]
    assert (kinds[0], kinds[-1]) == ("session", "job")
    assert json.loads(exported["json"].stdout).keys() == {"session", "signals", "jobs"}
    assert exported["md"].stdout.startswith("# session")
    written = run_command("export", "latest", "-o", "out.jsonl", "--home", str(tmp_path), home=tmp_path)
    assert (written.returncode, written.stdout) == (0, "")
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["type"] == "session"
    unknown = run_command("export", "session_of_nobody", "--home", str(tmp_path), home=tmp_path)
    assert (unknown.returncode, "session_of_nobody" in unknown.stderr) == (2, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_sample_hub_says_first_where_it_is(tmp_path: Path, number: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "evolver_tui", "hub", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(tmp_path), cwd=tmp_path) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["hub_url"]
        with Connect(tmp_path / "home", {"hub_url": url}) as client:
            client.until("message_received")
            client.kill()
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == code


HOSTILE: Sequence[tuple[Sequence[str], int]] = (
    (["--nonsense"], 2),
    (["connectt"], 2),
    (["--theme"], 2),
    (["connect", "--approve", "sure"], 2),
    (["connect", "--database", "mysql://somewhere"], 2),
    (["nodes"], 2),
    (["nodes", "list", "--nodes", "/dev/null"], 1),
    (["nodes", "show", "../../etc/passwd"], 1),
    (["nodes", "show", "\udcff"], 1),
    (["nodes", "diff", "con", "1", "2"], 1),
    (["nodes", "rollback", "a", "-1"], 2),
    (["nodes", "rollback", "a", "99999999999999999999"], 2),
    (["nodes", "check", "/nowhere"], 2),
    (["nodes", "check", "."], 2),
    (["nodes", "import", "/dev/zero"], 2),
    (["run"], 2),
    (["run", "x" * 5000], 1),
    (["run", "\x1b]52;c;eA==\x07"], 1),
    (["export", "--format", "pdf"], 2),
    (["export", "../../etc/passwd"], 2),
    (["export", "--database", "oracle://user:secret@host/x"], 2),
    (["export", "--database", "://"], 2),
    (["export", "--database", "/"], 1),
    (["export", "--database", "/dev/null"], 1),
    (["--home", "/dev/null", "export"], 2),
    (["--home", "\udcff\udcfe", "config", "path"], 0),
    (["config", "everything"], 2),
    (["hub", "--port", "99999"], 2),
    (["hub", "--port", "http"], 2),
    (["hub", "--rate", "nan"], 2),
    (["hub", "--batch", "0"], 2),
    (["hub", "--count", "-1"], 2),
    (["hub", "--tasks", "/etc"], 2),
    (["hub", "--host", "192.0.2.1"], 1),
)


@pytest.mark.parametrize("part", range(4))
def test_no_invocation_ends_in_a_traceback(tmp_path: Path, part: int) -> None:
    for arguments, code in HOSTILE[part::4]:
        stdin = b"{}" if arguments[0] == "run" else b""
        done = run_command(*arguments, home=tmp_path, stdin=stdin)
        assert "Traceback" not in done.stderr, (arguments, done.stderr)
        assert "\x1b" not in done.stderr
        assert "secret" not in done.stderr
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        assert code == 0 or done.stderr.strip() or json.loads(done.stdout)["error"]


@pytest.mark.parametrize(
    ("redirect", "code"),
    [("<&-", 2), ("config show <&- >&- 2>&-", 1), ("config show > /dev/full", 1), ("connect <&-", 2)],
)
def test_closed_and_full_streams_end_in_no_traceback(tmp_path: Path, redirect: str, code: int) -> None:
    if "/dev/full" in redirect and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    command = ["sh", "-c", f'"$0" -m evolver_tui {redirect}', sys.executable]
    done = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == code


def test_a_working_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    command = ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && "$0" -m evolver_tui nodes list', sys.executable]
    done = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr, done.stderr.count("\n")) == (2, False, 1)
