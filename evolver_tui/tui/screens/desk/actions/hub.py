"""The link to the hub: choosing one, connecting now, holding its tasks back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


async def connect_at_start(desk: DeskContext) -> None:
    """Connect to the hub that was named outside, or let a person choose one. Raises EvolverError."""
    settings = desk.settings
    if settings.connect_url is not None:
        await desk.hubs.connect_to(settings.connect_url)
    elif settings.starts_with_sample:
        await desk.hubs.connect_to(None)
    else:
        await _connect(desk)


async def _connect(desk: DeskContext) -> None:
    """Choose a hub and connect to it."""
    from evolver_tui.tui.modals import ConnectModal

    settings = desk.settings
    modal = ConnectModal(
        desk.hubs.known,
        desk.link,
        prefers_sample=desk.hubs.is_sample,
        keeps_sample_tasks=not settings.starts_with_sample,
        now=settings.monotonic,
        wall_now=settings.now,
    )
    choice = await desk.ask(modal)
    if choice is None or (choice.is_sample and not await _lets_samples_in(desk)):
        return
    await desk.hubs.connect_to(None if choice.is_sample else choice.url)
    if not choice.is_sample and settings.remember_url is not None:
        settings.remember_url(choice.url)


async def _lets_samples_in(desk: DeskContext) -> bool:
    """Ask again before sample tasks come among those of a real hub."""
    known = desk.hubs.known
    if desk.settings.starts_with_sample or desk.hubs.is_sample or not known:
        return True
    from evolver_tui.core.safe_text import safe_text
    from evolver_tui.tui.modals import ConfirmModal

    body = (
        "Made-up tasks come into the database of your real ones, and the "
        f"{safe_text(desk.session.author_label, 100)} works on them. "
        f"{safe_text(known[0], 200)} is not listened to meanwhile.\n\n"
        "For a look around, evolver-tui --demo has a database of its own."
    )
    modal = ConfirmModal("Mix sample tasks with real ones?", body, "mix", now=desk.settings.monotonic)
    return await desk.ask(modal) is True


def _reason_against_connecting_now(desk: DeskContext) -> str:
    is_waiting = desk.link is not None and desk.link.phase in ("waiting", "ended")
    return "" if is_waiting else "The hub link is not waiting to be retried."


async def _connect_now(desk: DeskContext) -> None:
    desk.session.hub.retry()


async def _pause(desk: DeskContext) -> None:
    """Hold the hub's tasks back, or take them again."""
    paused = not desk.session.hub.is_paused
    desk.session.hub.pause(paused)
    desk.say("Intake is paused: the hub holds its tasks back." if paused else "Tasks are taken again.")


PAUSE = Action(
    "intake.pause", "p", "pause", "Pause or resume taking tasks from the hub.", "Session", _pause,
    in_database(lambda desk: "" if desk.link is not None else "No hub is connected."), footer=40, is_alone=True,
)  # fmt: skip
CONNECT = Action(
    "hub.connect", "c", "connect", "Choose a hub.", "Session", _connect, in_database(), footer=42, is_alone=True
)
CONNECT_NOW = Action(
    "hub.retry", "C", "connect now", "Connect now instead of waiting.", "Session", _connect_now,
    in_database(_reason_against_connecting_now), footer=2, is_occasional=True, is_alone=True,
)  # fmt: skip
