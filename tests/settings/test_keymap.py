"""A person's own keys, and what is said about a wrong one."""

from __future__ import annotations

import pytest

from evolver_tui.core.errors import ConfigError, EvolverError
from evolver_tui.core.suggest import did_you_mean, nearest
from evolver_tui.settings.keymap import KeyBinding, check_keymap, clashes, read_keymap, split_keys

# --- keys ----------------------------------------------------------------------------------------------------------

ACTIONS = {
    "review.approve": KeyBinding("a", ("card",)),
    "review.reject": KeyBinding("r", ("card",)),
    "queue.archive": KeyBinding("a", ("queue",)),
    "app.help": KeyBinding("question_mark"),
    "move.down": KeyBinding("j,down", ("queue", "card")),
}


def test_keys_are_spelled_as_the_screen_wants_them() -> None:
    assert check_keymap(ACTIONS, {"app.help": "/", "move.down": "ctrl+n, f1"}) == {
        "app.help": "slash",
        "move.down": "ctrl+n,f1",
    }
    assert split_keys("shift+ctrl+left") == ["ctrl+shift+left"]
    assert split_keys("ctrl++") == ["ctrl+plus"]
    assert split_keys(",") == ["comma"]
    assert check_keymap(ACTIONS, {}) == {}


def test_actions_of_different_views_may_have_the_same_key() -> None:
    actions = {"a": KeyBinding("x", views=("one",)), "b": KeyBinding("y", views=("two",)), "c": KeyBinding("z")}
    assert check_keymap(actions, {"a": "y"}) == {"a": "y"}
    with pytest.raises(ConfigError, match="'a' and 'c'"):
        check_keymap(actions, {"a": "z"})


def test_key_names_are_textual_s() -> None:
    from textual.keys import Keys, _character_to_key

    for character in map(chr, range(33, 127)):
        assert split_keys(character) == [_character_to_key(character)]
    same = {"return", "ctrl+i", "ctrl+m", "ctrl+@"}
    for key in Keys:
        if key.value not in same and key.value[0] != "<" and key.value != "ctrl-at":
            assert split_keys(key.value) == [key.value]


@pytest.mark.parametrize(
    ("action", "key", "parts"),
    [
        ("review.aprove", "a", ["review.aprove", "'review.approve'"]),
        ("card.approve", "a", ["card.approve", "Did you mean 'review.approve'?"]),
        ("zzz", "a", ["zzz", "evolver-tui config show"]),
        ("review.approve", "esc", ["review.approve", "esc", "'escape'"]),
        ("review.approve", "control+p", ["control+p", "'ctrl+p'"]),
        ("review.approve", "shift+a", ["'A'"]),
        ("review.approve", "ctrl+A", ["'ctrl+a'"]),
        ("review.approve", "xyzzy", ["xyzzy", "ctrl+p"]),
        ("review.approve", "", ["review.approve", "missing"]),
        ("review.approve", "a,,b", ["missing"]),
        ("review.approve", "ctrl+", ["ctrl+"]),
        ("review.approve", "r", ["'r'", "'review.approve'", "'review.reject'"]),
        ("review.approve", "?", ["'app.help'", "'review.approve'"]),
        ("app.help", "a", ["'app.help'", "'review.approve'"]),
        ("review.approve", "x,down", ["'down'", "'move.down'"]),
        ("review.approve", "ctrl+m,enter,r", ["'review.reject'"]),
    ],
)
def test_key_that_cannot_be_is_refused_with_names(action: str, key: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_keymap(ACTIONS, {action: key}, "my.toml")
    assert str(caught.value).startswith("my.toml: [keys]")
    for part in parts:
        assert part in str(caught.value)


def test_every_mistake_is_told_and_the_rest_is_kept() -> None:
    overrides = {"review.aprove": "a", "app.help": "esc", "review.reject": "a", "move.down": "n"}
    keymap, problems = read_keymap(ACTIONS, overrides, "my.toml")
    assert keymap == {"review.reject": "a", "move.down": "n"}
    assert [problem.message.split("[keys] ")[1].split(" would")[0] for problem in problems] == [
        "there is no action review.aprove.", "app.help: there is no key esc.", "'a'",
    ]  # fmt: skip


def test_two_actions_may_swap_keys_and_share_one_in_different_places() -> None:
    assert check_keymap(ACTIONS, {"review.approve": "r", "review.reject": "a"})
    assert check_keymap(ACTIONS, {"queue.archive": "r"}) == {"queue.archive": "r"}
    assert list(clashes(ACTIONS, {})) == []
    assert list(clashes(ACTIONS, {"app.help": "enter", "review.reject": "ctrl+m"})) == [
        ("review.reject", "app.help", "enter")
    ]


# --- suggestions ---------------------------------------------------------------------------------------------------


def test_nearest_name_is_offered_and_the_whole_list_when_none_is_near() -> None:
    assert nearest("THEMES", ["theme", "ascii"]) == "theme"
    assert nearest("x" * 100_000, ["theme"]) is None
    assert did_you_mean("zzz", ["theme", "ascii"], "keys") == "Known keys: theme, ascii."
    assert issubclass(ConfigError, EvolverError)
