"""The listener that tells an OpenTelemetry collector. The SDK is loaded with the first signal, in its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.signal import Signal
from evolver_tui.settings.listener_config import OtelListener
from evolver_tui.settings.secrets import scrub, scrub_patterns

if TYPE_CHECKING:
    from evolver_tui.adapters.listeners.otel_export import Collector, Telemetry


class OtelTelling:
    """Makes spans and metrics of what it hears. To be called in one thread; `close` in another."""

    def __init__(
        self,
        config: OtelListener,
        deliveries: Deliveries,
        secret: Callable[[str], str | None],
        secrets: Callable[[], Sequence[str]],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        deliveries: what is told of those that do not come.
        secret: finds a secret by the name of its variable.
        secrets: what must not leave the process.
        now: seconds since 1970.
        """
        self._config = config
        self._deliveries = deliveries
        self._find_secret = secret
        self._find_secrets = secrets
        self._now = now
        self._telemetry: Telemetry | None = None
        self._is_over = False
        self._lock = threading.Lock()
        """Held while a signal is heard."""

    def __call__(self, signal: Signal) -> None:
        """Take notice of a signal."""
        with self._lock:
            if self._is_over:
                return
            if self._telemetry is None:
                try:
                    self._telemetry = self._start()
                except ConfigError as error:
                    self._is_over = True
                    self._deliveries.stop(str(error))
                    return
            self._telemetry.hear(signal)

    def close(self, seconds: float) -> None:
        """Deliver what is open, as it is."""
        with self._lock:
            self._is_over = True
            telemetry, self._telemetry = self._telemetry, None
        if telemetry is not None:
            telemetry.end(self._now(), seconds)

    def _start(self) -> Telemetry:
        """Raises ConfigError."""
        try:
            from evolver_tui.adapters.listeners.otel_export import Telemetry
        except ImportError:
            raise ConfigError(
                "OpenTelemetry is not installed.", "Run: pip install 'evolver-tui[otel]', and begin again."
            ) from None
        known = tuple(self._find_secrets())
        return Telemetry(self._collector(), self._delivered, lambda text: scrub_patterns(scrub(text, known)))

    def _collector(self) -> Collector:
        from evolver_tui.adapters.listeners.otel_export import Collector

        config = self._config
        headers = {}
        if config.headers_env:
            found = self._find_secret(config.headers_env)
            if found is None:
                raise ConfigError(f"There is no secret {config.headers_env}.", "Set it in the environment.")
            pairs = (pair.partition("=") for pair in found.split(",") if pair.strip())
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            if not all(name.isascii() and name and value.isprintable() for name, value in headers.items()):
                raise ConfigError(f"{config.headers_env} holds no headers.", "Write name=value, with commas between.")
        return Collector(config.endpoint, headers, config.service, config.seconds)

    def _delivered(self, is_delivered: bool) -> None:
        if is_delivered:
            self._deliveries.succeeded()
        elif not self._is_over:
            self._deliveries.failed(f"{self._config.endpoint} does not take it")
