"""`evolver-tui workflow gateway`: a gateway from its beginning to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evolver_tui.core.signal_catalogue.workflow_signals import (
    GATEWAY_CLOSED,
    GATEWAY_OPENED,
    SERVICE_AWAY,
    SERVICE_UP,
)
from evolver_tui.engine.front import Front
from evolver_tui.engine.garbage_collection import spare_what_stays
from evolver_tui.engine.process_end import service_end
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.workflow.broker import ServiceStanding
from evolver_tui.engine.workflow.gateway import Gateway


async def run_gateway(
    gateway: Gateway, front: Front, bus: SignalBus, tell_url: Callable[[str], None], cut_off: Callable[[], object]
) -> bool:
    """Serve until Ctrl+C or SIGTERM; connections get an end, and answers that are not over go to other gateways.

    Args:
        tell_url: hears where it is found, once it is.
        cut_off: ends the process where its end is held up; called in another thread.

    Returns:
        Whether it was told to end by others than Ctrl+C.

    Raises:
        UsageError: it cannot listen there.
        BrokerError, RegistryError: NATS or Redis will never let it in.
    """
    with service_end(cut_off) as end:
        await front.start()
        gateway.watch(lambda standing: _tell(bus, standing))
        try:
            opening = asyncio.create_task(gateway.open())
            tell_url(front.url)
            bus.emit(GATEWAY_OPENED({"url": front.url, "pod": gateway.pod_id}))
            waiting = asyncio.create_task(end.asked_for())
            await asyncio.wait({opening, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
            spare_what_stays()
            await waiting
            await asyncio.gather(opening, return_exceptions=True)
        finally:
            end.begin()
            front.take_no_more()
            await asyncio.gather(gateway.close(), front.close())
    bus.emit(GATEWAY_CLOSED({}))
    return not end.is_interrupt


def _tell(bus: SignalBus, standing: ServiceStanding) -> None:
    if standing.is_up:
        bus.emit(SERVICE_UP({"service": standing.service}))
    else:
        bus.emit(SERVICE_AWAY({"service": standing.service, "reason": standing.reason}))
