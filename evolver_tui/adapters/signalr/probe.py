"""Asking a hub whether it is there, and lets us in, without becoming one of its clients: it would send tasks to one."""

from __future__ import annotations

from evolver_tui.adapters.signalr.http import HubAddress, Secrets, check_token, explain
from evolver_tui.adapters.signalr.negotiation import WAYS, Negotiator
from evolver_tui.adapters.signalr.network import Network
from evolver_tui.adapters.signalr.settings import LinkSettings
from evolver_tui.core.errors import LinkError


def negotiate_only(settings: LinkSettings, token: str) -> str:
    """Negotiate a connection that is never opened; returns what the hub offers, in a sentence. Blocks.

    Raises:
        UsageError: the URL cannot be a hub's.
        LinkError: the hub cannot be reached, is none, or said no.
    """
    address = HubAddress.parse(settings.url)
    secrets = Secrets()
    secrets.add(*settings.url.hidden, token)
    network = Network(settings.proxy_for, settings.connect_timeout, lambda opened: None, secrets)
    negotiator = Negotiator(
        address, check_token(token), redirect_hosts=settings.redirect_hosts, network=network, secrets=secrets
    )
    try:
        negotiated = negotiator.negotiate()
    except OSError as error:
        problem = explain(error, address)
    except LinkError as error:
        problem = error
    else:
        ways = ", ".join(WAYS[way] for way in negotiated.transports)
        return secrets.scrub(f"The hub at {negotiated.address.authority} answers, and offers {ways}.")
    raise type(problem)(secrets.scrub(problem.message), secrets.scrub(problem.way_out)) from None
