"""What a provider says when it refuses, in whatever shape it says it."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

LONGEST_WAIT_SECONDS: Final = 86_400.0
"""Whatever Retry-After says."""

_STATUS_OF_CODE = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
    "timeout_error": 504,
}
"""What an error inside a stream would have been as a status; anything else is the server's own fault: 500."""

_SAYS = {
    *("message", "messages", "msg", "error", "errors", "errormessage", "errormsg", "errordescription", "statusmsg"),
    *("detail", "details", "description", "reason", "title", "faultstring", "raw", "body", "cause", "exception"),
}
"""The names under which providers put words, in small letters alone."""
_BY_FIELD = {"errors", "fielderrors", "validationerrors", "invalidparams", "violations"}
"""Where each name may be a field of the request, and its value what is wrong with it."""
_CODES = {"type", "code", "status", "statuscode", "errorcode", "errortype"}
_PLACES = {"loc", "param", "field", "parameter", "instancepath", "datapath", "pointer", "property", "location"}
_ECHOES = {"input", "ctx", "url", "request", "choices", "prompt", "headers", "usage"}
"""What repeats the request, or is no part of an error."""
_DEEPEST: Final = 16
_MOST_WORDS: Final = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What a provider said when it refused."""

    status: int
    message: str = ""
    codes: frozenset[str] = frozenset()
    """The error's `type`, `code` and the like."""
    parameter: str = ""
    """The request's fields that it is about, where the provider says so."""
    retry_after: float | None = None
    location: str = ""
    """Where a redirect points."""

    @classmethod
    def from_event(cls, event: object) -> Problem:
        """An error that came where an answer was expected."""
        said = _Words(event)
        numbers = [int(code) for code in said.codes if code.isdecimal() and 400 <= int(code[:9]) < 600]
        known = [_STATUS_OF_CODE[code] for code in sorted(said.codes) if code in _STATUS_OF_CODE]
        # The highest is the most telling: 404 for an unknown model rather than 400 for a bad request.
        status = max([*numbers, *known], default=500)
        return cls(status, said.message, frozenset(said.codes), said.parameter, said.wait)


def read_problem(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Problem:
    """Read a refusal.

    Args:
        headers: names in any case, as long as the mapping finds them by lower case.
        body: at least the beginning of it.
        now: seconds since 1970, to tell how far away a Retry-After date is.
    """
    text = body.decode("utf-8-sig", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = visible_text(text) if text.startswith("<") else text
    said = _Words(value if isinstance(value, list | dict) else {"message": str(value)})
    wait = _retry_after(headers, now)
    wait = said.wait if wait is None else wait
    return Problem(status, said.message, frozenset(said.codes), said.parameter, wait, headers.get("location", ""))


def words_in(value: object) -> str:
    """What an object says under a name that is for words; empty where it has none."""
    return _Words(value, only_known=True).message


def visible_text(page: str) -> str:
    """What a page or other markup tells its reader: its title, else its text."""
    found = re.search(r"(?i)<title[^<>]*>([^<]*)<", page)
    title = found[1] if found else ""
    if not title.strip():
        parts = re.split(r"(?i)<(?=/?(?:script|style)\b)", page)
        page = " ".join(part for part in parts if not part.lower().startswith(("script", "style")))
        title = re.sub(r"<[^<>]*>|/(?:script|style)\s*>", " ", page)
    return " ".join(html.unescape(title).split())


class _Words:
    """Everything that a refusal says: found by the names that providers use, however deep they stand.

    Args:
        only_known: leave out what stands under other names; else it is taken where nothing else is said.
    """

    def __init__(self, value: object, *, only_known: bool = False) -> None:
        self.codes: set[str] = set()
        self.wait: float | None = None
        self._said: list[str] = []
        self._others: list[str] = []
        self._places: list[str] = []
        self._walk(value, "", "", _DEEPEST)
        if not self._said and not only_known:
            self._said = self._others

    @property
    def message(self) -> str:
        """The sentences, each once."""
        distinct: list[str] = []
        for text in self._said[:_MOST_WORDS]:
            if not any(text in other for other in distinct):
                distinct = [other for other in distinct if other not in text] + [text]
        return "; ".join(distinct)

    @property
    def parameter(self) -> str:
        """The fields."""
        return " ".join(self._places[:_MOST_WORDS])

    def _walk(self, value: object, name: str, place: str, depth: int) -> None:
        if depth and isinstance(value, Mapping):
            self._take_object(value, name, depth - 1)
        elif depth and isinstance(value, list):
            for item in value[:_MOST_WORDS]:
                self._walk(item, name, place, depth - 1)
        elif isinstance(value, str) and value.strip():
            self._take_text(value.strip(), name, place, depth)

    def _take_object(self, value: Mapping[str, Any], parent: str, depth: int) -> None:
        places = [each for key, item in value.items() if _plain(key) in _PLACES and (each := _place(item))]
        place = _place(value.get("loc"))
        self._places += places
        for key, item in value.items():
            name = _plain(key)
            if name in _CODES and isinstance(item, str | int) and not isinstance(item, bool):
                self.codes.add(str(item))
            elif name in ("retryafter", "retrydelay", "retryafterseconds"):
                self.wait = _seconds(item)
            elif name in _PLACES and not isinstance(item, Mapping):
                pass
            elif parent in _BY_FIELD and name not in _SAYS and isinstance(item, str | list):
                self._places.append(str(key))
                self._walk(item, "message", str(key), depth)
            elif name not in _ECHOES:
                self._walk(item, name, place if name in _SAYS else str(key), depth)

    def _take_text(self, text: str, name: str, place: str, depth: int) -> None:
        before, value = _json_within(text)
        if depth and isinstance(value, Mapping | list) and value:
            self._take_text(before, name, place, 0) if before else None
            self._walk(value, name, place, depth - 1)
            return
        where = f"{place}: {text}" if place else text
        if name in _SAYS:
            self._said.append(where)
        elif name not in _CODES:
            self._others.append(where)


def _plain(name: object) -> str:
    return re.sub("[^a-z]", "", str(name).lower())


def _place(value: object) -> str:
    if isinstance(value, list):
        return ".".join(str(part) for part in value if isinstance(part, str | int))
    return value if isinstance(value, str) else ""


def _json_within(text: str) -> tuple[str, object]:
    """The JSON that a text holds, and what stands before it: errors of others are often quoted so."""
    found = re.search(r"\{|\[\s*\{", text)
    if found is None:
        return text, None
    try:
        value = json.JSONDecoder().raw_decode(text, found.start())[0]
    except (ValueError, RecursionError):
        return text, None
    return text[: found.start()].strip().removesuffix("b'").rstrip(" -:"), value


def _seconds(value: object) -> float | None:
    """Seconds to wait as an error's body says it: 37, "37", "37s"."""
    text = str(value).strip().removesuffix("s")
    try:
        return _bounded(float(text))
    except ValueError:
        return None


def _bounded(seconds: float) -> float | None:
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from milliseconds, seconds or an HTTP date; None where nothing readable is said."""
    return next((seconds for seconds in _waits(headers, now) if seconds is not None), None)


def _waits(headers: Mapping[str, str], now: float) -> Iterator[float | None]:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            yield _bounded(float(value) * unit)
        except ValueError:
            try:
                date = parsedate_to_datetime(value)
                yield _bounded((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
            except (ValueError, OverflowError):
                continue
