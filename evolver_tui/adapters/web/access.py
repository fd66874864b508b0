"""Who may use a server: its token, and the pages of browsers that may ask."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from evolver_tui.core.errors import UsageError

_OPEN_PATHS = ("/", "/health")
"""Need no token: the page, which holds nothing, and what load balancers ask."""
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class Refusal(NamedTuple):
    """Why a request is not served."""

    status: int
    code: str
    message: str


class AccessWords(NamedTuple):
    """How a server and its settings are called."""

    server: str
    """E.g. `gateway`."""
    token: str
    """Where its token is set."""
    origins: str
    """The setting of `Access.origins`."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules.

    Raises:
        UsageError: the server would be open to others than this machine's users, or an origin cannot be one.
    """

    words: AccessWords
    host: str
    """Where the server listens."""
    token: str = field(default="", repr=False)
    """Asked of every client; empty asks for none."""
    origins: Sequence[str] = ()
    """Of pages that may use it beside its own, e.g. `https://chat.example`."""
    open_under: tuple[str, ...] = ()
    """Paths whose server asks for the token by itself."""
    streams_under: tuple[str, ...] = ()
    """Paths of event streams."""

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise UsageError(
                f"The {self.words.server} would be open to everybody who reaches {self.host!a}.",
                f"Set a token ({self.words.token}), or listen at 127.0.0.1.",
            )
        for origin in self.origins:
            if not _is_origin(origin):
                raise UsageError(
                    f"{self.words.origins}: {origin[:80]!a} is no origin.",
                    "Write it as https://chat.example, without path.",
                )

    @property
    def needs_token(self) -> bool:
        """Whether clients have to show a token."""
        return bool(self.token)

    def refusal(self, path: str, headers: Mapping[str, str], query: str) -> Refusal | None:
        """Why a request is not served; None where it is.

        Args:
            headers: with names in lower case.
        """
        if not self.token and _host_name(headers.get("host", "")) not in (*_LOOPBACK_NAMES, self.host.lower()):
            # A page of a stranger whose name was made to lead here would otherwise be this machine's own.
            return Refusal(403, "wrong_host", f"This {self.words.server} is asked for by another name than its own.")
        origin = headers.get("origin")
        if origin is not None and not self.allows(origin, headers.get("host", "")):
            where = self.words.origins
            return Refusal(403, "wrong_origin", f"Pages of other sites are not served. Add theirs to {where}.")
        is_open = path in _OPEN_PATHS or path.startswith(self.open_under)
        if self.token and not is_open and not self._shows_token(path, headers, query):
            return Refusal(401, "no_token", "A bearer token is needed: Authorization: Bearer ...")
        return None

    def allows(self, origin: str, host: str) -> bool:
        """Whether a page from there may ask."""
        own = host.lower()
        return origin in self.origins or (bool(own) and origin.lower() in (f"http://{own}", f"https://{own}"))

    def is_token(self, given: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self.token.encode())

    def _shows_token(self, path: str, headers: Mapping[str, str], query: str) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            # Browsers' EventSource can send no header, so that there, and nowhere else, it may stand in the address.
            is_stream = path.startswith(self.streams_under)
            given = parse_qs(query).get("access_token", [""])[0] if is_stream else ""
        return self.is_token(given)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine's users reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host_name(header: str) -> str:
    """The host of a Host header, without its port."""
    name = header.partition("]")[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]
    return name.lower()


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    has_more = bool(parts.path or parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_more and text.isprintable()
