"""A secret in an address: it is put into every place that takes one, and looked for wherever anything comes out."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from evolver_tui.core.address import MASK, Address, show_addresses
from evolver_tui.settings.secrets import scrub_addresses
from evolver_tui.settings.values import HUB_SCHEMES, address_problem
from evolver_tui.tui.modals import ConnectChoice, ConnectModal, HelpModal
from tests.support.desk_fixtures import Console, console
from tests.support.hubs import Peer, RawHub, free_port, http_response, negotiated
from tests.support.links import ending
from tests.support.modal_host import Host, opened, press, shown
from tests.support.processes import Connect, Model, run_command
from tests.support.provider_asking import backend_at
from tests.support.provider_asking import refused as refused_by_model
from tests.support.provider_server import ProviderServer
from tests.support.sessions import SUMMARIZE

CANARY = "cAnAry-9f8e7d6c5b4a"
QUERIES = (f"access_token={CANARY}", f"x={CANARY}", f"a=1;code={CANARY}", f"{CANARY}", f"sig={CANARY}=", f"#{CANARY}")


@pytest.mark.parametrize(
    ("whole", "seen"),
    [
        ("http://localhost:5000/taskhub?room=7&api-version=2024-02-01", None),
        ("wss://[::1]:5000/TaskGenerationHub2/generate_email_with_translations", None),
        ("https://x.example/openai/deployments/gpt-4o-mini-2024-07-18", None),
        ("postgresql://db1:5432,db2:5433/evolver?sslmode=require&host=/run/postgresql", None),
        ("sqlite:////home/ada@work/evolver.db", None),
        ("/srv/jobs", None),
        ("", None),
        (f"https://{CANARY}@h/x", f"https://{MASK}@h/x"),
        (f"HTTPS://ada:{CANARY}@h:1", f"HTTPS://{MASK}@h:1"),
        (f"ws://h/x?room={CANARY}", f"ws://h/x?room={MASK}"),
        (f"ws://h/x?a={CANARY}&b=2;c={CANARY}", f"ws://h/x?a={MASK}&b={MASK};c={MASK}"),
        (f"ws://h/x?{CANARY}", f"ws://h/x?{MASK}"),
        (f"ws://h/x#{CANARY}", f"ws://h/x#{MASK}"),
        (f"ws://h/x;jsessionid={CANARY}/y", f"ws://h/x;{MASK}/y"),
        (f"ws://h/x%3Faccess_token%3D{CANARY}", f"ws://h/{MASK}"),
        (f"ws://ada%3A{CANARY}%40h/x", f"ws://{MASK}/x"),
        (f"https://h/hooks/T0/B0/{CANARY[:6]}", f"https://h/hooks/{MASK}/{MASK}/{MASK}"),
        (f"https://hooks.slack.com/services/T0/B0/{CANARY[:6]}", f"https://hooks.slack.com/services/{MASK}/{MASK}/{MASK}"),
        (f"https://api.telegram.org/bot12345:{CANARY}/send", f"https://api.telegram.org/{MASK}/send"),
        ("https://h/x/3f2b8c1e-5d4a-4f6b-9c7d-1234567890ab", f"https://h/x/{MASK}"),
        (f"https://h/x/{CANARY}", f"https://h/x/{MASK}"),
        *((f"http://ada:{before}{CANARY}@h/x", f"http://{MASK}") for before in ("pa@", "1/", "1?", "1#", "p/@")),
        (f"http://h/x?to=https://ada:{CANARY}@other/", f"http://{MASK}"),
        (f"http://[{CANARY}", f"http://{MASK}"),
        *((text, MASK) for text in (f"ada:{CANARY}@h/x", f"//ada:{CANARY}@h", f"host=h password={CANARY}", CANARY)),
    ],
)  # fmt: skip
def test_an_address_shows_what_is_known_to_be_harmless(whole: str, seen: str | None) -> None:
    address = Address(whole)
    assert str(address) == f"{address}" == (whole if seen is None else seen)
    assert CANARY not in repr([address, {"a": address}])
    assert address.for_connecting() == whole
    assert show_addresses(f"<{seen or whole}>.") == f"<{seen or whole}>.", "what was shown once is shown so again"
    assert Address(str(address)).is_whole == (seen is None)
    with pytest.raises(TypeError):
        json.dumps(address)


PIECE = st.sampled_from([*"@:/?#&;=%.,[] \\a1", "%40", "%3A", "://", "http", "token"])
PIECES = st.lists(PIECE, max_size=8).map("".join)


@given(before=PIECES, after=PIECES, scheme=st.sampled_from([*HUB_SCHEMES, "postgresql", "s3"]))
def test_a_password_before_the_host_is_shown_in_no_spelling(before: str, after: str, scheme: str) -> None:
    address = Address(f"{scheme}://{before}:{CANARY}{after}@host/x")
    assert CANARY not in str(address)
    assert CANARY not in address.host
    assert address.holds_secret


def test_what_libraries_quote_of_an_address_is_masked_in_every_spelling() -> None:
    address = Address(f"https://ada:{CANARY}%2F@h/x?k=s%26{CANARY}")
    for quoted in (
        address.for_connecting(), f"?k=s%26{CANARY}", f"k='s&{CANARY}'", f"/x with password {CANARY}/",
        json.dumps({"url": f"{CANARY}/"}), f"Redirect to https://other/?next={CANARY} is refused",
    ):  # fmt: skip
        assert CANARY not in scrub_addresses(quoted, address), quoted


@pytest.mark.parametrize("text", [f"http://h/x?token={MASK}", "http://h/x?user=a@b.example", "http://a:1/b@c"])
def test_what_was_not_whole_or_can_be_read_in_two_ways_is_refused(text: str) -> None:
    assert address_problem(text, HUB_SCHEMES)
    assert MASK not in text or "stands for" in (address_problem(text, HUB_SCHEMES) or "")


# --- what comes out --------------------------------------------------------------------------------------------------


def assert_nowhere_in(home: Path, *said: str) -> None:
    """The canary stands in nothing that was said, and in no file's name or bytes."""
    for text in said:
        assert CANARY not in text, text
    for path in home.rglob("*"):
        assert CANARY not in path.name, path
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def command_lines(pid: int) -> Iterator[str]:
    """Of a process and all that it started, where the system tells; other tests' processes run beside it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text("latin-1").rpartition(") ")[2].split()[1])
    for each in parents:
        ancestor: int | None = each
        while ancestor is not None and ancestor != pid:
            ancestor = parents.get(ancestor)
        if ancestor == pid:
            with contextlib.suppress(OSError):
                yield Path(f"/proc/{each}/cmdline").read_bytes().decode("utf-8", "replace")


def say_goodbye(peer: Peer) -> None:
    """A hub that sends a task, waits for the end of the conversation and quotes the address as it hangs up."""
    peer.shake_hands()
    peer.send(f"no json {CANARY}")
    peer.send({"type": 1, "target": "TaskHub", "arguments": [SUMMARIZE]})
    peer.send({"type": 7, "error": f"GET /taskhub?access_token={CANARY} from http://u:{CANARY}@h is over"})
    peer.read_to_end()


def say_nothing_of_it(peer: Peer) -> None:
    """A hub that sends a task and hangs up for good."""
    peer.shake_hands()
    peer.send({"type": 1, "target": "TaskHub", "arguments": [SUMMARIZE]})
    peer.send({"type": 7})
    peer.read_to_end()


@pytest.mark.parametrize("query", QUERIES)
def test_a_headless_run_tells_and_keeps_no_secret_of_its_hub(tmp_path: Path, query: str) -> None:
    mark = "" if query.startswith("#") else "?"
    config = {"output_file": str(tmp_path / "o.json")}
    with RawHub(say_goodbye) as hub, Connect(tmp_path, {**config, "hub_url": f"{hub.url}{mark}{query}"}) as run:
        run.until("disconnected")
        lines = list(command_lines(run.pid))
        code, result = run.result()
    assert code == 1, "the hub said goodbye before the run was over"
    assert mark == "" or any(CANARY in head.partition("\r\n")[0] for head in hub.heads), "the hub itself gets all of it"
    assert MASK in result["hub_url"]
    assert {run.told("connected")[0]["hub_url"], run.told("disconnected")[0]["hub_url"]} == {result["hub_url"]}
    exports = [
        run_command("export", "--home", str(tmp_path), "--format", form, home=tmp_path).stdout
        for form in ("jsonl", "json", "md")
    ]
    assert all(json.dumps(MASK)[1:-1] in export or MASK in export for export in exports)
    assert_nowhere_in(tmp_path, *run.lines, *lines, *exports)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        http_response("307 Temporary", Location=f"http://other.example/x?access_token={CANARY}"),
        http_response("307 Temporary", Location=f"http://u:{CANARY}@other.example/x"),
        http_response("307 Temporary", Location=f"http://[{CANARY}"),
        negotiated(url=f"http://other.example/x?k={CANARY}", accessToken=CANARY),
        negotiated(url=f"http://u:p{CANARY}@127.0.0.1/"),
        negotiated(error=f"not at https://h/?k={CANARY}"),
    ],
)
async def test_where_a_hub_sends_on_is_told_without_its_secret(answer: bytes) -> None:
    with RawHub(answer=lambda head: answer) as hub:
        reason = await ending(hub.url)
    assert reason.startswith("ended: ")
    assert CANARY not in reason


PLACES = [
    ["--database", f"postgresql://{CANARY}:x{CANARY}@127.0.0.1:{{port}}"],
    ["--database", f"postgresql://ada@127.0.0.1:{{port}}/x?password={CANARY}&sslpassword={CANARY}"],
    ["--database", f"postgresql://ada:pa@{CANARY}@127.0.0.1:{{port}}/x"],
    ["--database", f"postgresql://ada:p/{CANARY}@127.0.0.1/x"],
    ["--database", f"postgresql://ada:{CANARY}@127.0.0.1:port/x"],
    ["--database", f"ada:{CANARY}@127.0.0.1://x"],
    ["--database", f"host=127.0.0.1 password={CANARY}"],
    ["--database", f"postgresql:ada:{CANARY}@127.0.0.1/x"],
    ["--database", f"ada:{CANARY}@127.0.0.1/x"],
]
STORAGES = [
    f"s3://{CANARY}:x@bucket/jobs", f"s3://{CANARY}@bucket/jobs", f"s3://key:a/{CANARY}@bucket/jobs",
    f"s3://bucket/jobs?secret={CANARY}", f"sftp://ada:{CANARY}@h/x", f"http://127.0.0.1:{{port}}/hooks/{CANARY}",
    f"file://ada:{CANARY}@h/x", f"ada:{CANARY}@h/x",
]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        *(["jobs", "list", *place] for place in PLACES),
        *(["export", *place] for place in PLACES[:2]),
        *(["jobs", "import", "--from", place] for place in STORAGES),
        *(["jobs", "export", "7", "--to", place] for place in STORAGES),
        ["--hub", f"http://ada:{CANARY}@h/x"],
        ["jobs", "list", "--hub", f"http://ada:{CANARY}@h/x"],
        [f"http://h/x?token={CANARY}"],
        ["hub", "--port", f"http://ada:{CANARY}@h/x"],
    ],
)
def test_no_command_repeats_the_secret_of_an_address(tmp_path: Path, arguments: list[str]) -> None:
    port = str(free_port())
    given = [argument.replace("{port}", port) for argument in arguments]
    done = run_command(*given, home=tmp_path, EVOLVER_HOME=str(tmp_path / "home"))
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(("evolver-tui: ", "usage: "))
    assert_nowhere_in(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "lines",
    [
        f'[hub]\nurl = "http://h/x?k={CANARY}"',
        f'[hub]\nurl = "http://h/x?token={CANARY}"',
        f'[hub]\nurl = "http://{CANARY}@h/x"',
        f'[backend]\nkind = "openai"\nmodel = "m"\nbase_url = "http://h/hooks/{CANARY}"',
        f'[backend]\nbase_url = "http://ada:{CANARY}@h"',
        f'[backend]\nbase_url = "http://ada:1/{CANARY}@h"',
        f'[database]\nurl = "postgresql://{CANARY}@db/x?options={CANARY}"',
        f'[database]\nurl = "postgresql://ada:{CANARY}@db/x"',
        f'[database]\nurl = "host=db password={CANARY}"',
    ],
)
def test_the_config_s_commands_repeat_no_secret(tmp_path: Path, lines: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(lines)
    for what in ("show", "check"):
        done = run_command("config", what, "--home", str(tmp_path), home=tmp_path)
        assert CANARY not in done.stdout + done.stderr
        assert done.returncode == 2 or what == "check" or MASK in done.stdout


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_s_password_is_told_to_nobody(tmp_path: Path, name: str) -> None:
    with Model() as model:
        config = model.config.replace("127.0.0.1", "localhost")
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.toml").write_text(config + "[author]\nwrite_attempts = 1\n")
        with RawHub(say_nothing_of_it) as hub:
            stdin = json.dumps({"hub_url": hub.url}).encode()
            environ: dict[str, Any] = {name: f"http://ada:{CANARY}@127.0.0.1:{free_port()}", "NO_PROXY": "127.0.0.1"}
            done = run_command("connect", "--home", str(tmp_path), home=tmp_path, stdin=stdin, **environ)
    assert '"task_queued"' in done.stderr
    assert_nowhere_in(tmp_path, done.stdout, done.stderr)


# --- models and tools


@pytest.mark.anyio
async def test_no_log_of_a_model_s_address_shows_its_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with ProviderServer() as server:
        error = await refused_by_model(backend_at(f"{server.url}/bot12345:{CANARY}"), is_echo=True)
    assert CANARY not in str(error)
    assert "HTTP Request" in caplog.text
    assert CANARY not in caplog.text


# --- the screen


async def everything_on(desk: Console) -> str:
    """What the terminal shows and what a picture of it would."""
    return desk.text() + desk.app.export_screenshot()


@pytest.mark.anyio
async def test_the_console_shows_no_secret_of_its_hub(tmp_path: Path) -> None:
    kept: list[Address] = []
    with RawHub(say_goodbye) as hub:
        address = Address(f"{hub.url}?access_token={CANARY}&k={CANARY}")
        async with console(tmp_path, remembered_url=address, remember_url=kept.append) as desk:
            await desk.session.connect(address)
            await desk.until(lambda: any("has ended" in notice for notice in desk.notices), "the end")
            await desk.until(lambda: f"access_token={MASK}" in desk.text(), "the address")
            seen = [await everything_on(desk), *desk.notices]
            for keys, kind in ((["c"], ConnectModal), (["question_mark"], HelpModal)):
                await desk.decide(*keys)
                await desk.until_open(kind)
                seen.append(await everything_on(desk))
                await desk.press("escape")
            await desk.decide("c")
            await desk.until_open(ConnectModal)
            await desk.decide("enter")
            await desk.until(lambda: kept, "the choice")
            assert kept == [address], "within one run the whole address is connected to"
            await desk.decide("x")
            await desk.until(lambda: list(desk.place.paths.exports.glob("*")), "the export")
            seen.append(await everything_on(desk))
    assert f"access_token={MASK}" in seen[0]
    assert_nowhere_in(tmp_path, *seen)


def words(host: Host) -> str:
    """What stands in a dialog, without its frame and line ends."""
    return " ".join(shown(host).replace("│", " ").split())


@pytest.mark.anyio
async def test_an_address_whose_secret_was_not_kept_is_written_again_or_left_out() -> None:
    host = Host()
    remembered = Address(f"http://h/x?room={MASK}")
    async with opened(ConnectModal([remembered], now=host.clock), host, (100, 30)) as pilot:
        await press(pilot, "enter")
        assert f"What stood at {MASK} was not kept" in words(host)
        await press(pilot, "enter")
        assert f"{MASK} stands for what is not shown" in words(host)
        host.screen.query_one(Input).value = "http://h/x?room=7"
        await press(pilot, "enter")
    assert host.result == ConnectChoice(Address("http://h/x?room=7"), is_sample=False)


@pytest.mark.anyio
async def test_a_secret_that_was_typed_is_refused_and_taken_from_the_screen() -> None:
    host = Host()
    async with opened(ConnectModal(now=host.clock), host, (100, 30)) as pilot:
        await press(pilot, "2")
        host.screen.query_one(Input).value = f"http://h/x?token={CANARY}"
        await press(pilot, "enter")
        assert "without a secret in it" in words(host)
        assert f"http://h/x?token={MASK}" in shown(host)
        assert CANARY not in shown(host)
        await press(pilot, "escape")
