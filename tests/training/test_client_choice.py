"""Which way a progress server is watched by, as a table of what happens."""

from __future__ import annotations

import pytest

from evolver_tui.engine.training.progress_client import (
    FIRST_LOOK_UP,
    FIRST_PAUSE,
    LONGEST_LOOK_UP,
    LONGEST_PAUSE,
    STEADY,
    Way,
    WayChoice,
)

WEBSOCKET, POLLING, HTTP = Way


def tries(choice: WayChoice, now: float, count: int, *, is_away: bool = False) -> list[tuple[Way, float]]:
    """So many attempts that fail."""
    found: list[tuple[Way, float]] = []
    for _ in range(count):
        way, wait = choice.next(now)
        found.append((way, wait))
        choice.failed(way, now, is_away=is_away)
    return found


def test_the_ways_are_tried_from_the_best_one_down_and_again_after_a_pause() -> None:
    assert tries(WayChoice(), 0.0, 7) == [
        (WEBSOCKET, 0.0), (POLLING, 0.0), (HTTP, 0.0),
        (WEBSOCKET, FIRST_PAUSE), (POLLING, 0.0), (HTTP, 0.0),
        (WEBSOCKET, 2 * FIRST_PAUSE),
    ]  # fmt: skip


def test_a_server_that_is_away_is_asked_by_the_best_way_at_longer_and_longer_pauses() -> None:
    found = tries(WayChoice(), 0.0, 12, is_away=True)
    assert {way for way, _ in found} == {WEBSOCKET}
    assert [wait for _, wait in found][:5] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert found[-1][1] == LONGEST_PAUSE


@pytest.mark.parametrize(("failing", "works"), [((WEBSOCKET,), POLLING), ((WEBSOCKET, POLLING), HTTP)])
def test_what_failed_is_unfit_once_a_lower_way_works_and_is_tried_beside_it_later(
    failing: tuple[Way, ...], works: Way
) -> None:
    choice = WayChoice()
    assert [way for way, _ in tries(choice, 0.0, len(failing))] == list(failing)
    assert choice.next(0.0).way is works
    choice.worked(works, 0.0)
    assert choice.better(FIRST_LOOK_UP - 1) is None
    assert choice.better_at() == FIRST_LOOK_UP
    assert choice.better(FIRST_LOOK_UP) is WEBSOCKET


def test_a_better_way_that_never_works_is_tried_less_and_less_often() -> None:
    choice = WayChoice((WEBSOCKET, HTTP))
    tries(choice, 0.0, 1)
    choice.worked(HTTP, 0.0)
    now, gaps = 0.0, []
    for _ in range(8):
        at = choice.better_at()
        assert at is not None
        gaps.append(at - now)
        now = at
        assert choice.better(now) is WEBSOCKET
        choice.failed_beside(WEBSOCKET, now)
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[-1]) == (FIRST_LOOK_UP, LONGEST_LOOK_UP)


def test_a_server_that_died_is_asked_by_the_best_way_again_when_it_was_the_server_that_was_away() -> None:
    choice = WayChoice()
    choice.worked(WEBSOCKET, 0.0)
    choice.lost(1_000.0)
    assert choice.next(1_000.0) == (WEBSOCKET, FIRST_PAUSE)
    tries(choice, 1_000.0, 9)  # it hangs: no way works
    assert choice.next(1_050.0).way is WEBSOCKET


def test_a_connection_that_is_lost_at_once_again_and_again_is_left_for_the_next_way() -> None:
    choice = WayChoice()
    for now in (0.0, 1.0):
        assert choice.next(now).way is WEBSOCKET
        choice.worked(WEBSOCKET, now)
        choice.lost(now + 1.0)  # once may be the server's restart
    assert choice.next(2.0) == (POLLING, 0.0)
    choice.worked(POLLING, 2.0)
    assert choice.better(2.0 + FIRST_LOOK_UP) is WEBSOCKET


def test_a_way_whose_connections_are_cut_now_and_then_is_left_as_well() -> None:
    choice = WayChoice((POLLING, HTTP))
    for now in (0.0, 10.0, 20.0, 30.0):
        assert choice.next(now).way is POLLING
        choice.worked(POLLING, now)
        choice.lost(now + 10.0)
    assert choice.next(40.0).way is HTTP


def test_a_way_that_was_steady_begins_with_short_rests_again() -> None:
    choice = WayChoice((WEBSOCKET, HTTP))
    tries(choice, 0.0, 1)
    choice.worked(HTTP, 0.0)
    choice.failed_beside(WEBSOCKET, FIRST_LOOK_UP)
    choice.worked(WEBSOCKET, 100.0)
    choice.lost(100.0 + STEADY)
    tries(choice, 200.0, 1)
    choice.worked(HTTP, 200.0)
    assert choice.better_at() == 200.0 + FIRST_LOOK_UP


def test_with_one_way_there_is_nothing_to_go_up_to() -> None:
    choice = WayChoice((HTTP,))
    assert tries(choice, 0.0, 3) == [(HTTP, 0.0), (HTTP, 0.5), (HTTP, 1.0)]
    choice.worked(HTTP, 5.0)
    assert choice.better_at() is None
    choice.lost(6.0)
    assert choice.next(6.0) == (HTTP, FIRST_PAUSE)
