"""The link to the hub: choosing one, connecting now, holding its tasks back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.address import Address
    from evolver_tui.tui.screens.desk.context import DeskContext


async def connect_at_start(desk: DeskContext) -> None:
    """Connect to the hub that was named outside, or let a person choose one. Raises EvolverError."""
    settings = desk.settings
    if settings.player is not None:
        return
    if settings.connect_url is not None:
        await desk.hubs.connect_to(settings.connect_url)
    elif settings.starts_with_sample:
        await desk.hubs.connect_to(None, takes_samples=True)
    else:
        await _connect(desk)


async def _connect(desk: DeskContext) -> None:
    """Choose a hub and connect to it."""
    from evolver_tui.tui.modals import ConnectModal

    settings = desk.settings
    modal = ConnectModal(
        desk.hubs.known,
        desk.link,
        link_now=lambda: desk.link,
        prefers_sample=desk.hubs.is_sample,
        keeps_sample_tasks=not settings.starts_with_sample,
        now=settings.monotonic,
        wall_now=settings.now,
    )
    choice = await desk.ask(modal)
    if choice is None or (choice.is_sample and not await _lets_samples_in(desk)):
        return
    await desk.hubs.connect_to(None if choice.is_sample else choice.url, takes_samples=choice.is_sample)
    if not choice.is_sample and settings.remember_url is not None:
        settings.remember_url(choice.url)


async def take_samples_if_wanted(desk: DeskContext, url: Address) -> None:
    """Ask whether the made-up tasks of a hub may come in after all, and connect to it if so."""
    if await _lets_samples_in(desk, url):
        await desk.hubs.connect_to(url, takes_samples=True)


async def _lets_samples_in(desk: DeskContext, url: Address | None = None) -> bool:
    """Ask before made-up tasks reach a database and a model, both by name; the demo has its own of both."""
    settings = desk.settings
    if settings.starts_with_sample or desk.hubs.is_sample:
        return True
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.tui.modals import ConfirmModal

    body = (
        f"Its tasks are made up. They come into the database {safe_text(settings.database, 300)}, and "
        f"{_who_works(desk)} works on them.\n\n"
    )
    others = [each for each in desk.hubs.known if each != url]
    if others:
        body += f"{safe_text(others[0], 200)} is not listened to meanwhile.\n\n"
    body += "For a look around, quit and start evolver-tui --demo: it has a database of its own and asks no model."
    return await desk.ask(ConfirmModal("connect", "to a sample hub", body, now=settings.monotonic)) is True


def _who_works(desk: DeskContext) -> str:
    from evolver_tui.core.safe_text import safe_text

    session = desk.session
    if session.author is None:
        return "whichever worker has that database open"
    label = safe_text(session.author_label, 100)
    return f"the model {label}, which may cost money," if session.asks_a_model else f"the {label}"


def _reason_against_connecting_now(desk: DeskContext) -> str:
    is_waiting = desk.link is not None and desk.link.phase in ("waiting", "ended")
    return "" if is_waiting else "The hub link is not waiting to be retried."


def _reason_against_trying_now(desk: DeskContext) -> str:
    opening = desk.opening
    if opening is not None and opening.error is not None:
        return "" if opening.is_waiting else "It is being tried at this moment."
    return in_database(_reason_against_connecting_now)(desk)


async def _connect_now(desk: DeskContext) -> None:
    """Try the hub at once, or the database where there is no session yet."""
    if desk.opening is not None:
        desk.opening.try_now()
        desk.layout.show_opening()
    else:
        desk.session.hub.retry()


async def _pause(desk: DeskContext) -> None:
    """Hold the hub's tasks back, or take them again."""
    paused = not desk.session.hub.is_paused
    desk.session.hub.pause(paused)
    desk.say("Intake is paused: the hub holds its tasks back." if paused else "Intake is resumed.")


PAUSE = Action(
    "intake.pause", "p", "pause", "Pause or resume taking tasks from the hub.", "Session", _pause,
    in_database(lambda desk: "" if desk.link is not None else "No hub is connected."), footer=40, is_alone=True,
    is_on=lambda desk: desk.parts is not None and desk.session.hub.is_paused, title_when_on="resume",
)  # fmt: skip
CONNECT = Action(
    "hub.connect",
    "c",
    "connect",
    "Connect to a hub that you choose.",
    "Session",
    _connect,
    in_database(),
    footer=42,
    is_alone=True,
)
CONNECT_NOW = Action(
    "hub.retry", "C", "connect now", "Connect now instead of waiting, to the hub or to a database that is away.",
    "Session", _connect_now, _reason_against_trying_now, footer=2, is_occasional=True, is_alone=True,
)  # fmt: skip
