"""Why a model did not deliver: what providers say, and the sentences that a person reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from evolver_tui.adapters.llm.problem import Problem
from evolver_tui.core.address import Address
from evolver_tui.core.errors import MODEL, BackendError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.settings.proxies import PROXY_VARIABLES

MOST_MESSAGE: Final = 300
"""Characters of a provider's message that are shown."""

_OUT_OF_MONEY = {"insufficient_quota", "billing_hard_limit_reached", "billing_error", "insufficient_balance"}
_WORTH_ANOTHER_TRY = {408, 409, 425, 429, 499}
_MADE_AMISS = {"tool_use_failed"}
"""The model wrote a call that its server could not read: the next time it may write a better one."""


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
    proxy: Address | None = None
    """By which it is asked; None where it is asked directly."""

    @property
    def name(self) -> str:
        """As sentences call it: kind and host."""
        host = self.base_url.host
        return f"{self.kind} at {host}" if host else self.kind

    def quoted(self, message: str) -> str:
        """The provider's own words after a colon, short and safe, or nothing."""
        message = " ".join(message[: 8 * MOST_MESSAGE].split())
        words = safe_text(self.scrub(message), MOST_MESSAGE)
        return f": {words.rstrip('.')}." if words else "."

    def too_slow(self, what: str, setting: str) -> BackendError:
        way_out = f"Retry, or raise {setting} in the config."
        # A whole answer may be long because of what was asked; silence is the server's.
        is_shared = setting != "total_timeout"
        return BackendError(f"{self.name} {what}.", way_out, retryable=True, is_shared=is_shared, brief=what)

    def too_long(self, limit: str) -> BackendError:
        return BackendError(f"The answer of {self.name} is longer than {limit}.", "Choose another model.")

    def not_an_api(self, words: str) -> BackendError:
        return BackendError(
            f"{self.name} answered with a web page{self.quoted(words)}", f"Check base_url ({self.base_url}).",
            is_shared=True, brief="a web page answered",
        )  # fmt: skip

    def bad_address(self) -> BackendError:
        return BackendError(
            f"{self.base_url or 'Nothing'} is no address that {self.kind} can be asked at.",
            "Set base_url to an http or https URL.",
            is_shared=True,
            brief="base_url is no address",
        )

    def key_in_address(self) -> BackendError:
        return BackendError(
            f"The base_url of {self.kind} holds a user, a password or a key.",
            f"Take it out ({self.base_url}), and set {self.key_name} to the key.",
            is_shared=True,
            brief="base_url holds a password",
        )

    @property
    def forwarder(self) -> Address | None:
        """The proxy that passes requests on instead of making a tunnel."""
        is_tunnelled = str(self.base_url).lower().startswith("https") or str(self.proxy).startswith("socks")
        return None if is_tunnelled else self.proxy

    def no_proxy(self, said: str) -> BackendError:
        """
        Args:
            said: its refusal, or what went wrong with it.
        """
        at = self.proxy.host if self.proxy is not None else ""
        words = safe_text(self.scrub(said.rstrip(".")), 100)
        return BackendError(
            f"The proxy at {at} on the way to {self.name} refused or failed: {words}.",
            f"Check {PROXY_VARIABLES}.",
            retryable=True,
            is_shared=True,
            brief="the proxy refused or failed",
        )

    def no_tls(self) -> BackendError:
        return BackendError(
            f"No secure connection to {self.name} could be made.",
            f"Check that {self.base_url} should be https, and its certificate (SSL_CERT_FILE for one of your own).",
            is_shared=True,
            brief="no secure connection",
        )

    def unreachable(self) -> BackendError:
        return BackendError(
            f"{self.name} cannot be reached.", f"Is the server running at {self.base_url}?", retryable=True,
            is_shared=True, brief="cannot be reached",
        )  # fmt: skip

    def broke_off(self, words: str = "") -> BackendError:
        return BackendError(
            f"The answer of {self.name} broke off half way{self.quoted(words)}", "Retry.", retryable=True
        )

    def unreadable(self) -> BackendError:
        return BackendError(
            f"{self.name} sent an event that is not a JSON object.", f"Retry, or check base_url ({self.base_url}).",
            retryable=True,
        )  # fmt: skip

    def empty(self) -> BackendError:
        return BackendError(f"{self.name} answered with nothing.", "Retry, or choose another model.", retryable=True)

    def empty_body(self) -> BackendError:
        return BackendError(
            f"{self.name} sent an empty answer.", f"Retry, or check base_url ({self.base_url}).", retryable=True
        )

    def called(self, tool: str) -> BackendError:
        """
        Args:
            tool: as the model names it.
        """
        named = safe_text(self.scrub(" ".join(tool.split())), 60) or "of no name"
        return BackendError(
            f"{self.name} wanted to call a tool ({named}) instead of answering.",
            "Retry, or choose another model.",
            retryable=True,
        )

    def answer_cut(self, max_tokens: int) -> BackendError:
        return BackendError(
            f"The answer of {self.name} was cut at the most tokens that it may have.",
            f"Raise max_tokens, which was {max_tokens:,}.",
        )

    def filtered(self) -> BackendError:
        return BackendError(
            f"{self.name} withheld its answer by its own content rules.", "Reword the task, or choose another model."
        )


_SHARED_STATUS = {
    *(401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 415, 421, 423, 425, 426, 428, 429, 431, 451, 498, 499),
    *range(300, 400),
    *range(500, 600),
}
"""What says nothing about this one request: whatever is asked next would most likely hear the same."""
_SHARED_WORDS = re.compile(
    r"api[ _-]?(?:key|version)|credit balance|billing|quota|over budget|budget has been exceeded"
    r"|(?:location|country).{0,40}not supported|https port"
    r"|\b(?:organi[sz]ation|account|project)\b.{0,60}\b(?:disabled|suspended|deactivated|blocked)\b"
    r"|\b(?:unknown|invalid|no|not a valid|(?:not|failed to|still|currently) load(?:ed|ing)?(?: the)?) models?\b"
    r"|\bmodel\b.{0,60}\b(?:not (?:found|exist|loaded)|no longer|decommissioned|deprecated|loading)\b",
    re.I | re.S,
)
"""The same, as a 400 says it at some providers."""
_OWN_WORDS = re.compile(
    r"context[ _-](?:length|size|window)|\b(?:request|prompt|input|messages?)(?: (?:is|are|was))? too (?:large|long)\b"
    r"|content[ _-](?:filter|policy)|\b(?:input|prompt|request|content)\b.{0,20}\bflagged\b",
    re.I | re.S,
)
_OWN_STATUS = {400, 403, 429, 500}
"""What is wrong with this one request, and the statuses that providers say it with."""


def refusal(provider: Provider, problem: Problem) -> BackendError:
    """A provider's no as an error that says whether asking again can help, and whether whatever is asked hears it."""
    is_own = _is_about_this_request(problem)
    error = _refused(provider, replace(problem, status=400) if is_own else problem, problem.status)
    if provider.forwarder is not None:
        host = provider.forwarder.host
        error.message += f" The answer came from the proxy at {host}, which may have given it itself."
    is_told = problem.status == 400 and _SHARED_WORDS.search(problem.message[:MOST_MESSAGE])
    if not is_own and (problem.status in _SHARED_STATUS or problem.codes & _OUT_OF_MONEY or is_told):
        error.shared = MODEL
        error.brief = f"{_brief(problem.status, provider.has_key)} ({problem.status})"
    return error


def _is_about_this_request(problem: Problem) -> bool:
    said = " ".join((problem.message[:MOST_MESSAGE], *sorted(problem.codes)))
    is_possible = problem.status in _OWN_STATUS and not problem.codes & _OUT_OF_MONEY
    return is_possible and _OWN_WORDS.search(said) is not None


def _brief(status: int, has_key: bool) -> str:
    match status:
        case 401 | 403:
            return "key refused" if has_key else "key missing"
        case 402:
            return "no credit left"
        case 404:
            return "model unknown"
        case 451:
            return "not allowed here"
        case 429:
            return "rate limit"
    return "redirected" if status < 400 else "refused" if status < 500 else "server error"


def _refused(provider: Provider, problem: Problem, told_status: int) -> BackendError:
    name, words, status = provider.name, provider.quoted(problem.message), problem.status
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
    if status == 451:
        return BackendError(
            f"{name} may not answer where this machine is ({status}){words}",
            "Choose another provider, or ask it by a proxy that it allows.",
        )
    if status in _WORTH_ANOTHER_TRY or status >= 500 or problem.codes & _MADE_AMISS:
        what = "limits how often it is asked" if status == 429 else "could not answer now"
        wait = problem.retry_after
        return BackendError(f"{name} {what} ({status}){words}", _later(wait), retryable=True, retry_after=wait)
    return BackendError(f"{name} refused the request ({told_status}){words}", "Check the model and its settings.")


def _later(seconds: float | None) -> str:
    """When to retry, as the provider wants it."""
    if seconds is None or seconds < 2:
        return "Retry later."
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"Retry in {ceil(seconds / size)} {unit}."
    return f"Retry in {ceil(seconds)} seconds."
