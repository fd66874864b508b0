"""The broker at a real nats-server: what is published arrives, whatever the server goes through meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import BrokerError
from tests.support.nats_broker import HASTY, QUICK, Heard, Standings, broker_at, make_broker, secret
from tests.support.nats_credentials import make_credentials
from tests.support.nats_server import USER_NKEY, USER_SEED, NatsServer
from tests.support.server_process import PATIENCE_SECONDS
from tests.support.servers import free_port
from tests.support.tls import make_certificate

pytestmark = pytest.mark.anyio

SUBJECT = "chat.pod.pod-1.response"


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer() as running:
        yield running


def numbers(start: int, end: int) -> list[str]:
    return [str(number) for number in range(start, end)]


async def test_what_is_published_is_heard_in_order_by_all_who_listen(server: NatsServer) -> None:
    async with broker_at(server.url) as broker, broker_at(server.url) as other:
        narrow, wide = Heard(), Heard()
        await other.subscribe(SUBJECT, narrow)
        await other.subscribe("chat.pod.*.response", wide)
        for text in numbers(0, 1_000):
            await broker.publish(SUBJECT, text.encode())
        assert await broker.confirm(30)
        await narrow.until(lambda: len(narrow.messages) == 1_000)
        await wide.until(lambda: len(wide.messages) == 1_000)
        assert narrow.texts == wide.texts == numbers(0, 1_000)
        assert {subject for subject, _ in wide.messages} == {SUBJECT}


async def test_a_subscription_ends_when_it_is_told_to(server: NatsServer) -> None:
    async with broker_at(server.url) as broker:
        ended, goes_on = Heard(), Heard()
        end = await broker.subscribe(SUBJECT, ended)
        await broker.subscribe(SUBJECT, goes_on)
        end()
        await broker.confirm(30)
        await broker.publish(SUBJECT, b"after its end")
        await goes_on.until(lambda: goes_on.messages)
        assert ended.messages == []


class Wire:
    """What stands between a client and a server, and can be cut: bytes that are on their way are lost then."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends += [writer, server_writer]
        for source, target in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._tasks.add(task)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(4_096):
                target.write(data)
                await target.drain()
        target.transport.abort()


async def test_what_a_cut_connection_had_on_its_way_comes_again_and_in_order(server: NatsServer) -> None:
    wire = Wire(server.port)
    async with broker_at(server.url) as other, wire as url, broker_at(url) as broker:
        heard, standings = Heard(), Standings()
        await other.subscribe(SUBJECT, heard)
        broker.watch(standings)
        for cut in range(10):
            for number in range(500):
                await broker.publish(SUBJECT, str(500 * cut + number).encode())
                if number == 250 + 20 * cut:
                    wire.cut()
            await standings.until(lambda cut=cut: len([each for each in standings.all if each.is_up]) > cut)  # type: ignore[misc]
        assert await broker.confirm(PATIENCE_SECONDS)
        await heard.until(lambda: "4999" in heard.texts)
        assert heard.different == numbers(0, 5_000)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_nothing_is_lost_while_the_server_is_down(server: NatsServer, how: str) -> None:
    async with broker_at(server.url) as broker, broker_at(server.url) as other:
        heard, standings, others = Heard(), Standings(), Standings()
        broker.watch(standings)
        other.watch(others)
        await other.subscribe(SUBJECT, heard)
        for text in numbers(0, 300):
            await broker.publish(SUBJECT, text.encode())
        await asyncio.to_thread(getattr(server, how))
        for text in numbers(300, 600):
            await broker.publish(SUBJECT, text.encode())
        await standings.until_away()
        assert standings.all[0].reason.startswith("The connection to NATS was lost: ")
        assert not await broker.confirm(0.05)
        await others.until_away()
        await asyncio.to_thread(server.start)
        await others.until_up()
        for text in numbers(600, 700):
            await broker.publish(SUBJECT, text.encode())
        assert await broker.confirm(30)
        await heard.until(lambda: "699" in heard.texts)
        # Who publishes may be back before who listens: what came in between is what core NATS does not keep.
        assert [text for text in heard.different if int(text) >= 600] == numbers(600, 700)
        assert heard.different == sorted(heard.different, key=int)


async def test_a_server_that_hangs_is_noticed_and_holds_nobody_up(server: NatsServer) -> None:
    async with broker_at(server.url, timing=HASTY) as broker:
        heard, standings = Heard(), Standings()
        broker.watch(standings)
        await broker.subscribe(SUBJECT, heard)
        await broker.publish(SUBJECT, b"before")
        await heard.until(lambda: heard.messages)
        server.freeze()
        large = "x" * 100_000
        async with asyncio.timeout(PATIENCE_SECONDS):
            for number in range(100):  # more than any buffer on the way holds
                await broker.publish(SUBJECT, f"{number} {large}".encode())
        assert await standings.until_away() == "The connection to NATS was lost: it does not answer."
        server.thaw()
        await standings.until_up()
        assert await broker.confirm(30)
        await heard.until(lambda: len({text.split()[0] for text in heard.texts}) == 101)


async def test_it_waits_for_a_server_that_is_not_there_yet() -> None:
    server = NatsServer()
    try:
        async with broker_at(server.url) as broker:
            standings, heard = Standings(), Heard()
            broker.watch(standings)
            assert broker.standing.reason == f"NATS at 127.0.0.1:{server.port} cannot be reached: Connection refused."
            await broker.subscribe(SUBJECT, heard)
            await broker.publish(SUBJECT, b"early")
            await asyncio.to_thread(server.start)
            await standings.until_up()
            await heard.until(lambda: heard.texts == ["early"])
    finally:
        server.close()


async def test_a_full_outbox_has_publishers_wait_and_then_says_so() -> None:
    async with broker_at(f"nats://127.0.0.1:{free_port()}", most_messages=10) as broker:
        for text in numbers(0, 10):
            await broker.publish(SUBJECT, text.encode())
        with pytest.raises(BrokerError, match="NATS was away for too long: 10 messages wait for it"):
            await broker.publish(SUBJECT, b"one too many")


async def test_room_comes_back_with_the_server(server: NatsServer) -> None:
    async with broker_at(server.url, most_bytes=1_000, timing=replace(QUICK, patience=PATIENCE_SECONDS)) as broker:
        heard = Heard()
        await broker.subscribe(SUBJECT, heard)
        await asyncio.to_thread(server.kill)
        publishing = asyncio.create_task(publish_all(broker, numbers(0, 100)))
        await asyncio.wait([publishing], timeout=0.1)
        assert not publishing.done()
        await asyncio.to_thread(server.start)
        await publishing
        await heard.until(lambda: heard.different == numbers(0, 100))


async def publish_all(broker: Any, texts: list[str]) -> None:
    for text in texts:
        await broker.publish(SUBJECT, text.encode())


async def test_what_was_published_is_sent_before_it_closes(server: NatsServer) -> None:
    async with broker_at(server.url) as other:
        heard = Heard()
        await other.subscribe(SUBJECT, heard)
        async with broker_at(server.url) as broker:
            await publish_all(broker, numbers(0, 5_000))
        await heard.until(lambda: len(heard.messages) == 5_000)


async def test_what_cannot_be_a_message_is_refused(server: NatsServer) -> None:
    async with broker_at(server.url) as broker:
        with pytest.raises(BrokerError, match="takes messages of 1,048,576 bytes"):
            await broker.publish(SUBJECT, b"x" * 1_048_577)
        for subject in ("", "chat..x", "chat.x y", "chat.x\r\nPUB a 0", "chat.x\r\n\r\n"):
            with pytest.raises(BrokerError, match="is no subject of NATS"):
                await broker.publish(subject, b"")
        await broker.publish(SUBJECT, b"x")
        assert await broker.confirm(30)


# --- asking


async def test_whoever_asks_hears_the_answer_or_why_there_is_none(server: NatsServer) -> None:
    async with broker_at(server.url) as broker, broker_at(server.url) as other:
        with pytest.raises(BrokerError, match="Nobody listens at chat"):
            await broker.ask("chat.workflow.execute.a", b"?", 5)
        await other.subscribe("chat.workflow.execute.a", Heard())
        assert await broker.ask("chat.workflow.execute.a", b"?", 0.05) is None
        await other.listen("chat.workflow.execute.b", lambda message: other.send_soon(message.reply, b"here"))
        assert await broker.ask("chat.workflow.execute.b", b"?", 30) == b"here"
        standings = Standings()
        broker.watch(standings)
        await asyncio.to_thread(server.kill)
        await standings.until_away()
        with pytest.raises(BrokerError, match="NATS"):
            await broker.ask("chat.workflow.execute.a", b"?", 5)


# --- who asks


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "user.nk").write_text(f"{USER_SEED}\n")
    return tmp_path


async def test_a_user_gets_in_by_password_and_by_nobody_elses() -> None:
    with NatsServer(user="ada", password="s3cret-word") as server:
        async with broker_at(server.url, user="ada", password=secret("s3cret-word")) as broker:
            assert broker.standing.is_up
        async with broker_at(server.url.replace("//", "//ada:s3cret-word@")) as broker:
            assert broker.standing.is_up
        for settings in ({}, {"user": "ada", "password": secret("an0ther-word")}, {"token": secret("s3cret-word")}):
            await refused(server, "refuses who asks", **settings)


async def test_a_token_lets_in() -> None:
    with NatsServer(token="t0ken-of-one") as server:
        async with broker_at(server.url, token=secret("t0ken-of-one")) as broker:
            assert broker.standing.is_up
        async with broker_at(server.url.replace("//", "//t0ken-of-one@")) as broker:
            assert broker.standing.is_up
        await refused(server, "refuses who asks", token=secret("another"))


async def test_an_nkey_lets_in(files: Path) -> None:
    with NatsServer(nkey=USER_NKEY) as server:
        async with broker_at(server.url, nkey=str(files / "user.nk")) as broker:
            assert broker.standing.is_up
        await refused(server, "refuses who asks")
        await refused(server, "nats_nkey: .*missing.nk cannot be read", nkey=str(files / "missing.nk"))
        (files / "user.nk").write_text("SUNOSEED\n")
        await refused(server, "cannot be used with these settings", nkey=str(files / "user.nk"))


async def test_a_credentials_file_lets_in(files: Path) -> None:
    credentials = make_credentials()
    (files / "user.creds").write_text(credentials.file)
    (files / "other.creds").write_text(make_credentials().file)
    (files / "empty.creds").write_text("")
    with NatsServer(more=credentials.config) as server:
        async with broker_at(server.url, credentials=str(files / "user.creds")) as broker:
            assert broker.standing.is_up
        await refused(server, "refuses who asks", credentials=str(files / "other.creds"))
        await refused(server, "nats_credentials: .* is no such file", credentials=str(files / "empty.creds"))
        await refused(server, "nats_credentials: .* cannot be read", credentials=str(files))


async def refused(server: NatsServer, why: str, **settings: Any) -> None:
    """Opening ends at once, with a sentence that tells no secret."""
    broker = make_broker(server.url, **settings)
    with pytest.raises(BrokerError, match=why) as raised:
        await broker.open()
    await broker.close()
    for told in (str(raised.value), broker.standing.reason):
        assert not any(word in told for word in ("s3cret-word", "an0ther-word", "t0ken-of-one", USER_SEED))


async def test_a_user_who_is_let_in_no_longer_is_told_of_and_comes_back() -> None:
    server = NatsServer(user="ada", password="s3cret-word")
    with server:
        async with broker_at(server.url, user="ada", password=secret("s3cret-word")) as broker:
            standings = Standings()
            broker.watch(standings)
            await asyncio.to_thread(server.stop)
            server.change(user="bob", password="s3cret-word")
            await asyncio.to_thread(server.start)
            await standings.until(lambda: "refuses who asks" in standings.all[-1].reason)
            await asyncio.to_thread(server.stop)
            server.change(user="ada", password="s3cret-word")
            await asyncio.to_thread(server.start)
            await standings.until_up()


async def test_what_a_user_may_not_do_is_told_where_nats_itself_drops_it() -> None:
    may = 'permissions: { publish: ["chat.pod.>", "_INBOX.>"], subscribe: ["chat.pod.>", "_INBOX.>"] }'
    with NatsServer(more=f"authorization {{ users: [ {{ user: ada, password: s3cret-word, {may} }} ] }}") as server:
        async with broker_at(server.url, user="ada", password=secret("s3cret-word")) as broker:
            standings, heard = Standings(), Heard()
            broker.watch(standings)
            await broker.subscribe(SUBJECT, heard)
            await broker.publish("chat.workflow.execute.a", b"x")
            assert "permissions violation for publish to" in await standings.until_away()
            await broker.publish(SUBJECT, b"x")
            await heard.until(lambda: heard.messages)


# --- a cluster


async def test_another_server_of_the_cluster_is_used_where_the_named_one_is_gone() -> None:
    routes = free_port(), free_port()

    def server(number: int) -> NatsServer:
        other = routes[1 - number]
        listen = f"name: chats, listen: 127.0.0.1:{routes[number]}, routes: [nats-route://127.0.0.1:{other}]"
        return NatsServer(user="ada", password="s3cret-word", more=f"server_name: s{number}\ncluster {{ {listen} }}")

    ada = {"user": "ada", "password": secret("s3cret-word")}
    with server(0) as first, server(1) as second:
        async with broker_at(first.url, **ada) as broker, broker_at(second.url, **ada) as other:
            heard, standings = Heard(), Standings()
            await other.subscribe(SUBJECT, heard)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not broker.connection().discovered_servers:
                    await broker.confirm(1)
            broker.watch(standings)
            await asyncio.to_thread(first.kill)
            await standings.until_away()
            await standings.until_up()
            await broker.publish(SUBJECT, b"by the other")
            await heard.until(lambda: heard.texts == ["by the other"])


# --- TLS


async def test_tls_is_spoken_with_whom_the_named_certificates_vouch_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = make_certificate(tmp_path)
    with NatsServer(tls=tls, user="ada", password="s3cret-word") as server:
        ada = {"user": "ada", "password": secret("s3cret-word")}
        async with broker_at(server.url, ca=str(tls[0]), **ada) as broker:
            await broker.publish(SUBJECT, b"x")
            assert await broker.confirm(30)
        await refused(server, "There is no TLS with NATS at .*: self-signed certificate", **ada)
        await refused(
            server, r"The certificates for NATS cannot be used \(.*missing.pem\)", ca=str(tmp_path / "missing.pem")
        )
        plain = make_broker(server.url.replace("tls://", "nats://"), **ada)
        with pytest.raises(BrokerError, match="no TLS with NATS"):
            await plain.open()
        await plain.close()
    assert caplog.messages == []


async def test_a_client_shows_its_own_certificate_where_the_server_wants_one(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path)
    with NatsServer(tls=tls, verify=tls[0]) as server:
        async with broker_at(server.url, ca=str(tls[0]), certificate=str(tls[0]), key=str(tls[1])) as broker:
            assert broker.standing.is_up
        without = make_broker(server.url, ca=str(tls[0]))
        with contextlib.suppress(BrokerError):  # some versions of TLS tell of it only by hanging up
            await without.open()
        assert not without.standing.is_up
        await without.close()


async def test_no_password_goes_out_in_the_open_where_tls_was_asked_for() -> None:
    with NatsServer(user="ada", password="s3cret-word") as server:
        broker = make_broker(server.url.replace("nats://", "tls://"), user="ada", password=secret("s3cret-word"))
        with pytest.raises(BrokerError, match="does not speak TLS, and its address says that it does"):
            await broker.open()
        await broker.close()
