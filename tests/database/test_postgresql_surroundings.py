"""What stands around a PostgreSQL database: encodings, limits on statements, lost tables, PgBouncer between."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.core.errors import StoreBroken, StoreError
from tests.support.databases import add, check_whole, claim, ids, opened, sql, task, tasks
from tests.support.processes import Connect, in_thread
from tests.support.servers import PATIENCE_SECONDS, PostgreSQLServer, free_port

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("of_the_client", ["", "SQL_ASCII", "LATIN1"])
async def test_database_without_an_encoding_gives_text_as_text(
    postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch, of_the_client: str
) -> None:
    url = postgresql.new_database("ENCODING 'SQL_ASCII' LOCALE 'C'")
    if of_the_client:
        monkeypatch.setenv("PGCLIENTENCODING", of_the_client)
    async with opened(url) as database:
        await add(database, task("ü-1", taskName="Grüße 漢字"))
        assert (await claim(database)).task.raw["taskName"] == "Grüße 漢字"
        (row,) = await database.rows_after(None, 10)
        assert (row.task_id, row.task_name) == ("ü-1", "Grüße 漢字")


async def test_statement_that_takes_too_long_is_said_so(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    async with opened(url) as database:
        await add(database, task("a"))
    name = url.rpartition("/")[2]
    sql(url, f"ALTER DATABASE {name} SET statement_timeout = '50ms'")
    sql(url, "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(5); RETURN NEW; END'")  # fmt: skip
    sql(url, "CREATE TRIGGER slow BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION dawdle()")
    async with opened(url) as database:
        with pytest.raises(
            StoreError, match=r"longer than statement_timeout allows\. Raise statement_timeout"
        ) as caught:
            await add(database, task("b"))
        assert not isinstance(caught.value, StoreBroken)


async def test_lost_tables_end_the_writing(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    async with opened(url) as database:
        await add(database, task("a"))
        sql(url, "DROP TABLE journal, question, job CASCADE")
        with pytest.raises(StoreBroken, match="has lost its tables") as caught:
            await add(database, task("b"))
        assert "--database" not in str(caught.value)


async def test_dropped_database_ends_the_writing(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    async with opened(url) as database:
        await add(database, task("a"))
        postgresql.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        with pytest.raises(StoreBroken, match="does not exist"):
            await add(database, task("b"))


async def test_database_that_lacks_characters_is_refused_at_the_start(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database("ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreBroken, match=r"is kept in LATIN1, .* needs UTF8 or SQL_ASCII; nothing was changed"):
        await Database(url).open()
    assert sql(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.parametrize("is_filled", [True, False])
async def test_read_only_server_is_said_so(postgresql: PostgreSQLServer, is_filled: bool) -> None:
    url = postgresql.new_database()
    if is_filled:
        async with opened(url) as database:
            await add(database, task("a"))
    sql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    sentence = r"cannot be written: the server is read-only\. Name the primary server in the URL"
    if not is_filled:
        with pytest.raises(StoreError, match=sentence):
            await Database(url).open()
        return
    async with opened(url) as database:
        with pytest.raises(StoreError, match=sentence):
            await add(database, task("b"))
        assert await ids(database) == ["a"]


@pytest.mark.parametrize(
    "setting", ["statement_timeout = '1ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'"]
)
async def test_limits_of_a_moment_end_no_command_with_a_traceback(
    postgresql: PostgreSQLServer, tmp_path: Path, setting: str
) -> None:
    url = postgresql.new_database()
    async with opened(url) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(2_000))))
    sql(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET {setting}")
    environ = {**os.environ, "EVOLVER_HOME": str(tmp_path)}
    for arguments, stdin in (
        (["jobs", "list"], ""),
        (["connect"], '{"hub_url": "http://127.0.0.1:1/hub", "duration_seconds": 1, "auto_generate_workflows": false}'),
    ):
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "evolver_tui", *arguments, "--database", url],
            input=stdin, capture_output=True, text=True, timeout=60, env=environ, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert "Traceback" not in ran.stdout + ran.stderr
        assert ran.returncode in (0, 1)


def test_run_that_is_asked_to_end_does_not_wait_for_ever_for_a_server_that_is_away(tmp_path: Path) -> None:
    server = PostgreSQLServer()
    try:
        with (
            in_thread(SampleHub(SampleHubSettings(feed=FeedSettings(rate=50.0)))) as hub,
            Connect(
                tmp_path, {"hub_url": hub.url, "duration_seconds": 600, "auto_generate_workflows": True},
                "--database", server.new_database(),
            ) as process,
        ):  # fmt: skip
            process.until("task_queued", 3)
            server.kill()
            code, result = process.finish()  # one signal
    finally:
        server.close()
    assert (code, result["success"]) == (1, False)
    assert "cannot be reached" in result["error"]


# --- PgBouncer ---


@contextmanager
def pgbouncer(server: PostgreSQLServer, mode: str) -> Iterator[int]:
    """PgBouncer before a server; gives its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    folder = server.own_folder(server.folder / f"bouncer-{mode}")
    port = free_port()
    (folder / "users").write_text('"evolver" ""\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users\npool_mode = {mode}\ndefault_pool_size = {3 if mode == 'transaction' else 20}\n"
    )
    surroundings = server._somebody  # as root it refuses to run, as the server does
    process = subprocess.Popen(
        [program, "-q", str(folder / "ini")], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        **surroundings,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_two_consoles_work_behind_a_pool(postgresql: PostgreSQLServer, mode: str) -> None:
    direct = postgresql.new_database()
    with pgbouncer(postgresql, mode) as port:
        url = direct.replace(f":{postgresql.port}/", f":{port}/")
        heard = asyncio.Event()
        async with opened(url) as one, opened(url) as two:
            two.watch(lambda has_work: heard.set())
            for number in range(20):
                await asyncio.gather(add(one, *tasks(f"a{number}")), add(two, *tasks(f"b{number}")), one.counts())
            assert len(await ids(two)) == 40
            assert {(await claim(one)).job, (await claim(two)).job} == {1, 2}
            with anyio.fail_after(PATIENCE_SECONDS):
                await heard.wait()
    check_whole(direct)


async def test_settings_do_not_stay_on_a_pool_s_connections(postgresql: PostgreSQLServer) -> None:
    direct = postgresql.new_database()
    with pgbouncer(postgresql, "transaction") as port:
        url = direct.replace(f":{postgresql.port}/", f":{port}/")
        async with opened(url) as database:
            await add(database, task("a"))
            assert sql(url, "SHOW enable_seqscan") == [("on",)]
            assert sql(url, "SHOW idle_in_transaction_session_timeout") == [("0",)]


async def test_pool_of_statements_is_refused_in_words(postgresql: PostgreSQLServer) -> None:
    direct = postgresql.new_database()
    sentence = r"is behind a pool of statements\. Set pool_mode = transaction"
    with pgbouncer(postgresql, "statement") as port, pytest.raises(StoreBroken, match=sentence):
        await Database(direct.replace(f":{postgresql.port}/", f":{port}/")).open()
