"""The config's tables on listeners to signals: `[listeners.NAME]`, each of a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from evolver_tui.core.address import Address
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.section_reader import SectionReader, kind_of, shown_section
from evolver_tui.settings.setting import Section, setting
from evolver_tui.settings.values import a_name, a_routine, a_variable, address, between, one_line, one_of, quoted

Problem = tuple[str, str, tuple[str, ...]]
"""What is wrong with keys together, the way out, and which keys that is about."""


class ListenerConfig(Section):
    """What every listener has."""

    KIND: ClassVar[str]
    EXTRA: ClassVar[str] = ""
    """The optional extra that brings what it needs."""

    signals: str = setting(
        "", "Which: words as in the feed's filter, e.g. 'llm.* level:warning'. Empty: all of them.", one_line
    )

    def problems(self) -> Iterator[Problem]:
        """What is wrong with its keys together."""
        return iter(())

    @property
    def variables(self) -> Sequence[str]:
        """The names of the secrets that it cannot do without."""
        return [
            getattr(self, key.name) for key in fields(self) if key.name.endswith("_env") and getattr(self, key.name)
        ]

    def secrets(self, find: Callable[[str], str | None]) -> Iterator[str]:
        """What it knows that must not leave the process by any other way.

        Args:
            find: finds a secret by the name of its variable.
        """
        return iter(())


class FileListener(ListenerConfig):
    """A file of signals for other programs, one JSON object a line."""

    KIND = "file"

    path: str = setting("", "The file; ~ is the home folder.", one_line)
    max_mb: float = setting(10.0, "A file that grows larger becomes NAME.1, in MB.", between(0.001, 100_000))
    keep: int = setting(5, "How many older files stay.", between(0, 1000))

    def problems(self) -> Iterator[Problem]:
        """See the base."""
        if not self.path.strip():
            yield "needs a path", 'Write path = "~/signals.jsonl".', ("path",)


class WebhookListener(ListenerConfig):
    """An address that each signal is posted to, signed as Standard Webhooks has it."""

    KIND = "webhook"

    url: Address = setting(Address(), "Where to post.", address("http", "https"))
    url_env: str = setting("", "The environment variable that holds the address, where that is secret.", a_variable)
    secret_env: str = setting(
        "", "The environment variable that holds the signing secret, whsec_... Empty: nothing is signed.", a_variable
    )
    body: str = setting(
        "signal",
        "signal (as the log has it) or cloudevents (a CloudEvent that holds it).",
        one_of("signal", "cloudevents"),
    )
    timeout_seconds: float = setting(10.0, "Seconds that one attempt may take in all.", between(0.1, 300))
    max_attempts: int = setting(5, "How often one signal is tried before it is put aside.", between(1, 20))
    allow_http: bool = setting(False, "Let signals cross a network without TLS.")
    dead_letters: str = setting(
        "", "The file of what was not delivered. Empty: undelivered/NAME.jsonl in the data folder.", one_line
    )
    dead_letters_mb: float = setting(100.0, "What does not fit into that file is lost, in MB.", between(0.001, 100_000))

    def problems(self) -> Iterator[Problem]:
        """See the base."""
        if bool(self.url) is bool(self.url_env):
            way_out = 'Write url = "https://...", or url_env = "..." for an address that is secret.'
            count = "two addresses" if self.url else "no address"
            yield f"has {count}, and needs one", way_out, ("url", "url_env")
        elif self.url and not self.allow_http and not is_safe_address(self.url):
            yield (
                f"url ({self.url}) is neither https nor on this machine, and could be read on its way",
                "Write https, or allow_http = true.",
                ("url", "allow_http"),
            )

    def secrets(self, find: Callable[[str], str | None]) -> Iterator[str]:
        """See the base."""
        key, url = find(self.secret_env) or "", find(self.url_env) or ""
        yield from (key, key.removeprefix("whsec_"), url, *Address(url).secrets, *self.url.secrets)


class NoticeListener(ListenerConfig):
    """A notice of the terminal or the desktop."""

    KIND = "notice"

    how: str = setting(
        "osc9",
        "bell, osc9 (iTerm2, kitty, WezTerm, ConEmu), osc777 (rxvt, foot, VTE) or desktop (notify-send).",
        one_of("bell", "osc9", "osc777", "desktop"),
    )
    every_seconds: float = setting(5.0, "Seconds between two; what comes meanwhile is counted.", between(0, 86_400))


class AppriseListener(ListenerConfig):
    """Whatever Apprise reaches: e-mail, Slack, Teams, ntfy and so on. Needs evolver-tui[notify]."""

    KIND = "apprise"
    EXTRA = "notify"

    urls_env: str = setting(
        "",
        "The environment variable that holds Apprise's addresses, with blanks between.",
        a_variable,
    )
    title: str = setting("evolver: {name}", "The title; {name}, {level}, {task}, {text} are the signal's.", one_line)
    body: str = setting("{text}", "The text, with the same.", one_line)
    every_seconds: float = setting(5.0, "Seconds between two; what comes meanwhile is counted.", between(0, 86_400))

    def problems(self) -> Iterator[Problem]:
        """See the base."""
        if not self.urls_env:
            way_out = 'Write urls_env = "APPRISE_URLS", and the addresses into that variable.'
            yield "needs the name of the variable that holds the addresses", way_out, ("urls_env",)

    def secrets(self, find: Callable[[str], str | None]) -> Iterator[str]:
        """See the base."""
        for url in (find(self.urls_env) or "").split():
            yield from (url, *Address(url).secrets)


class OtelListener(ListenerConfig):
    """Spans and metrics for an OpenTelemetry collector, by OTLP over HTTP. Needs evolver-tui[otel]."""

    KIND = "otel"
    EXTRA = "otel"

    endpoint: Address = setting(
        Address("http://localhost:4318"),
        "The collector; /v1/traces and so on come behind.",
        address("http", "https"),
    )
    headers_env: str = setting(
        "",
        "The environment variable that holds headers for it: name=value, with commas between.",
        a_variable,
    )
    service: str = setting("evolver-tui", "What the spans are told to be of.", a_name)
    seconds: float = setting(10.0, "Seconds from one delivery to the next.", between(0.1, 3600))
    allow_http: bool = setting(False, "Let them cross a network without TLS.")

    def problems(self) -> Iterator[Problem]:
        """See the base."""
        if not self.allow_http and not is_safe_address(self.endpoint):
            yield (
                f"endpoint ({self.endpoint}) is neither https nor on this machine",
                "Write https, or allow_http = true.",
                ("endpoint", "allow_http"),
            )

    def secrets(self, find: Callable[[str], str | None]) -> Iterator[str]:
        """See the base."""
        pairs = (find(self.headers_env) or "").split(",")
        yield from (*(pair.partition("=")[2].strip() for pair in pairs), *self.endpoint.secrets)


KINDS: Final[Mapping[str, type[ListenerConfig]]] = {
    kind.KIND: kind for kind in (FileListener, WebhookListener, NoticeListener, AppriseListener, OtelListener)
}
_EXAMPLE: Final = 'Example: [listeners.log] with kind = "file" and path = "~/signals.jsonl".'


def is_safe_address(url: Address) -> bool:
    """Whether what is sent there is read by nobody on the way: TLS, or this machine."""
    from ipaddress import ip_address

    parts = urlsplit(url.for_connecting().strip())
    if parts.scheme == "https":
        return True
    host = (parts.hostname or "").rstrip(".")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def read_listeners(reader: SectionReader, found: object) -> dict[str, ListenerConfig]:
    """The listeners of the config; one without a name or a kind is left out, and told of like every mistake."""
    listeners: dict[str, ListenerConfig] = {}
    for name, table in reader.table("listeners", found).items():
        problem = a_routine(name)
        if problem is not None:
            reader.wrong(f"[listeners] {quoted(name)} has to be {problem}.", _EXAMPLE)
        elif not isinstance(table, dict):
            reader.wrong(f"[listeners] {name} has to be a section, and is {kind_of(table)}.", _EXAMPLE)
        else:
            listener = _listener(reader, f"listeners.{name}", table)
            if listener is not None:
                listeners[name] = listener
    return listeners


def _listener(reader: SectionReader, name: str, table: dict[str, Any]) -> ListenerConfig | None:
    kind = table.get("kind")
    words = ", ".join(repr(each) for each in KINDS)
    if kind is None:
        reader.wrong(f"[{name}] has no kind.", f"Write kind = one of {words}.")
        return None
    if not isinstance(kind, str):
        reader.wrong(f"[{name}] kind has to be one of {words}, and is {kind_of(kind)}.", _EXAMPLE)
        return None
    if kind not in KINDS:
        reader.wrong(f"[{name}] kind: there is no kind {quoted(kind)}.", did_you_mean(kind, KINDS, "kinds"))
        return None
    rest = {key: value for key, value in table.items() if key != "kind"}
    listener: ListenerConfig = reader.section(name, KINDS[kind], rest)
    for message, way_out, keys in listener.problems():
        if not reader.is_unfit(name, *keys):
            reader.wrong(f"[{name}] {message}.", way_out)
    return listener


def shown_listeners(listeners: Mapping[str, ListenerConfig]) -> list[str]:
    """The lines that `read_listeners` reads as these."""
    kinds = ", ".join(f'"{kind}"' for kind in KINDS)
    lines = ["", f"# Listeners to signals: for each a table [listeners.NAME] with its kind, {kinds}.", "[listeners]"]
    for name, listener in listeners.items():
        lines += ["", f"# {(type(listener).__doc__ or '').strip()}", f"[listeners.{name}]", f'kind = "{listener.KIND}"']
        lines += shown_section(listener)
    return lines
