"""Messages by Apprise, which is loaded with the first signal, in the listener's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.pace import Pace
from evolver_tui.adapters.listeners.wording import and_more, filled, words_of
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.signal import Signal
from evolver_tui.settings.library_logs import keep_off_terminal
from evolver_tui.settings.listener_config import AppriseListener
from evolver_tui.settings.secrets import scrub, scrub_patterns

if TYPE_CHECKING:
    from apprise import Apprise

_KINDS: Final = {"error": "failure", "warning": "warning"}
"""Apprise's word for a signal's level."""


class AppriseMessages:
    """Sends signals as messages, never many at once.

    Args:
        secret: finds a secret by the name of its variable.
        deliveries: what is told of those that do not come.
        secrets: what must not stand in a message; asked with the first signal.
        pace: makes what holds back too many.
    """

    def __init__(
        self,
        config: AppriseListener,
        secret: Callable[[str], str | None],
        deliveries: Deliveries,
        secrets: Callable[[], Sequence[str]],
        pace: Callable[[Callable[[Signal, int], None]], Pace],
    ) -> None:
        self._config = config
        self._find_secret = secret
        self._deliveries = deliveries
        self._find_secrets = secrets
        self._secrets: Sequence[str] = ()
        self._apprise: Apprise | None = None
        self._is_over = False
        self._pace = pace(self._send)

    def __call__(self, signal: Signal) -> None:
        """Send a signal, now or with others soon."""
        if not self._is_over:
            self._pace.hear(signal)

    def close(self, seconds: float) -> None:
        """Send what was held back, as far as that works within some seconds."""
        end = threading.Thread(target=self._pace.flush, daemon=True)
        end.start()
        end.join(seconds)
        self._is_over = True

    def _send(self, signal: Signal, more: int) -> None:
        if self._is_over:
            return
        if self._apprise is None:
            try:
                self._apprise = self._start()
            except ConfigError as error:
                self._is_over = True
                self._deliveries.stop(str(error))
                return
        words = and_more(words_of(signal), more)
        title, body = (self._clean(filled(text, signal, words)) for text in (self._config.title, self._config.body))
        is_sent = self._apprise.notify(
            body=body or title, title=title if body else "", notify_type=_KINDS.get(signal.level, "info")
        )
        if is_sent:
            self._deliveries.succeeded()
        else:
            self._deliveries.failed("one of its services does not take it")

    def _start(self) -> Apprise:
        """Raises ConfigError."""
        try:
            from apprise import Apprise, AppriseAsset
        except ImportError:
            raise ConfigError(
                "Apprise is not installed.", "Run: pip install 'evolver-tui[notify]', and begin again."
            ) from None
        for logger in ("apprise", "urllib3"):
            keep_off_terminal(logger)
        name = self._config.urls_env
        found = self._find_secret(name)
        if found is None:
            raise ConfigError(f"There is no secret {name}.", "Set it in the environment, the keyring or secrets.toml.")
        made = Apprise(asset=AppriseAsset(app_id="evolver-tui", app_desc="evolver-tui", app_url=""))
        for number, url in enumerate(found.split(), 1):
            if not made.add(url):
                raise ConfigError(f"Apprise does not know address {number} in {name}.", "Correct it.")
        self._secrets = self._find_secrets()
        return made

    def _clean(self, text: str) -> str:
        return scrub_patterns(scrub(text, self._secrets))
