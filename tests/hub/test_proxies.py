"""The hub link by way of a proxy: tunnels, requests, refusals, and whose fault it is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from tests.support.hubs import RawHub, free_port, http_response
from tests.support.links import ending, linked
from tests.support.proxy_server import ProxyServer
from tests.support.request_hub import HANDSHAKE, Reply, RequestHub, task_record
from tests.support.socks_server import SocksServer
from tests.support.tls import make_certificate, tls_in_front_of

pytestmark = pytest.mark.anyio

PASSWORD = "s3cret-pass"
AUTHORIZATION = "Basic YWRhOnMzY3JldC1wYXNz"
"""ada and the password."""


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_hub_is_reached_by_the_proxy_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer() as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with SampleHub() as hub, linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids)
            assert it.link.state.transport == "WebSockets"
            negotiate, tunnel = proxy.asked
            assert negotiate == f"POST {hub.url}/negotiate?negotiateVersion=1"
            assert tunnel == f"CONNECT {hub.url.split('/')[2]}"


@pytest.mark.parametrize("exceptions", ["127.0.0.1", "127.0.0.0/8,::1/128,[::1]", "*"])
async def test_a_hub_that_no_proxy_names_is_reached_directly(exceptions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer(connect="403 Forbidden", forward="403 Forbidden") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", exceptions)
        async with SampleHub() as hub, linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids)
        assert proxy.asked == []


async def test_a_password_goes_to_the_proxy_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ProxyServer(authorization=AUTHORIZATION) as proxy:
        at = proxy.url.removeprefix("http://")
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:{PASSWORD}@{at}")
        async with SampleHub() as hub, linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids)
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:wrong-{PASSWORD}@{at}")
        reason = await ending(hub.url)
        assert reason.startswith(
            f"ended: The proxy at {at} did not accept its user and password (407 Proxy Authentication Required)."
        )
        monkeypatch.setenv("HTTP_PROXY", at)
        assert f"The proxy at {at} wants a user and a password (407" in await ending(hub.url)
    assert PASSWORD not in caplog.text + reason


@pytest.mark.parametrize(
    ("status", "phase", "saying"),
    [
        ("403 Forbidden", "ended", "refuses the way to hub.invalid (403 Forbidden)."),
        ("407 Proxy Authentication Required", "ended", "wants a user and a password (407"),
        ("405 Method Not Allowed", "ended", "refuses the way to hub.invalid (405"),
        ("502 Bad Gateway", "waiting", "cannot reach hub.invalid (502 Bad Gateway)."),
        ("504 Gateway Timeout", "waiting", "cannot reach hub.invalid (504"),
    ],
)
async def test_a_tunnel_that_is_refused_is_the_proxy_s_no(
    status: str, phase: str, saying: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer(connect=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        reason = await ending("https://hub.invalid/taskhub")
        assert reason.startswith(f"{phase}: The proxy at 127.0.0.1:{proxy.port} {saying}")


async def test_a_refusal_that_came_by_the_proxy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer(forward="403 Forbidden") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        reason = await ending("http://hub.invalid/taskhub")
        assert f"The answer came from the proxy at 127.0.0.1:{proxy.port}, which may have given it itself." in reason


async def test_a_dead_proxy_is_named_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    at = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("HTTP_PROXY", f"http://ada:{PASSWORD}@{at}")
    reason = await ending("http://hub.invalid/taskhub")
    assert reason == (
        f"waiting: The proxy at {at} cannot be used: connection refused. Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and "
        "NO_PROXY, or the proxy."
    )


@pytest.mark.parametrize("value", ["socks4://127.0.0.1:1", "http://", "socks5://:1", "http://h:x", "gopher://x"])
async def test_a_proxy_that_cannot_be_used_is_said_to_be_so(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    reason = await ending("http://hub.invalid/taskhub")
    assert reason.startswith("ended: The environment names ")
    assert "as the proxy, which cannot be used: it has to be an http, https or socks5 URL" in reason


# --- SOCKS and TLS


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS"])
@pytest.mark.parametrize("user", [None, ("ada", "p@ss:ö")])
async def test_a_hub_is_reached_by_a_socks_proxy(
    scheme: str, user: tuple[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SocksServer(user=user, is_slow=True) as proxy:
        at = f"{'' if user is None else 'ada:p%40ss%3A%C3%B6@'}127.0.0.1:{proxy.port}"
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{at}")
        async with SampleHub() as hub, linked(hub.url) as it:
            await it.heard.until(lambda: it.heard.ids)
            assert it.link.state.transport == "WebSockets"
            assert proxy.asked == [hub.url.split("/")[2]] * 2


async def test_a_name_is_looked_up_by_the_socks_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with SocksServer() as proxy, RequestHub("LongPolling") as hub:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with linked(hub.url.replace("127.0.0.1", "localhost")) as it:
            hub.polls.put(Reply(body=(HANDSHAKE + task_record("a")).encode()))
            await it.heard.until(lambda: it.heard.ids == ["a"])
        assert set(proxy.asked) == {hub.url.split("/")[2].replace("127.0.0.1", "localhost")}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"answer": 2}, "ended: The proxy at PROXY refuses the way to hub.invalid."),
        ({"answer": 5}, "waiting: The proxy at PROXY cannot reach hub.invalid: connection refused."),
        ({"answer": 77}, "waiting: The proxy at PROXY cannot reach hub.invalid: SOCKS error 77."),
        ({"user": ("ada", "x")}, "ended: The proxy at PROXY wants a user and a password."),
    ],
)
async def test_what_a_socks_proxy_refuses_is_its_no(
    how: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SocksServer(**how) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        told = await ending("http://hub.invalid/taskhub")
        assert told.startswith(reason.replace("PROXY", f"127.0.0.1:{proxy.port}"))


async def test_a_wrong_password_and_another_protocol_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with SocksServer(user=("ada", PASSWORD)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://ada:wrong-{PASSWORD}@127.0.0.1:{proxy.port}")
        reason = await ending("http://hub.invalid/taskhub")
    assert "did not accept its user and password." in reason
    assert PASSWORD not in reason
    with SocksServer(version=72) as other:
        monkeypatch.setenv("ALL_PROXY", other.url)
        assert "does not answer in SOCKS5" in await ending("http://hub.invalid/taskhub")


@pytest.mark.parametrize("is_hub_secure", [False, True])
async def test_a_proxy_may_be_spoken_to_by_tls(
    is_hub_secure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    settings = SampleHubSettings(feed=FeedSettings(rate=0, count=3000))
    with ProxyServer() as proxy:
        async with (
            SampleHub(settings) as hub,
            tls_in_front_of(proxy.port, certificate) as at,
            tls_in_front_of(int(hub.url.split(":")[2].split("/")[0]), certificate) as secure_hub,
        ):
            monkeypatch.setenv("ALL_PROXY", f"https://127.0.0.1:{at}")
            url = f"https://127.0.0.1:{secure_hub}/taskhub" if is_hub_secure else hub.url
            assert "its TLS certificate was not accepted" in await ending(url)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
            async with linked(url, ping_interval=0.001) as it:
                await it.heard.until(lambda: len(it.heard.messages) == 3000)
                assert it.heard.phases == ["connecting", "connected"]
        assert proxy.asked[-1].startswith("CONNECT ")


@pytest.mark.parametrize(
    ("how", "saying"),
    [
        ({"connect": "403 Forbidden"}, "refuses the way to 127.0.0.1:"),
        ({"connect": "502 Bad Gateway"}, "cannot reach 127.0.0.1:"),
        ({"garbage": b""}, "cannot be used: it broke off the connection."),
        ({"garbage": b"400 what\r\n"}, "cannot be used: it does not answer in HTTP."),
    ],
)
async def test_where_no_tunnels_are_made_requests_still_get_through(
    how: dict[str, Any], saying: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer(**how) as proxy, RequestHub("WebSockets", "LongPolling") as hub:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with linked(hub.url) as it:
            hub.polls.put(Reply(body=(HANDSHAKE + task_record("a")).encode()))
            await it.heard.until(lambda: it.heard.ids == ["a"])
            assert it.link.state.transport == "long polling"
            assert it.link.state.reason.startswith(f"The proxy at 127.0.0.1:{proxy.port} {saying}")


async def test_a_page_that_came_by_the_proxy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "<html><title>Blocked by policy</title></html>"
    with ProxyServer() as proxy, RawHub(answer=lambda head: http_response("200 OK", page)) as hub:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        reason = await ending(hub.url)
        assert '"Blocked by policy". The answer came from the proxy at 127.0.0.1:' in reason
