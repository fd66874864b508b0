"""Addresses as they may be shown: of a hub, a model, a database, a storage, a proxy or a webhook.

An address may hold a secret as its user or password, in its query, in its fragment, or in its path. Whatever is not
known to be harmless is left out, also of an address that cannot be read: it may only be misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

MASK: Final = "•••"
"""Stands for what is not shown."""

_PARTS: Final = r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?"
_HOST: Final = r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]*)(?::\d{0,5})?"
_HOSTS: Final = rf"{_HOST}(?:,{_HOST})*"
"""PostgreSQL takes several."""
_LOCAL: Final = ("file", "local", "sqlite", "sqlite+pysqlite")
"""Their paths are this machine's, and hold no secrets."""
_PLAIN: Final = r"[\w./~ -]+"
"""What is no URL and still no secret, such as a path."""

_HARMLESS: Final = (
    *("api-version", "apiversion", "v", "version", "negotiateversion", "format", "debug", "lang", "locale"),
    *("hub", "region", "room", "tenant", "host", "port", "sslmode", "target_session_attrs", "connect_timeout"),
)
"""The names of query values that are shown: the rest may be anything."""
_HARMLESS_VALUE: Final = r"[\w./:,-]{1,40}"
_NAME: Final = r"[A-Za-z][\w.$-]{0,39}"
_NAMES_A_SECRET: Final = (
    r"(?i)token|key|secret|pass|pwd|auth(?!or)|session|jwt|cred|cookie|ticket|bearer|assertion|sig(?:nature)?$|code$"
    r"|^x-(?:amz|goog|ms)-|^(?:otp|pin|pw|sas|sv|se|sp|sr|st)$"
)
_BEFORE_A_SECRET: Final = r"(?i)(?:web)?hooks?|tokens?|(?:api)?-?keys?|secrets?|invites?|sas|password"
"""After a part of a path that is called so, the rest of the path is not shown."""
_WORDS: Final = r"(?:[A-Z]?[a-z]{2,}+|[A-Z]{1,16}(?![a-z]))*+\d{0,4}|\d{1,10}"
"""Words and numbers as they are written in paths, as in TaskHub2."""
_NO_WORDS: Final = r"[0-9A-Fa-f]{16}|[A-Z]{20}|.{33}"
_SHORTEST_KEY: Final = 16


class Address:
    """An address that shows itself without user, password and every other secret in it.

    `str()`, `repr()` and formatting give what may be shown; `for_connecting()` alone gives all of it. Two addresses
    are equal where all of them is. Nothing is refused here: see `settings.values.address_problem`.
    """

    __slots__ = ("_hidden", "_holds_secret", "_host", "_is_ambiguous", "_secrets", "_shown", "_whole")

    def __init__(self, whole: str = "") -> None:
        read = _Reading(whole.strip())
        self._whole = whole
        self._shown = read.shown
        self._host = read.host
        self._hidden = frozenset(read.hidden - {"", MASK})
        self._secrets = self._hidden - {read.user}
        self._is_ambiguous = read.is_ambiguous
        self._holds_secret = read.holds_secret

    def for_connecting(self) -> str:
        """All of it, secrets included: for the call that connects, and for nothing that is shown, told or kept."""
        return self._whole

    @property
    def host(self) -> str:
        """Host and port, without a user."""
        return self._host

    @property
    def hidden(self) -> frozenset[str]:
        """Every value that is not shown, as it is spelt and decoded: what must not be quoted from others' words."""
        return self._hidden

    @property
    def secrets(self) -> frozenset[str]:
        """The hidden values but for a mere user's name, which may be any word."""
        return self._secrets

    @property
    def holds_secret(self) -> bool:
        """Whether a part of it is certainly a secret: a user or password, or a value that is called so."""
        return self._holds_secret

    @property
    def is_ambiguous(self) -> bool:
        """Whether an @ leaves open where the password ends and the host begins: programs would read it differently."""
        return self._is_ambiguous

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out of it, as happens where only what is shown was kept."""
        return MASK not in self._whole

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"Address({self._shown!r})"

    def __format__(self, specification: str) -> str:
        return format(self._shown, specification)

    def __bool__(self) -> bool:
        return bool(self._whole)

    def __eq__(self, other: object) -> bool:
        return self._whole == other._whole if isinstance(other, Address) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._whole)


def show_addresses(text: str) -> str:
    """Text of others, such as an error, with every URL in it as it may be shown."""
    if "://" not in text:
        return text
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s\"'<>`]*", _shown_within, text)


def _shown_within(match: re.Match[str]) -> str:
    url = match.group()
    bare = url.rstrip(".,;:!?)]}")
    return str(Address(bare)) + url[len(bare) :]


class _Reading:
    """What one text shows and what it hides."""

    def __init__(self, text: str) -> None:
        self.hidden: set[str] = set()
        self.host = MASK
        self.user = ""
        """A user's name beside which a password stands, or of a database; without one it may be a token."""
        self.is_ambiguous = False
        self.holds_secret = False
        parts = re.fullmatch(_PARTS, text, re.DOTALL)
        if parts is None:
            self.shown = self._shown_text(text)
            return
        scheme, authority, path, query, fragment = (part or "" for part in parts.groups())
        user, at, host = authority.rpartition("@")
        is_local = scheme.lower() in _LOCAL and not authority
        self.is_ambiguous = "@" in user or (not is_local and "@" in path + query + fragment)
        self.holds_secret = bool(at) or self.is_ambiguous
        if self.is_ambiguous:
            self._hide_all(text[len(scheme) :])
            self.shown = f"{scheme}://{MASK}"
            return
        if at:
            name, colon, _ = user.partition(":")
            self._hide(user, *user.split(":", 1))
            self.user = _decoded(name) if colon or scheme.lower().startswith("postgres") else ""
        self.host = host if re.fullmatch(_HOSTS, host) else self._masked(host)
        shown_path = path if is_local else "/".join(self._segments(path))
        self.shown = f"{scheme}://{MASK if at else ''}{at}{self.host}{shown_path}{self._query(query)}"
        if fragment:
            self.shown += f"#{self._masked(fragment[1:])}"

    def _shown_text(self, text: str) -> str:
        """What is no URL: a name or a path is shown."""
        if re.fullmatch(_PLAIN, text) is not None and not looks_secret(text.rpartition("/")[2]):
            return text
        self._hide_all(text)
        return MASK if text else ""

    def _segments(self, path: str) -> Iterator[str]:
        is_secret_from_here = self.host.lower().startswith("hooks.") or "webhook" in self.host.lower()
        for number, segment in enumerate(path.split("/")):
            plain, separator, matrix = segment.partition(";")
            is_secret = is_secret_from_here and number > 1
            shown = self._masked(plain) if plain and (is_secret or _is_secret_segment(plain)) else plain
            yield f"{shown};{self._masked(matrix)}" if separator else shown
            is_secret_from_here = is_secret_from_here or re.fullmatch(_BEFORE_A_SECRET, plain) is not None

    def _query(self, query: str) -> str:
        if not query:
            return ""
        pieces = re.split("([&;])", query[1:])
        return "?" + "".join(piece if piece in "&;" else self._item(piece) for piece in pieces)

    def _item(self, item: str) -> str:
        """A value without a name, or with one that looks like a value, is not shown at all."""
        name, _, value = item.partition("=")
        if not re.fullmatch(_NAME, name) or not value.strip("=") or looks_secret(name):
            self.holds_secret = True
            self._hide(item, value)
            return MASK
        is_called_so = re.search(_NAMES_A_SECRET, name) is not None
        self.holds_secret = self.holds_secret or is_called_so or looks_secret(value)
        is_harmless = name.lower() in _HARMLESS and re.fullmatch(_HARMLESS_VALUE, value) is not None
        return item if is_harmless and not looks_secret(value) else f"{name}={self._masked(value)}"

    def _masked(self, value: str) -> str:
        self._hide(value)
        return MASK if value else ""

    def _hide(self, *values: str) -> None:
        self.hidden.update(values)
        self.hidden.update(map(_decoded, values))
        self.hidden.update(value.strip("=") for value in values)  # some write base64 without its padding

    def _hide_all(self, text: str) -> None:
        """A text of which nobody knows what its parts mean."""
        self._hide(text, *re.split(r"[/:@?#&=;\s]+", text))


def _decoded(text: str) -> str:
    """Without percent-encoding, also where that was done twice."""
    for _ in range(3):
        text = unquote(text)
    return text


def _is_secret_segment(segment: str) -> bool:
    decoded = _decoded(segment)
    return bool(re.search(r"[=@?&#;\\]|^bot\d+:", decoded)) or looks_secret(decoded)


def looks_secret(text: str) -> bool:
    """Whether a text looks like a key: long, and no words with numbers."""
    if len(text) < _SHORTEST_KEY:
        return False
    if re.search(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-", text):  # a UUID
        return True
    runs = re.findall(r"[A-Za-z0-9]+", text)
    odd = (run for run in runs if re.search(_NO_WORDS, run) or not re.fullmatch(_WORDS, run))
    return sum(map(len, odd)) >= _SHORTEST_KEY // 2
