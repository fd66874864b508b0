"""Going through a session that is shown again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evolver_tui.tui.actions import Action
from evolver_tui.tui.drawing.formatting import clock
from evolver_tui.tui.screens.desk.actions.reasons import in_session

if TYPE_CHECKING:
    from evolver_tui.engine.replay.player import Player
    from evolver_tui.tui.drawing.symbols import Symbols
    from evolver_tui.tui.screens.desk.context import DeskContext


def where_it_is(player: Player, symbols: Symbols) -> str:
    """The moment that is shown, and how it goes on: `replay > 4x  12:31  1,204 of 50,000`."""
    recording = player.recording
    speed = "as fast as can be" if math.isinf(player.speed) else f"{player.speed:g}x"
    pace = "end" if player.is_over else "held" if player.is_paused else speed
    passed = clock(player.now - recording.started_at)
    return f"{symbols.running} replay {pace}  {passed}  {player.position:,} of {len(recording):,}"


def player_of(desk: DeskContext) -> Player:
    """What plays the session that is shown."""
    player = desk.settings.player
    assert player is not None
    return player


def _is_over(desk: DeskContext) -> str:
    return "This is the end of the session." if player_of(desk).is_over else ""


def _has_not_begun(desk: DeskContext) -> str:
    return "" if player_of(desk).position else "This is the beginning of the session."


def _toggle_pause(desk: DeskContext) -> None:
    player = player_of(desk)
    player.pause(not player.is_paused)


async def _next_need(desk: DeskContext) -> None:
    """On to the next job that stops at a question or review, and to its card."""
    job = await player_of(desk).next_need()
    row = await desk.session.store.row(job) if job is not None else None
    if row is None:
        desk.say("This is the end of the session: nobody was needed any more.")
    else:
        desk.go_to_card(row)


async def _step(desk: DeskContext) -> None:
    await player_of(desk).step()


async def _step_back(desk: DeskContext) -> None:
    await player_of(desk).step_back()


async def _begin(desk: DeskContext) -> None:
    await player_of(desk).go_to(0)


async def _end(desk: DeskContext) -> None:
    player = player_of(desk)
    await player.go_to(len(player.recording))


PLAY: Action[DeskContext] = Action(
    "replay.pause", "p", "pause", "Hold the replay, or let it go on.", "Replay", _toggle_pause, in_session(_is_over),
    footer=1, is_on=lambda desk: player_of(desk).is_paused, title_when_on="go on",
)  # fmt: skip
STEP: Action[DeskContext] = Action(
    "replay.step", "full_stop", "step", "Hold the replay and show one signal more.", "Replay", _step,
    in_session(_is_over), footer=2,
)  # fmt: skip
STEP_BACK: Action[DeskContext] = Action(
    "replay.back", "comma", "back", "Hold the replay and show how it stood one signal before.", "Replay", _step_back,
    in_session(_has_not_begun), footer=3,
)  # fmt: skip
NEXT_NEED: Action[DeskContext] = Action(
    "replay.next", "n", "next", "Go on to the next task that needed a person, and to its card.", "Replay", _next_need,
    in_session(_is_over), footer=4,
)  # fmt: skip
FASTER: Action[DeskContext] = Action(
    "replay.faster", "greater_than_sign", "faster", "Play faster; in the end as fast as can be.", "Replay",
    lambda desk: player_of(desk).change_speed(1), in_session(), footer=5,
)  # fmt: skip
SLOWER: Action[DeskContext] = Action(
    "replay.slower", "less_than_sign", "slower", "Play slower.", "Replay",
    lambda desk: player_of(desk).change_speed(-1), in_session(), footer=6,
)  # fmt: skip
BEGIN: Action[DeskContext] = Action(
    "replay.begin", "0", "beginning", "Show how it stood at the beginning.", "Replay", _begin,
    in_session(_has_not_begun),
)  # fmt: skip
END: Action[DeskContext] = Action(
    "replay.end", "e", "end", "Show how it stood at the end.", "Replay", _end, in_session(_is_over), footer=7
)

REPLAY_ACTIONS = (PLAY, STEP, STEP_BACK, NEXT_NEED, FASTER, SLOWER, BEGIN, END)
