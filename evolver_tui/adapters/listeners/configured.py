"""The listeners that the config names; what each needs of others is loaded with the first of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.pace import Pace
from evolver_tui.core.address import show_addresses
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_filter import SignalFilter
from evolver_tui.engine.listeners import ClosableListener, ListenerHost, NamedListener
from evolver_tui.settings.listener_config import (
    AppriseListener,
    FileListener,
    ListenerConfig,
    NoticeListener,
    OtelListener,
    WebhookListener,
)
from evolver_tui.settings.paths import Paths, absolute

if TYPE_CHECKING:
    from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint


_MOST_ERROR_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the listeners are made."""

    paths: Paths
    secret: Callable[[str], str | None]
    """Finds a secret by the name of its variable; may wait for a keyring."""
    secrets: Callable[[], Sequence[str]]
    """What must never leave the process."""
    new_id: Callable[[], str]
    """A name that nothing else has."""


def make_listeners(
    configs: Mapping[str, ListenerConfig], host: ListenerHost, around: Surroundings
) -> Sequence[NamedListener]:
    """Each listener of the config, not heard yet. Raises UsageError for a path that nobody can know."""
    return [
        NamedListener(name, _make(name, config, host, around), SignalFilter.of(config.signals))
        for name, config in configs.items()
    ]


def _make(name: str, config: ListenerConfig, host: ListenerHost, around: Surroundings) -> ClosableListener:
    deliveries = Deliveries(name, host.tell)
    match config:
        case FileListener():
            from evolver_tui.adapters.listeners.signal_file import SignalFile

            path, max_bytes = absolute(Path(config.path)), int(config.max_mb * 1_000_000)
            return SignalFile(path, around.secrets, max_bytes=max_bytes, keep=config.keep)
        case WebhookListener():
            return _webhook(name, config, deliveries, around)
        case NoticeListener():
            from evolver_tui.adapters.listeners.notice import Notices

            return Notices(config.how, host.notice, deliveries, around.secrets, _pace(config.every_seconds, deliveries))
        case AppriseListener():
            from evolver_tui.adapters.listeners.apprise_listener import AppriseMessages

            pace = _pace(config.every_seconds, deliveries)
            return AppriseMessages(config, around.secret, deliveries, around.secrets, pace)
        case OtelListener():
            from evolver_tui.adapters.listeners.otel_listener import OtelTelling

            return OtelTelling(config, deliveries, around.secret, around.secrets)
    raise AssertionError(config)


def _pace(seconds: float, deliveries: Deliveries) -> Callable[[Callable[[Signal, int], None]], Pace]:
    def failed(error: Exception) -> None:
        deliveries.failed(safe_text(show_addresses(str(error) or type(error).__name__), _MOST_ERROR_CHARACTERS))

    return lambda show: Pace(show, seconds, failed=failed)


def _webhook(name: str, config: WebhookListener, deliveries: Deliveries, around: Surroundings) -> ClosableListener:
    from evolver_tui.adapters.listeners.dead_letters import dead_letters_of
    from evolver_tui.adapters.listeners.webhook import Webhook

    def make_endpoint() -> Endpoint:
        from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint

        return Endpoint(config, around.secret)

    return Webhook(
        name, make_endpoint, dead_letters_of(name, config, around.paths), deliveries, around.secrets,
        max_attempts=config.max_attempts, new_id=lambda: f"msg_{around.new_id()}",
    )  # fmt: skip
