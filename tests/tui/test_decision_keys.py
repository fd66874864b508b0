"""Which keys decide: nothing that is part of a word, a paste or a key held down."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from evolver_tui.tui.decision_keys import (
    NOT_ALONE,
    SECONDS_AFTER_A_WORD,
    SECONDS_ALONE,
    SECONDS_HELD,
    SECONDS_TO_CONFIRM,
    DecisionKeys,
    Role,
)

DECIDING = "arRewyDUpxcCq"
MOVING = "jkhlgG[]bn+?:/io1 "


class Hands:
    """Keys at times; what they decided is written down."""

    def __init__(self) -> None:
        self.now = 100.0
        self.keys = DecisionKeys(lambda: self.now)
        self.decided: list[str] = []
        self.refused: list[str] = []
        self.place = "the desk"

    def role(self, key: str) -> Role:
        if key in DECIDING:
            return Role.DECIDES
        return Role.MOVES if key in MOVING or len(key) > 1 else Role.NOTHING

    def press(self, key: str, role: Role | None = None) -> str:
        role = role or self.role(key)
        is_typed = len(key) == 1 or key in ("enter", "tab")
        reason = self.keys.press(key, role, self.place, is_typed=is_typed)
        if reason:
            self.refused.append(key)
        elif role is Role.DECIDES:
            assert self.keys.hold(key, SECONDS_ALONE, lambda: self.decided.append(key))
        return reason

    def wait(self, seconds: float) -> None:
        """Let time pass; what is due meanwhile is done."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.01)
            if (deed := self.keys.take_due()) is not None:
                deed()

    def type(self, text: Sequence[str], gap: float) -> None:
        for key in text:
            self.press(key)
            self.wait(gap)


WORDS = (
    "Daily", "Ready", "api", "jar", "hard", "nay", "gray", "lady", "delay", "ja", "era", "near", "New", "are", "we",
    "Reject", "approve", "yes", "Delete", "exit", ":wq", ":q", "ZZa", "dda", "wq", "Draw", "par", "ear", "raw", "easy",
    "a b c", "q:a", "way", "pray", "relay", "xargs", "echo a", "Ra", "rR", "D.", "w3", "ey", "1a", "+a", "?a", "ha",
)  # fmt: skip


@pytest.mark.parametrize("gap", [0.0, 0.04, 0.15, 0.25, 0.3])
@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_word_decides_nothing_however_fast_it_is_typed(gap: float, ending: str) -> None:
    for word in WORDS:
        hands = Hands()
        hands.type([*word, *(["enter"] if ending else [])], gap)
        hands.wait(5)
        assert hands.decided == [], word
        assert hands.refused, word


@pytest.mark.parametrize("key", DECIDING)
def test_a_key_alone_decides_once_it_was_alone(key: str) -> None:
    hands = Hands()
    assert hands.press(key) == ""
    hands.wait(SECONDS_ALONE - 0.02)
    assert (hands.decided, hands.keys.is_holding) == ([], True)
    hands.wait(0.03)
    assert (hands.decided, hands.keys.is_holding) == ([key], False)
    hands.wait(5)
    assert hands.decided == [key]


@pytest.mark.parametrize(
    ("before", "gap"), [("j", 0.36), ("j", 0.5), ("n", 0.4), ("down", 0.21), ("enter", 0.21), ("tab", 0.21)]
)
def test_a_reviewer_who_moves_and_then_decides_is_not_held_up(before: str, gap: float) -> None:
    hands = Hands()
    for _ in range(5):
        hands.press(before)
        hands.wait(0.03)
    hands.wait(gap - 0.03)
    hands.press("a")
    hands.wait(1)
    assert (hands.decided, hands.refused) == (["a"], [])


@pytest.mark.parametrize("after", ["j", "down", "escape", "enter", "x", "R", "z"])
def test_any_other_key_soon_after_it_takes_a_decision_back(after: str) -> None:
    hands = Hands()
    hands.press("a")
    hands.wait(0.3)
    assert hands.press(after) == NOT_ALONE or after == "z"
    hands.wait(5)
    assert "a" not in hands.decided


def test_after_a_word_it_has_to_be_quiet_for_longer() -> None:
    hands = Hands()
    hands.type("make", 0.15)
    hands.wait(SECONDS_AFTER_A_WORD - 0.2)
    assert hands.press("a") == NOT_ALONE
    hands.wait(SECONDS_AFTER_A_WORD + 0.01)
    assert hands.press("a") == ""
    hands.wait(1)
    assert hands.decided == ["a"]


def test_whoever_goes_about_after_a_word_is_not_typing_it_any_more() -> None:
    hands = Hands()
    hands.type("make", 0.15)
    for key in ("escape", "j", "down", "j"):
        hands.wait(SECONDS_ALONE + 0.01)
        assert hands.press(key) == ""
    hands.wait(SECONDS_ALONE + 0.01)
    hands.press("a")
    hands.wait(1)
    assert hands.decided == ["a"]


def test_a_key_without_meaning_is_not_gone_on_from() -> None:
    hands = Hands()
    hands.press("z")
    hands.wait(0.8)
    assert hands.press("a") == NOT_ALONE
    hands = Hands()
    hands.press("z")
    hands.wait(0.5)
    assert hands.press("j") == ""  # going about decides nothing


@pytest.mark.parametrize("first", [0.2, 0.25, 0.5, 0.66, 0.75])
def test_a_key_that_is_held_down_decides_once(first: float) -> None:
    hands = Hands()
    hands.press("p")
    hands.wait(first)
    for _ in range(60):
        hands.press("p")
        hands.wait(0.03)
    hands.wait(5)
    assert hands.decided == ["p"]
    hands.press("p")
    hands.wait(1)
    assert hands.decided == ["p", "p"]


def test_a_key_pressed_twice_decides_once() -> None:
    hands = Hands()
    hands.type("aaa", 0.0)
    hands.wait(SECONDS_HELD)
    assert hands.decided == ["a"]


def test_text_is_taken_as_it_is_typed_and_its_enter_answers() -> None:
    hands = Hands()
    hands.place = "a dialog"
    for key in "Reject all":
        assert hands.press(key, Role.TYPES) == ""
        hands.wait(0.04)
    assert hands.press("enter", Role.ANSWERS) == ""


@pytest.mark.parametrize("gap", [0.0, 0.15, 0.3])
def test_a_dialog_that_opened_within_a_word_is_not_answered_by_the_rest_of_it(gap: float) -> None:
    hands = Hands()
    hands.press("o")
    hands.wait(gap)
    hands.place = "a dialog"
    for key in "rder":
        hands.press(key, Role.TYPES)
        hands.wait(gap)
    assert hands.press("enter", Role.ANSWERS) == NOT_ALONE
    hands.wait(SECONDS_ALONE)
    assert hands.press("enter", Role.ANSWERS) == ""


def test_a_confirmation_waits_longer_and_is_taken_back_by_the_rest_of_a_word() -> None:
    for rest, decided in (("es", []), ("", ["y"])):
        hands = Hands()
        hands.place = "a dialog"
        assert hands.keys.press("y", Role.DECIDES, hands.place, is_typed=True) == ""
        hands.keys.hold("y", SECONDS_TO_CONFIRM, partial(hands.decided.append, "y"))
        hands.wait(0.4)
        assert hands.decided == []
        for key in rest:
            hands.press(key, Role.NOTHING)
            hands.wait(0.4)
        hands.wait(2)
        assert hands.decided == decided


def test_what_follows_a_paste_belongs_to_it() -> None:
    hands = Hands()
    hands.press("a")
    hands.keys.paste(hands.place)
    hands.wait(0.2)
    assert hands.press("a") == NOT_ALONE
    hands.wait(5)
    assert hands.decided == []
