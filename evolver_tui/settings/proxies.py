"""Which proxy stands before a server, as the environment says: one rule for the hub's link and for the model."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping
from email.message import Message
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.safe_text import safe_text

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

_BY_PROXY: Final = ("Proxy-Authenticate", "Proxy-Status", "Proxy-Agent", "X-Squid-Error")
"""Headers by which a proxy says that an answer is its own."""

PROXY_VARIABLES: Final = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY"


class ProxyParts(NamedTuple):
    """A proxy's address in parts; user and password as they are spelt, None where there are none."""

    scheme: str
    host: str
    port: int
    username: str | None
    password: str | None


def proxy_for(url: str) -> Address | None:
    """The proxy by which an http or https URL is reached; None where it is reached directly.

    HTTP_PROXY or HTTPS_PROXY by the URL's scheme, else ALL_PROXY, each in lower or upper case (lower case wins), else
    what the system has set; but for hosts that NO_PROXY excepts. What the variable holds is not checked.
    """
    proxies = urllib.request.getproxies()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # it leads nowhere
        return None
    proxy = (proxies.get(parts.scheme) or proxies.get("all") or "").strip()
    if not proxy or is_excepted(host, port, proxies.get("no", "")):
        return None
    if not urllib.request.getproxies_environment() and urllib.request.proxy_bypass(host):  # as the system has it
        return None
    scheme, mark, rest = proxy.rpartition("://")
    # Desktops write socks:// for the SOCKS5 that they mean.
    return Address(f"{'socks5' if scheme.lower() == 'socks' else scheme.lower() if mark else 'http'}://{rest}")


def read_proxy(address: Address) -> ProxyParts:
    """The parts of a proxy's address.

    Raises:
        ConfigError: it is none, or one of a kind that cannot be used.
    """
    try:
        parts = urlsplit(address.for_connecting())
        host = parts.hostname or ""
        usual_port = _PORTS[parts.scheme]
        if host:
            return ProxyParts(parts.scheme, _ascii(host), parts.port or usual_port, parts.username, parts.password)
    except (ValueError, KeyError):
        pass
    raise ConfigError(
        f"The environment names {safe_text(address, 100)} as the proxy, which cannot be used: it has to be an "
        "http, https or socks5 URL with a host.",
        f"Correct {PROXY_VARIABLES}; a host in NO_PROXY is reached without one.",
    )


def is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether a host is reached without a proxy.

    Args:
        exceptions: what NO_PROXY holds: `*`, hosts (with all hosts below them; a leading `.` or `*.` changes nothing),
            addresses and networks such as `10.0.0.0/8`, `::1` or `[fd00::]/8`; with `:port`, for that port alone.
    """
    host = _ascii(host.lower().rstrip("."))
    return any(_matches(entry, host, port) for entry in re.split(r"[\s,;]+", exceptions.lower()) if entry)


def is_proxys_own(status: int, headers: Mapping[str, str] | Message) -> bool:
    """Whether a proxy that passes requests on gave this answer itself, as far as it says so.

    Args:
        headers: found by any case of their names.
    """
    server = headers.get("Server", "").lower()
    is_signed = any(name in headers for name in _BY_PROXY) or "proxy" in server or "squid" in server
    return status == 407 or (status >= 300 and is_signed)


def _matches(entry: str, host: str, port: int) -> bool:
    bracketed = re.fullmatch(r"\[(.+)\](/\d+)?(?::(\d+))?", entry)
    if bracketed:
        name, wanted_port = bracketed[1] + (bracketed[2] or ""), bracketed[3] or ""
    elif entry.count(":") == 1:
        name, _, wanted_port = entry.partition(":")
    else:
        name, wanted_port = entry, ""
    if wanted_port and wanted_port != str(port):
        return False
    if name == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        name = _ascii(name.removeprefix("*").strip("."))
        return bool(name) and (host == name or host.endswith(f".{name}"))
    # Some resolvers write an IPv4 address as an IPv6 one.
    mapped = address.ipv4_mapped if address.version == 6 else None
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        return False
    return address in network or (mapped is not None and mapped in network)


def _ascii(host: str) -> str:
    """A name as it goes on the wire, however it was written."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host
