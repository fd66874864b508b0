"""Why a hub link does not come about: reasons, redirects, secrets, settings; and the vendor's hooks it hangs on."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from signalrcore.hub.base_hub_connection import BaseHubConnection
from signalrcore.messages.ping_message import PingMessage
from signalrcore.protocol.json_hub_protocol import JsonHubProtocol
from signalrcore.transport.base_transport import BaseTransport
from signalrcore.transport.sockets.base_socket_client import BaseSocketClient
from signalrcore.transport.transport_factory import TRANSPORTS
from signalrcore.transport.websockets.websocket_client import WebSocketClient
from signalrcore.transport.websockets.websocket_transport import WebsocketTransport
from signalrcore.types import HttpTransportType

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.adapters.signalr.link import LinkSettings, SignalRLink
from evolver_tui.adapters.signalr.transport import SIGNALRCORE_VERSION, HubTransport
from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError
from tests.support.hubs import Peer, RawHub, http_response, negotiated
from tests.support.links import RealClock, Recorder, ending, linked, quiet
from tests.support.tls import make_certificate, tls_in_front_of

pytestmark = pytest.mark.anyio

# --- reasons


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http_response("403 Forbidden"), "ended: The hub at 127.0.0.1:PORT refuses access (403)."),
        (
            http_response("200 OK", "\n<!doctype html><title>\n Sign in &amp; go </title>"),
            "ended: 127.0.0.1:PORT is not a SignalR hub: its answer to the negotiation is a web page, "
            '"Sign in & go". Check the URL',
        ),
        (http_response("200 OK", "<html>"), "ended: 127.0.0.1:PORT is not a SignalR hub: its answer to the negotia"),
        (http_response("307 Temporary Redirect", Location="//[::1/x"), "ended: The hub redirects to something that"),
        (http_response("200 OK", "[]"), "ended: 127.0.0.1:PORT is not a SignalR hub: its answer"),
        (http_response("200 OK", "[" * 100_000), "ended: 127.0.0.1:PORT is not a SignalR hub: its answer"),
        (http_response("200 OK", " " * 300_000), "ended: 127.0.0.1:PORT is not a SignalR hub: its answer"),
        (http_response("405 Method Not Allowed"), "ended: 127.0.0.1:PORT is not a SignalR hub: it answered 405"),
        (b"SSH-2.0-OpenSSH_9.7\r\n", "ended: 127.0.0.1:PORT is not a SignalR hub: it does not answer in HTTP"),
        (b"", "waiting: 127.0.0.1:PORT broke off the connection."),
        (http_response("503 Service Unavailable"), "waiting: 127.0.0.1:PORT is not ready (503"),
        (http_response("429 Too Many Requests"), "waiting: 127.0.0.1:PORT is not ready (429"),
        (negotiated(error="full \x1b[2J"), 'ended: The hub refuses the connection: "full ␛[2J".'),
        (negotiated(connectionToken=None), "ended: 127.0.0.1:PORT is not a SignalR hub: its answer"),
        (negotiated(availableTransports=[]), "ended: The hub offers no transport with JSON."),
        (http_response("200 OK", '{"ProtocolVersion":"1.3"}'), "ended: 127.0.0.1:PORT speaks the old ASP.NET SignalR."),
        (
            http_response("302 Found", Location="http://evil.example/"),
            "ended: The hub redirects to evil.example, which is not allowed. If you trust that host, add it to "
            "redirect_hosts under [hub] in the config.",
        ),
        (negotiated(url="http://evil.example/"), "ended: The hub redirects to evil.example, which is not allowed."),
        (negotiated(url="gopher://x"), "ended: The hub redirects to something that is not a URL."),
        (http_response("307 Temporary Redirect", Location="?again"), "ended: The hub redirects in a circle."),
    ],
)
async def test_an_answer_to_the_negotiation_gives_a_readable_reason(answer: bytes, reason: str) -> None:
    with RawHub(answer=lambda head: answer) as hub:
        assert (await ending(hub.url)).startswith(reason.replace("PORT", str(hub.port)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        *(
            (
                http_response(status, body),
                f"waiting: 127.0.0.1:PORT negotiated, but answered {status[:3]} when WebSockets",
            )
            for status, body in [
                ("200 OK", "101"),
                ("302 Found", ""),
                ("400 Bad Request", "Transport unknown"),
                ("403 Forbidden", ""),
                ("404 Not Found", "LongPolling transport not supported by this end point type"),
                ("405 Method Not Allowed", ""),
                ("426 Upgrade Required", ""),
                ("501 Not Implemented", ""),
                ("502 Bad Gateway", ""),
            ]
        ),
        (b"", "waiting: 127.0.0.1:PORT negotiated, but broke off the connection when WebSockets"),
        (b"nonsense\r\n\r\n", "waiting: 127.0.0.1:PORT negotiated, but did not answer in HTTP when WebSockets"),
        (http_response("404 Not Found"), "waiting: The hub at 127.0.0.1:PORT does not know the connection"),
        (
            http_response("404 Not Found", "No Connection with that ID"),
            "waiting: The hub at 127.0.0.1:PORT does not know the connection it just negotiated (404). If several",
        ),
        (
            http_response("401 Unauthorized"),
            "ended: The hub at 127.0.0.1:PORT asks for a token (401). Put a valid token into EVOLVER_HUB_TOKEN, "
            "or into the variable that token_env names in the config.",
        ),
        (b"HTTP/1.1 101 x\r\n\r\n", "waiting: 127.0.0.1:PORT negotiated, but answered with no right handshake when"),
        (b"HTTP/1.1 101 x\r\n" + b"x" * 40_000, "waiting: 127.0.0.1:PORT negotiated, but answered without end when"),
    ],
)
async def test_an_answer_to_the_upgrade_gives_a_readable_reason(answer: bytes, reason: str) -> None:
    with RawHub(upgrade=lambda head: answer) as hub:
        assert (await ending(hub.url)).startswith(reason.replace("PORT", str(hub.port)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "no json here"}, 'ended: The hub refuses the handshake: "no json here".'),
        ("<html>", "is not a SignalR hub: its answer to the handshake is not JSON."),
        ({"type": 6}, "is not a SignalR hub: it does not answer the handshake."),
    ],
)
async def test_an_answer_to_the_handshake_gives_a_readable_reason(answer: object, reason: str) -> None:
    def script(peer: Peer) -> None:
        peer.read_frame()
        peer.send(answer)
        peer.read_to_end()

    with RawHub(script) as hub:
        assert reason in await ending(hub.url)


async def test_a_name_that_does_not_exist_is_said_to_be_so() -> None:
    reason = await ending("http://no-such-host.invalid/taskhub")
    assert reason.startswith("waiting: The host name no-such-host.invalid cannot be resolved.")


async def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/taskhub"
        assert "answer" in await ending(url, connect_timeout=0.2)


async def test_tls_to_an_open_hub_ends_with_a_reason() -> None:
    with RawHub(quiet) as hub:
        reason = await ending(hub.url.replace("http", "https"))
    assert reason.startswith(f"ended: 127.0.0.1:{hub.port} does not speak TLS")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


async def test_a_certificate_that_nobody_vouches_for_ends_with_a_reason(certificate: tuple[Path, Path]) -> None:
    async with SampleHub() as hub, tls_in_front_of(_port(hub.url), certificate) as port:
        reason = await ending(f"wss://127.0.0.1:{port}/taskhub")
    assert reason.startswith(f"ended: The TLS certificate of 127.0.0.1:{port} was not accepted: self")


async def test_an_encrypted_hub_delivers_while_pings_go_the_other_way(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    settings = SampleHubSettings(feed=FeedSettings(rate=0, count=5000))
    async with (
        SampleHub(settings) as hub,
        tls_in_front_of(_port(hub.url), certificate) as port,
        linked(f"https://127.0.0.1:{port}/taskhub", ping_interval=0.001) as it,
    ):
        await it.heard.until(lambda: len(it.heard.messages) == 5000)
        assert it.heard.ids == [f"task-{number}" for number in range(1, 5001)]
        assert it.heard.phases == ["connecting", "connected"]


def _port(url: str) -> int:
    return int(url.split(":")[2].split("/")[0])


# --- redirects


async def test_a_redirect_to_an_allowed_host_is_followed_with_the_token_it_brings() -> None:
    with RawHub(quiet) as target:
        for answer in (
            http_response("307 Temporary Redirect", Location=f"{target.url}/negotiate?negotiateVersion=1"),
            negotiated(url=target.url, accessToken="brought-along"),
        ):
            with RawHub(answer=lambda head, answer=answer: answer) as front:  # type: ignore[misc]
                async with linked(front.url, redirect_hosts=(f"127.0.0.1:{target.port}",), token=lambda: "own") as it:
                    await it.heard.state("connected")
    bearers = [line[15:] for head in target.heads for line in head.split("\r\n") if line.startswith("Authorization")]
    assert bearers == ["Bearer own", "Bearer own", "Bearer brought-along", "Bearer brought-along"]


async def test_a_hub_that_negotiates_in_version_0_is_understood() -> None:
    old = negotiated(negotiateVersion=None, connectionToken=None)
    with RawHub(quiet, answer=lambda head: old) as hub:
        async with linked(f"{hub.url}?tenant=7") as it:
            await it.heard.state("connected")
        assert hub.heads[0].startswith("POST /taskhub/negotiate?tenant=7&negotiateVersion=1 HTTP/1.1")
        assert hub.heads[1].startswith("GET /taskhub?tenant=7&id=c HTTP/1.1")


# --- secrets


async def test_the_token_appears_in_request_headers_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret, sent = "s3cret/t+ken", []

    def script(peer: Peer) -> None:
        sent.append(peer.read_frame()[1])
        peer.send({})
        peer.send(f"{{not json {secret}")
        peer.send({"type": 1, "invocationId": "1", "target": "TaskHub", "arguments": [{"tasks": []}]})
        sent.append(json.dumps(peer.read_record(3)).encode())
        peer.send({"type": 7, "error": f"{secret} or s3cret%2Ft%2Bken is not welcome"})
        peer.read_to_end()

    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="SignalRCoreClient")
    with RawHub(script) as hub:
        async with linked(f"{hub.url}?access_token={secret}&x=1", token=lambda: secret) as it:
            state = await it.heard.state("ended")
    assert "••• or ••• is not welcome" in state.reason
    assert it.heard.problems == ["The hub sent a record that is not JSON: {not json •••."]
    assert str(state.url) == f"{hub.url}?access_token=•••&x=•••"
    assert secret not in repr((it.heard.states, caplog.records, [record.getMessage() for record in caplog.records]))
    assert secret not in "".join(capfd.readouterr())
    assert all(secret.encode() not in one for one in sent)
    assert all(f"Authorization: Bearer {secret}" in head for head in hub.heads)


@pytest.mark.parametrize("token", ["two\r\nHost: evil", "two words", "tökén"])
async def test_a_token_that_would_break_the_request_is_refused(token: str) -> None:
    with RawHub(quiet) as hub:
        reason = await ending(hub.url, token=lambda: token)
        assert reason.startswith("ended: The hub's token holds characters that a header cannot carry.")
        assert hub.heads == []


async def test_a_token_that_cannot_be_had_is_asked_for_again() -> None:
    with RawHub(quiet) as hub:
        reason = await ending(hub.url, token=lambda: str(1 // 0))
    assert reason == "waiting: The hub's token could not be had (ZeroDivisionError)."


# --- settings


@pytest.mark.parametrize(
    "url",
    ["", "localhost:5000", "ftp://host/x", "http://", "http://host:99999/", "http://a b/", "http://user:pw@host/"],
)
async def test_what_is_no_hub_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        SignalRLink(LinkSettings(Address(url)), Recorder(), RealClock())
    assert "http://localhost:5000/taskhub" in str(refused.value) or "token" in str(refused.value)
    assert "pw" not in str(refused.value)


async def test_a_hub_is_found_by_name_and_with_a_query() -> None:
    async with SampleHub(SampleHubSettings(token="letmein")) as hub:
        url = hub.url.replace("127.0.0.1", "localhost").replace("http", "ws") + "?access_token=letmein"
        async with linked(url) as it:
            await it.heard.until(lambda: it.heard.ids)


# --- the vendor


@pytest.fixture
def hooks() -> dict[str, list[str]]:
    """What `signalr` replaces or calls in signalrcore, and the parameters it counts on."""
    return {
        "BaseHubConnection.start": _parameters(BaseHubConnection.start),
        "BaseHubConnection.stop": _parameters(BaseHubConnection.stop),
        "BaseHubConnection._negotiate": _parameters(BaseHubConnection._negotiate),
        "BaseTransport._set_state": _parameters(BaseTransport._set_state),
        "BaseTransport.dispose": _parameters(BaseTransport.dispose),
        "WebsocketTransport.create_client": _parameters(WebsocketTransport.create_client),
        "WebsocketTransport.on_message": _parameters(WebsocketTransport.on_message),
        "WebsocketTransport.on_socket_open": _parameters(WebsocketTransport.on_socket_open),
        "WebsocketTransport.send": _parameters(WebsocketTransport.send),
        "BaseSocketClient.create_socket": _parameters(BaseSocketClient.create_socket),
        "BaseSocketClient.connect": _parameters(BaseSocketClient.connect),
        "BaseSocketClient.run": _parameters(BaseSocketClient.run),
        "BaseSocketClient.close": _parameters(BaseSocketClient.close),
        "BaseSocketClient.dispose": _parameters(BaseSocketClient.dispose),
        "WebSocketClient.send": _parameters(WebSocketClient.send),
    }


def _parameters(function: Callable[..., object]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


async def test_signalrcore_has_the_hooks_that_the_link_hangs_on(hooks: dict[str, list[str]]) -> None:
    advice = "signalr/transport.py and signalr/socket.py hang on private parts of signalrcore: read both against it"
    assert importlib.metadata.version("signalrcore") == SIGNALRCORE_VERSION, advice
    with_parameters = {name: parameters for name, parameters in hooks.items() if parameters}
    assert with_parameters == {
        "BaseTransport._set_state": ["new_state"],
        "WebsocketTransport.on_message": ["app", "raw_message"],
        "WebsocketTransport.send": ["message"],
        "WebSocketClient.send": ["message", "opcode"],
    }, advice
    assert TRANSPORTS[HttpTransportType.web_sockets] is HubTransport, advice
    protocol = JsonHubProtocol(version=1)
    assert protocol.encode(protocol.handshake_message()) == '{"protocol": "json", "version": 1}\x1e', advice
    assert protocol.encode(PingMessage()) == '{"type": 6}\x1e', advice
