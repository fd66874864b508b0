"""Which proxy stands before a server."""

from __future__ import annotations

import pytest

from evolver_tui.settings.proxies import is_excepted, proxy_for


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("host", "exceptions", "expected"),
    [
        ("hub.example", "", False),
        ("hub.example", "*", True),
        ("hub.example", "other.example", False),
        ("hub.example", " other.example , hub.example ", True),
        ("hub.example", "other.example hub.example", True),
        ("HUB.Example.", "hub.EXAMPLE", True),
        ("a.hub.example", "hub.example", True),
        ("a.hub.example", ".hub.example", True),
        ("hub.example", ".hub.example", True),
        ("a.hub.example", "*.hub.example", True),
        ("nohub.example", "hub.example", False),
        ("hub.example", "hub.example:5000", True),
        ("hub.example", "hub.example:5001", False),
        ("hub.example", "*:5000", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:5000", True),
        ("10.1.2.30", "10.1.2.3", False),
        ("127.0.0.1", "localhost,127.0.0.1,::1/128", True),
        ("::1", "::1", True),
        ("::1", "[::1]", True),
        ("::1", "[::1]:5000", True),
        ("::1", "[::1]:5001", False),
        ("0:0:0:0:0:0:0:1", "::1/128", True),
        ("fd00::7", "[fd00::]/8", True),
        ("fd00::7", "fd00::/8", True),
        ("fe80::7", "fd00::/8", False),
        ("::1", "10.0.0.0/8", False),
        ("hub.example", "10.0.0.0/8,::1/128,[::1]", False),
        ("hub.example", "/,:,[],[x]:y,.,*.,%", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("::ffff:10.1.2.3", "::ffff:0:0/96", True),
        ("::ffff:11.1.2.3", "10.0.0.0/8", False),
        ("fe80::1%eth0", "fe80::/10", True),
        ("xn--bcher-kva.example", "Bücher.example", True),
        ("www.bücher.example", ".xn--bcher-kva.example", True),
        ("hub..example", "hub..example", True),
    ],
)
def test_what_no_proxy_excepts(host: str, exceptions: str, expected: bool) -> None:
    assert is_excepted(host, 5000, exceptions) is expected


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("http://hub.example/x", {}, None),
        ("http://hub.example/x", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("https://hub.example/x", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://hub.example/x", {"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "http://q:1"}, "http://p:1"),
        ("https://hub.example/x", {"all_proxy": "http://q:1"}, "http://q:1"),
        ("http://hub.example/x", {"HTTP_PROXY": "http://p:1", "http_proxy": "http://q:1"}, "http://q:1"),
        ("http://hub.example/x", {"HTTP_PROXY": "p:1"}, "http://p:1"),
        ("http://hub.example/x", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "hub.example:80"}, None),
        ("https://hub.example/x", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "hub.example:443"}, None),
        ("https://[::1]:5000/x", {"HTTPS_PROXY": "http://p:1", "no_proxy": "::1/128"}, None),
        ("http://hub.example/x", {"HTTP_PROXY": " "}, None),
        ("http://hub.example:99999/", {"HTTP_PROXY": "http://p:1"}, None),
        ("nonsense", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("http://hub.example/x", {"ALL_PROXY": "socks://p:1/"}, "socks5://p:1/"),
        ("http://hub.example/x", {"HTTP_PROXY": "HTTP://p:1"}, "http://p:1"),
        ("http://10.1.2.3/x", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "2.3"}, "http://p:1"),
    ],
)
def test_which_variable_counts(
    url: str, environ: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url)
    assert (found.for_connecting() if found is not None else None) == expected


def test_a_proxy_s_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://ada:pass@p:1")
    assert str(proxy_for("http://hub.example/")) == "http://•••@p:1"
