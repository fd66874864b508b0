"""Why a model did not deliver: what providers say, and the sentences that a person reads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from evolver_tui.core.address import Address
from evolver_tui.core.errors import BackendError
from evolver_tui.core.safe_text import safe_text

LONGEST_WAIT_SECONDS: Final = 3600.0
"""Whatever Retry-After says."""
MOST_MESSAGE: Final = 300
"""Characters of a provider's message that are shown."""

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
_OUT_OF_MONEY = {"insufficient_quota", "billing_hard_limit_reached", "billing_error", "insufficient_balance"}
_WORTH_ANOTHER_TRY = {408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a provider said when it refused."""

    status: int
    message: str = ""
    codes: frozenset[str] = frozenset()
    """The error's `type` and `code`."""
    parameter: str = ""
    """The request's field that it is about, where the provider says so."""
    retry_after: float | None = None
    location: str = ""
    """Where a redirect points."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Problem:
        """An error that came where an answer was expected."""
        message, codes, parameter = _explained(event)
        numbers = [int(code) for code in codes if code.isdecimal() and 400 <= int(code[:9]) < 600]
        known = [_STATUS_OF_CODE[code] for code in sorted(codes) if code in _STATUS_OF_CODE]
        # The highest is the most telling: 404 for an unknown model rather than 400 for a bad request.
        return cls(max([*numbers, *known], default=500), message, codes, parameter)


def read_problem(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Problem:
    """Read a refusal.

    Args:
        headers: names in any case, as long as the mapping finds them by lower case.
        body: at least the beginning of it.
        now: seconds since 1970, to tell how far away a Retry-After date is.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        message, codes, parameter = _explained(json.loads(text))
    except (ValueError, RecursionError):
        # A page made for browsers says nothing that fits in a line.
        message, codes, parameter = "" if text.startswith("<") else text, frozenset(), ""
    return Problem(status, message, codes, parameter, _retry_after(headers, now), headers.get("location", ""))


def _explained(value: Any) -> tuple[str, frozenset[str], str]:
    """Message, codes and parameter out of the shapes that providers use."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, Mapping):
        return "", frozenset(), ""
    error = value.get("error") or value.get("detail") or value
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, str):
        return error, _codes(value), ""
    if not isinstance(error, Mapping):
        return "", frozenset(), ""
    message = error.get("message") or error.get("msg") or ""
    where = error.get("loc")
    parameter = error.get("param") or (where[-1] if isinstance(where, list) and where else "")
    return _text(message), _codes(error), _text(parameter)


def _codes(error: Mapping[str, Any]) -> frozenset[str]:
    values = (error.get("type"), error.get("code"))
    return frozenset(str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from milliseconds, seconds or an HTTP date; None where nothing readable is said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                date = parsedate_to_datetime(value)
                seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
            except (ValueError, OverflowError):
                continue
        if not math.isnan(seconds):
            return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
    return None


@dataclass(frozen=True, slots=True)
class Provider:
    """Who was asked, and the sentences for what can go wrong with it."""

    kind: str
    base_url: Address
    model: str
    key_name: str
    has_key: bool
    scrub: Callable[[str], str]
    """Takes the key, and what the address does not show, out of a text."""

    @property
    def name(self) -> str:
        """As sentences call it: kind and host."""
        host = self.base_url.host
        return f"{self.kind} at {host}" if host else self.kind

    def quoted(self, problem: Problem) -> str:
        """The provider's own words after a colon, short and safe, or nothing."""
        message = " ".join(problem.message[: 8 * MOST_MESSAGE].split())
        words = safe_text(self.scrub(message), MOST_MESSAGE)
        return f": {words.rstrip('.')}." if words else "."

    def too_slow(self, what: str, setting: str) -> BackendError:
        return BackendError(f"{self.name} {what}.", f"Retry, or raise {setting} in the config.", retryable=True)

    def too_long(self, limit: str) -> BackendError:
        return BackendError(f"The answer of {self.name} is longer than {limit}.", "Choose another model.")

    def not_an_api(self) -> BackendError:
        return BackendError(f"{self.name} answered with a web page.", f"Check base_url ({self.base_url}).")

    def bad_address(self) -> BackendError:
        return BackendError(
            f"{self.base_url or 'Nothing'} is no address that {self.kind} can be asked at.",
            "Set base_url to an http or https URL.",
        )

    def key_in_address(self) -> BackendError:
        return BackendError(
            f"The base_url of {self.kind} holds a user or password.",
            f"Take it out ({self.base_url}), and set {self.key_name} to the key.",
        )

    def no_proxy(self) -> BackendError:
        return BackendError(
            f"The proxy on the way to {self.name} refused or failed.",
            "Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
            retryable=True,
        )

    def no_tls(self) -> BackendError:
        return BackendError(
            f"No secure connection to {self.name} could be made.",
            f"Check that {self.base_url} should be https, and its certificate (SSL_CERT_FILE for one of your own).",
        )

    def unreachable(self) -> BackendError:
        return BackendError(
            f"{self.name} cannot be reached.", f"Is the server running at {self.base_url}?", retryable=True
        )

    def broke_off(self) -> BackendError:
        return BackendError(f"The answer of {self.name} broke off half way.", "Retry.", retryable=True)

    def unreadable(self) -> BackendError:
        return BackendError(
            f"{self.name} sent an event that is not a JSON object.", f"Retry, or check base_url ({self.base_url}).",
            retryable=True,
        )  # fmt: skip

    def empty(self) -> BackendError:
        return BackendError(f"{self.name} answered with nothing.", "Retry, or choose another model.", retryable=True)

    def answer_cut(self) -> BackendError:
        return BackendError(
            f"The answer of {self.name} was cut at the most tokens that it may have.", "Raise max_tokens."
        )

    def filtered(self) -> BackendError:
        return BackendError(
            f"{self.name} withheld its answer by its own content rules.", "Reword the task, or choose another model."
        )


def refusal(provider: Provider, problem: Problem) -> BackendError:
    """A provider's no as an error that says whether asking again can help."""
    name, words, status = provider.name, provider.quoted(problem), problem.status
    if status == 402 or problem.codes & _OUT_OF_MONEY:
        return BackendError(f"The account at {name} has no credit left ({status}){words}", "Add credit there.")
    if 300 <= status < 400:
        host = safe_text(provider.scrub(Address(problem.location).host), 100)
        where = f" to {host}" if host else ""
        return BackendError(f"{name} answered with a redirect{where} ({status}).", "Set base_url to the final address.")
    if status in (401, 403):
        way_out = f"Set {provider.key_name} to a key that may use {provider.model}."
        what = "refused the key" if provider.has_key else "wants a key"
        return BackendError(f"{name} {what} ({status}){words}", way_out)
    if status == 404:
        return BackendError(
            f"{name} does not know the model {provider.model} or the address ({status}){words}",
            f"Check model and base_url ({provider.base_url}).",
        )
    if status in _WORTH_ANOTHER_TRY or status >= 500:
        what = "limits how often it is asked" if status == 429 else "could not answer now"
        return BackendError(
            f"{name} {what} ({status}){words}", "Retry later.", retryable=True, retry_after=problem.retry_after
        )
    return BackendError(f"{name} refused the request ({status}){words}", "Check the model and its settings.")
