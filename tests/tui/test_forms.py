"""Forms by keys: texts of several lines, limits before they are broken, defaults, and what waits for later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste

from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question
from evolver_tui.tui.modals import QuestionModal
from evolver_tui.tui.modals.text_block import TextBlock
from evolver_tui.tui.screens.desk.actions.questions import DECLINE
from tests.support.desk_fixtures import console
from tests.support.modal_host import NOTHING_YET, SMALL, WIDE, Host, opened, press, show, shown
from tests.support.waiting_fixtures import ASKS, until_back, until_needs, until_open

pytestmark = pytest.mark.anyio


def ask(
    host: Host, properties: Mapping[str, Any], *required: str, typed: Mapping[str, Any] | None = None
) -> QuestionModal:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    asked = OpenQuestion(1, 1, "task-1", "Letters", "generate", Question("q", "Which one?", schema), 0.0)
    return QuestionModal(asked, 1, 1, decline=DECLINE, typed=typed, now=host.clock)


def accepted(content: Mapping[str, Any]) -> Answer:
    return Answer(AnswerAction.ACCEPT, content)


NOTE = {"type": "string", "title": "Note", "maxLength": 2000}


async def test_in_a_text_of_several_lines_enter_begins_another_and_the_key_line_says_what_answers() -> None:
    host = Host()
    async with opened(ask(host, {"line": {"type": "string"}, "note": NOTE}), host, SMALL) as pilot:
        assert "enter answer · f8 decline · esc later" in shown(host)
        await press(pilot, "tab")
        assert "enter new line · ^s answer · f8 decline · esc later" in shown(host)
        await press(pilot, *"one", "enter", *"two")
        host.clock.seconds += 1
        assert host.result is NOTHING_YET
        await press(pilot, "ctrl+s")
    assert host.result == accepted({"note": "one\ntwo"})


async def test_the_first_field_that_is_empty_has_the_focus_and_a_digit_chooses_only_in_a_list_of_choices() -> None:
    host = Host()
    properties = {
        "number": {"type": "integer", "default": 4},
        "kind": {"type": "string", "enum": ["one", "two", "three"]},
        "code": {"type": "string"},
    }
    async with opened(ask(host, properties, "kind", "code"), host) as pilot:
        await press(pilot, "2", "tab", *"21", "enter")
    assert host.result == accepted({"number": 4, "kind": "two", "code": "21"})


async def test_what_is_pasted_into_several_lines_keeps_them_and_is_safe_to_draw() -> None:
    host = Host()
    async with opened(ask(host, {"note": NOTE}), host) as pilot:
        assert isinstance(host.focused, TextBlock)
        await host.on_event(Paste("a\tb\r\n\x1b]0;title\x07c\rd"))
        await pilot.pause()
        assert "␛]0;title␇c" in shown(host)
        host.clock.seconds += 2
        await press(pilot, "ctrl+s")
    assert host.result == accepted({"note": "a\tb\n␛]0;title␇c\nd"})


async def test_a_line_into_which_several_are_pasted_becomes_a_text_of_several_lines() -> None:
    host = Host()
    properties = {"text": {"type": "string"}, "number": {"type": "integer"}}
    async with opened(ask(host, properties), host) as pilot:
        first = host.screen
        assert isinstance(first, QuestionModal)
        await press(pilot, *"ad", "left")
        await host.on_event(Paste("b\rc\r"))
        await pilot.pause()
        assert "enter new line · ^s answer" in shown(host)
        await press(pilot, "tab")
        await host.on_event(Paste("\r5\r6\r"))
        await pilot.pause()
        assert "Of the 2 lines that were pasted, the first was taken." in shown(host)
        host.clock.seconds += 2
        await press(pilot, "escape")
        assert host.result is None
        await show(pilot, host, ask(host, properties, typed=first.typed))
        await press(pilot, "ctrl+s")
    assert host.result == accepted({"text": "ab\ncd", "number": 5})


@pytest.mark.parametrize("schema", [{"type": "string"}, NOTE])
async def test_keys_of_one_burst_act_in_the_order_in_which_they_were_pressed(schema: dict[str, Any]) -> None:
    host = Host()
    async with opened(ask(host, {"x": schema}), host) as pilot:
        await press(pilot, *"ab", "backspace", "c", "home", "x", "right", "y", "end", "z", "left", "delete", "!")
        await press(pilot, "ctrl+s")
    assert host.result == accepted({"x": "xayc!"})


async def test_long_choices_show_their_ends() -> None:
    host = Host()
    choices = [f"/srv/data/{'long/' * 20}{name}.csv" for name in ("first", "second", "dritte-größe")]
    async with opened(ask(host, {"x": {"enum": choices}}), host, SMALL):
        for name in ("first.csv", "second.csv", "dritte-größe.csv"):
            assert name in shown(host)


UNTOUCHED: dict[str, tuple[dict[str, Any], Any]] = {
    "lines": ({"type": "string"}, "two\r\nlines\twith \x00 things "),
    "long line": ({"type": "string"}, "x" * 30_000),
    "line of a format": ({"type": "string", "format": "uri"}, "urn:a"),
    "float": ({"type": "number"}, 5.0),
    "integer": ({"type": "integer"}, 5),
    "order": ({"type": "array", "items": {"enum": ["a", "b", "c"]}}, ["c", "a"]),
    "null": ({"type": ["string", "null"]}, None),
    "empty choice": ({"enum": ["", "a"]}, ""),
    "null choice": ({"enum": ["a", None]}, None),
    "number choice": ({"enum": [1, "1", 2]}, "1"),
    "no": ({"type": "boolean"}, False),
    "empty text": ({"type": "string"}, ""),
    "either": ({"type": ["string", "integer"]}, "5"),
}


@pytest.mark.parametrize("name", UNTOUCHED)
async def test_a_default_that_is_left_alone_comes_back_as_it_was(name: str) -> None:
    schema, default = UNTOUCHED[name]
    host = Host()
    async with opened(ask(host, {"x": {**schema, "default": default}}), host) as pilot:
        await press(pilot, "ctrl+s")
    assert isinstance(host.result, Answer)
    assert repr(host.result.content) == repr({"x": default})


async def test_choices_keep_their_types_and_an_empty_one_can_be_chosen() -> None:
    host = Host()
    properties = {
        "number": {"type": "integer", "enum": [10, 20]},
        "numbers": {"type": "array", "items": {"type": "integer", "enum": [1, 2, 3]}},
        "empty": {"enum": ["a", ""]},
        "nothing": {"anyOf": [{"enum": ["a"]}, {"type": "null"}]},
        "sure": {"oneOf": [{"const": True, "title": "I am"}, {"const": False, "title": "I am not"}]},
    }
    async with opened(ask(host, properties, *properties), host) as pilot:
        assert "2 ○  (empty)" in shown(host)
        assert "2 ○  (none)" in shown(host)
        await press(pilot, "2", "tab", "3", "1", "tab", "2", "tab", "2", "tab", "2", "enter")
    assert host.result == accepted({"number": 20, "numbers": [1, 3], "empty": "", "nothing": None, "sure": False})
    assert repr(host.result.content["numbers"]) == "[1, 3]"


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_limits_stand_under_the_field_and_give_way_to_what_is_wrong(size: tuple[int, int]) -> None:
    host = Host()
    properties = {
        "code": {"type": "string", "title": "Code", "minLength": 3, "maxLength": 10},
        "share": {"type": "number", "title": "Share", "exclusiveMinimum": 0, "multipleOf": 0.5},
    }
    async with opened(ask(host, properties), host, size) as pilot:
        assert "3 to 10 characters" in shown(host)
        assert "a number, more than 0, a multiple of 0.5" in shown(host)
        await press(pilot, *"ab", "tab", *"0.7", "enter")
        assert "! Code length has to be at least 3." in shown(host)
        assert "! Share has to be a multiple of 0.5." in shown(host)
        assert "3 to 10 characters" not in shown(host)
        await press(pilot, "c")
        assert "3 to 10 characters" in shown(host)


async def test_an_error_scrolls_into_sight_with_its_field() -> None:
    host = Host()
    choices = {"type": "array", "title": "First", "items": {"enum": list(range(20))}, "minItems": 1}
    properties = {"first": choices} | {f"f{number}": {"type": "string"} for number in range(20)}
    async with opened(ask(host, properties, "first"), host, SMALL) as pilot:
        await press(pilot, "shift+tab")
        assert "First *" not in shown(host)
        await press(pilot, "enter")
        await pilot.pause()
        assert "! First number of choices has to be at least 1." in shown(host)
        await press(pilot, "1")
        assert "1 ■  0" in shown(host)


async def test_what_was_typed_is_there_again() -> None:
    host = Host()
    properties = {
        "note": NOTE,
        "line": {"type": "string", "default": "as it was"},
        "many": {"type": "array", "items": {"enum": ["a", "b"]}},
        "sure": {"type": "boolean", "default": True},
        "other": {"type": "integer", "default": 3},
    }
    async with host.run_test(size=WIDE) as pilot:
        first = ask(host, properties)
        await show(pilot, host, first)
        await press(pilot, *"one", "enter", *"two", "tab", *"!", "tab", "2", "tab", "n", "tab")
        host.clock.seconds += 1
        await press(pilot, "escape")
        assert host.result is None
        assert first.typed == {"note": "one\ntwo", "line": "as it was!", "many": (1,), "sure": (1,)}
        await show(pilot, host, ask(host, properties, typed=first.typed))
        assert "■  b" in shown(host)
        await press(pilot, "ctrl+s")
    assert host.result == accepted({"note": "one\ntwo", "line": "as it was!", "many": ["b"], "sure": False, "other": 3})


async def test_a_field_that_was_emptied_is_not_its_default_again() -> None:
    host = Host()
    properties = {
        "text": {"type": "string", "default": "a"},
        "maybe": {"type": ["string", "null"], "default": "b"},
        "many": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]},
    }
    async with opened(ask(host, properties), host) as pilot:
        await press(pilot, "backspace")
        await press(pilot, "tab")
        await press(pilot, "backspace")
        await press(pilot, "tab", "1", "enter")
    assert host.result == accepted({"text": "", "maybe": None, "many": []})


async def test_a_form_that_cannot_be_answered_names_keyword_and_field() -> None:
    host = Host()
    async with opened(ask(host, {"x": {"type": "string", "pattern": "("}}), host, SMALL) as pilot:
        text = " ".join(shown(host).replace("│", " ").split())
        assert "Field 'x' of a question has a pattern that is no regular expression" in text
        await press(pilot, "enter", "ctrl+s")
        assert host.result is NOTHING_YET


async def test_what_was_typed_waits_with_its_question_until_that_is_settled(tmp_path: Path) -> None:
    async with console(tmp_path) as desk:
        await desk.receive(ASKS)
        await until_needs(desk, 1)
        await desk.press("o")
        await until_open(desk, QuestionModal)
        await desk.press(*"de-", "greater_than_sign", *"en")
        await desk.press("escape")
        await until_back(desk)
        assert list(desk.desk.context.questions.typed.values()) == [{"languages": "de->en"}]
        await desk.press("o")
        await until_open(desk, QuestionModal)
        assert "de->en" in desk.text()
        await desk.answer()
        await until_back(desk)
        assert desk.desk.context.questions.typed == {}
