"""How NATS is reached, by whom, and how patiently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evolver_tui.core.address import Address


@dataclass(frozen=True, slots=True)
class NatsTiming:
    """All in seconds."""

    connect: float = 4.0
    """For each step of a first handshake."""
    ping: float = 5.0
    """Between two questions whether the server is there, where nothing is published."""
    answer: float = 10.0
    """How long it may take over its answer, then the connection is given up."""
    first_pause: float = 0.1
    longest_pause: float = 5.0
    """Between two attempts to connect: they double from one to the other."""
    patience: float = 60.0
    """How long `publish` waits for room while the server is away."""
    end: float = 2.0
    """How long the end waits for what was published."""


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Everything that is known before a connection."""

    servers: Sequence[Address]
    """Those of one cluster; any of them is as good as the others."""
    name: str = "evolver-tui"
    """As the server lists the connection."""
    user: str = ""
    password: Callable[[], str] = str
    token: Callable[[], str] = str
    """Found when they are needed; they may block."""
    credentials: str = ""
    """The path of a .creds file. It goes before the nkey, that before the user, and that before the token."""
    nkey: str = ""
    """The path of a file with an nkey's seed."""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    """Paths of PEM files."""
    most_messages: int = 100_000
    most_bytes: int = 32 * 1024 * 1024
    """What is kept until it is known to have arrived."""
    timing: NatsTiming = field(default_factory=NatsTiming)
