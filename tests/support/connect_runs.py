"""What tests of `evolver-tui connect` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from tests.support.hubs import Peer, RawHub


def a_hub(*tasks: Mapping[str, Any], batch: int = 1) -> SampleHub:
    """A hub that sends these, as fast as it can."""
    return SampleHub(SampleHubSettings(FeedSettings(tasks, rate=0, batch=batch)))


def says(*arguments: Sequence[object]) -> RawHub:
    """A hub that calls TaskHub with each of these argument lists."""

    def talk(peer: Peer) -> None:
        peer.shake_hands()
        for some in arguments:
            peer.send({"type": 1, "target": "TaskHub", "arguments": list(some)})
        peer.read_to_end()

    return RawHub(talk)
