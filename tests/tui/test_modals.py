"""The modals, by keys: what a person can answer, and what a hostile question cannot do."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from textual.command import CommandInput, CommandList
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from evolver_tui.core.address import Address
from evolver_tui.core.link_state import LinkState
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question
from evolver_tui.core.signal import Signal
from evolver_tui.tui.actions import Action, Keymap
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.modals import (
    ConfirmModal,
    ConnectModal,
    HelpModal,
    Modal,
    NameModal,
    QuestionModal,
    ReasonModal,
    SignalModal,
)
from evolver_tui.tui.modals.inputs import ChoiceList
from evolver_tui.tui.palette import ActionPalette, open_palette
from evolver_tui.tui.screens.desk.actions.questions import DECLINE
from evolver_tui.tui.themes import choose_theme, theme_names
from tests.support.modal_host import NOTHING_YET, SMALL, WIDE, Host, opened, press, rows, show, shown, stay

pytestmark = pytest.mark.anyio

LANGUAGE = {
    "type": "string",
    "title": "Source language",
    "oneOf": [
        {"const": "de", "title": "German (de)"},
        {"const": "fr", "title": "French (fr)"},
        {"const": "both", "title": "both, one text each"},
    ],
}


def ask(
    host: Host, properties: Mapping[str, Any] | None = None, required: Sequence[str] = (), message: str = "Which one?",
    **changes: Any,
) -> QuestionModal:  # fmt: skip
    """A question modal with a form."""
    schema: Mapping[str, Any] = {"type": "object", "properties": properties or {}, "required": list(required)}
    question = Question("source", message, changes.pop("schema", schema))
    facts = {"task_id": "task-18", "task_name": "Translate product text", "task_type": "translate", **changes}
    return QuestionModal(
        OpenQuestion(1, 1, question=question, asked_at=0.0, **facts), 1, 3, decline=DECLINE, now=host.clock
    )


def accepted(content: Mapping[str, Any]) -> Answer:
    return Answer(AnswerAction.ACCEPT, content)


# --- answering -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_a_question_is_answered_by_keys_alone(size: tuple[int, int]) -> None:
    host = Host()
    properties = {
        "language": LANGUAGE,
        "keep": {"type": "boolean", "title": "Keep product names", "default": True},
        "note": {"type": "string", "title": "Note for the author", "description": "It goes into the task."},
    }
    modal = ask(host, properties, ["language"], "Which language is the source text in?\nThe task gives two pairs.")
    async with opened(modal, host, size) as pilot:
        text = shown(host)
        for words in (
            "task-18 asks · 1 of 3",
            "Which language is the source text in?",
            "Translate product text · translate",
            "Source language *",
            "1 ○  German (de)",
            "3 ○  both, one text each",
            "y ●  yes",
            "Note for the author",
            "It goes into the task.",
            "enter answer · f8 decline · esc later",
        ):
            assert words in text
        await press(pilot, "2", "tab", "n", "tab", *"two words".replace(" ", "_"), "enter")
    assert host.result == accepted({"language": "fr", "keep": False, "note": "two_words"})


async def test_defaults_are_there_and_can_be_sent_as_they_are() -> None:
    host = Host()
    channels = [{"const": "a", "title": "Mail"}, {"const": "b", "title": "Web"}, {"const": "c", "title": "Print"}]
    properties = {
        "language": {**LANGUAGE, "default": "both"},
        "count": {"type": "integer", "default": 3},
        "share": {"type": "number", "default": 0.5},
        "note": {"type": "string", "default": "as before"},
        "channels": {"type": "array", "items": {"anyOf": channels}, "default": ["a", "c"]},
        "sure": {"type": "boolean"},
    }
    async with opened(ask(host, properties), host) as pilot:
        assert "■  Print" in shown(host)
        await press(pilot, "enter")
    assert host.result == accepted(
        {"language": "both", "count": 3, "share": 0.5, "note": "as before", "channels": ["a", "c"]}
    )


async def test_numbered_and_walked_choices() -> None:
    host = Host()
    items = {"anyOf": [{"const": str(number), "title": f"Channel {number}"} for number in range(1, 31)]}
    properties = {"language": LANGUAGE, "channels": {"type": "array", "title": "Channels", "items": items}}
    async with opened(ask(host, properties), host, SMALL) as pilot:
        await press(pilot, "down", "down")  # the first one takes the first choice
        await press(pilot, "tab", "2", "5", "2", *["down"] * 20, "space")
        text = shown(host)
        assert "■  Channel 22" in text
        assert "of 30" in text
        assert "Channel 5 " not in text
        await press(pilot, "end", "space", "enter")
    assert host.result == accepted({"language": "fr", "channels": ["5", "22", "30"]})


async def test_an_optional_choice_can_be_taken_back() -> None:
    host = Host()
    properties = {"language": LANGUAGE, "sure": {"type": "boolean"}, "must": {"type": "boolean"}}
    async with opened(ask(host, properties, ["must"]), host) as pilot:
        await press(pilot, "1", "backspace", "tab", "y", "backspace", "tab", "n", "backspace", "enter")
    assert host.result == accepted({"must": False})


async def test_what_does_not_fit_is_said_at_its_field() -> None:
    host = Host()
    properties = {
        "language": LANGUAGE,
        "count": {"type": "integer", "title": "How many", "minimum": 1, "maximum": 9},
        "mail": {"type": "string", "title": "Address", "format": "email"},
    }
    async with opened(ask(host, properties, ["language", "count"]), host) as pilot:
        assert "whole number from 1 to 9" in shown(host)
        await press(pilot, "tab", *"12", "tab", *"nobody", "enter")
        text = shown(host)
        assert "! Source language is needed." in text
        assert "! How many has to be at most 9." in text
        assert "! Address " in text
        assert isinstance(host.focused, ChoiceList)
        await press(pilot, "1")
        assert "Source language is needed" not in shown(host)
        await press(pilot, "tab", "backspace")
        await press(pilot, "tab", *"@example.org", "enter")
    assert host.result == accepted({"language": "de", "count": 1, "mail": "nobody@example.org"})


async def test_decline_and_later_work_from_inside_a_text() -> None:
    host = Host()
    async with host.run_test() as pilot:
        for keys, result in ((["f8", "y"], Answer(AnswerAction.DECLINE)), (["escape"], None)):
            await show(pilot, host, ask(host, {"note": {"type": "string"}}))
            await press(pilot, "x")
            for key in keys:
                host.clock.seconds += 1
                await press(pilot, key)
            assert host.result == result


async def test_a_question_without_a_form_is_accepted_with_enter() -> None:
    host = Host()
    async with opened(ask(host, schema={}), host) as pilot:
        await press(pilot, "enter")
    assert host.result == accepted({})


UNSHOWABLE: dict[str, Mapping[str, Any]] = {
    "no object": {"type": "array"},
    "nested": {"type": "object", "properties": {"a": {"type": "object"}}},
    "boundless": {"type": "object", "properties": {"a": {"type": "integer", "minimum": 10**400}}},
    "endless": {"type": "object", "properties": {f"a{number}": {"type": "string"} for number in range(5000)}},
}


async def test_a_form_that_cannot_be_shown_can_only_be_declined_or_left() -> None:
    host = Host()
    async with host.run_test(size=SMALL) as pilot:
        for name, schema in UNSHOWABLE.items():
            await show(pilot, host, ask(host, schema=schema))
            text = " ".join(shown(host).replace("│", " ").split())
            assert "Decline it, or leave it for later." in text, name
            assert "enter answer" not in text, name
            await press(pilot, "enter")
            assert host.result is NOTHING_YET, name
            for key in ("f8", "y"):
                host.clock.seconds += 1
                await press(pilot, key)
            assert host.result == Answer(AnswerAction.DECLINE), name


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_a_long_form_and_a_long_message_scroll(size: tuple[int, int]) -> None:
    host = Host()
    properties = {f"field{number}": {"type": "string", "title": f"Field {number}"} for number in range(30)}
    message = "\n".join(f"line {number} of the message" for number in range(100))
    async with opened(ask(host, properties, message=message), host, size) as pilot:
        window = host.screen.query_one("#window")
        assert host.screen.region.contains_region(window.region)
        assert "line 0 of" in shown(host)
        assert "Field 0" in shown(host)
        await press(pilot, *["pagedown"] * 30)
        assert "line 99 of" in shown(host)
        await press(pilot, "shift+tab", *"last")
        text = shown(host)
        assert "Field 29" in text
        assert "last" in text
        assert "esc later" in text
        await press(pilot, "enter")
    assert host.result == accepted({"field29": "last"})


async def test_a_modal_follows_a_resize() -> None:
    host = Host()
    properties = {f"field{number}": LANGUAGE for number in range(6)}
    async with opened(ask(host, properties), host) as pilot:
        for size in (SMALL, (40, 12), WIDE):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert host.screen.region.contains_region(host.screen.query_one("#window").region)
        await press(pilot, "escape")
    assert host.result is None


# --- keys typed ahead ------------------------------------------------------------------------------------------------


def modals(host: Host) -> dict[str, Modal[Any]]:
    return {
        "question": ask(host, {"sure": {"type": "boolean"}, "note": {"type": "string"}}),
        "confirm": ConfirmModal("quit", "the console", "Work goes on.", now=host.clock),
        "reason": ReasonModal("Reject", now=host.clock),
        "name": NameModal("fetch", [("reaches the network", "line 3")], now=host.clock),
        "connect": ConnectModal([Address("http://localhost:5000/taskhub")], now=host.clock),
        "help": HelpModal(ACTIONS, now=host.clock),
    }


async def test_keys_typed_ahead_decide_nothing() -> None:
    host = Host()
    keys = ["enter", "escape", "ctrl+d", "y", "n", "2", "down", "enter", "escape"]
    async with host.run_test() as pilot:
        for name, modal in modals(host).items():
            host.result = NOTHING_YET
            host.push_screen(modal, host.take)
            await press(pilot, *keys)
            host.clock.seconds += 0.29
            await press(pilot, *keys)
            assert host.screen is modal, name
            assert host.result is NOTHING_YET, name
            if name == "question":
                assert "y ○" in shown(host)
            host.clock.seconds += 0.02
            await press(pilot, "escape", "escape")
            assert host.screen is not modal, name
            assert host.result is not NOTHING_YET, name


async def test_letters_typed_ahead_into_a_text_stay() -> None:
    host = Host()
    async with host.run_test() as pilot:
        host.push_screen(ReasonModal("Reject", now=host.clock), host.take)
        await press(pilot, *"tooslow")
        host.clock.seconds += 1
        await press(pilot, "enter")
    assert host.result == "tooslow"


# --- the other modals ------------------------------------------------------------------------------------------------


async def test_confirming_takes_its_letter_or_a_choice() -> None:
    host = Host()
    async with host.run_test(size=SMALL) as pilot:
        for keys, result in (
            (["y"], True),
            (["n"], False),
            (["escape"], False),
            (["enter"], False),
            (["space", "enter"], True),
            (["left", "right", "enter"], False),
            (["x", "backspace", "enter"], False),
        ):
            await show(pilot, host, ConfirmModal("reject", "summarize", "The task ends.", now=host.clock))
            assert "y ○  reject" in shown(host)
            assert "n ●  go back" in shown(host)
            for key in keys:
                await press(pilot, key)
                host.clock.seconds += 1
            assert host.result is result, keys


def no_work(view: object) -> None:
    """An action that does nothing."""


async def test_nothing_but_the_name_approves_a_draft_of_high_risk() -> None:
    host = Host()
    modal = NameModal("fetch_it", [("reaches the network", "lines 3, 9"), ("writes files", "")], now=host.clock)
    async with opened(modal, host, SMALL) as pilot:
        for words in (
            "Approve fetch_it?",
            "reaches the network  lines 3, 9",
            "writes files",
            "Type fetch_it to approve",
        ):
            assert words in shown(host)
        await press(pilot, "enter")
        assert "Nothing was typed: nothing was approved." in shown(host)
        for typed in ("y", "etch_it", " fetch_it", "Fetch_it"):
            modal.query_one(Input).value = typed
            await press(pilot, "enter")
            assert f"{typed!r} is not its name: nothing was approved." in shown(host)
        assert host.result is NOTHING_YET
        modal.query_one(Input).value = ""
        host.post_message(Paste("fetch_it\n"))
        await pilot.pause()
        assert "is not its name" not in shown(host)
        await press(pilot, "enter")
    assert host.result == "fetch_it"


async def test_a_reason_is_needed_and_trimmed() -> None:
    host = Host()
    async with opened(ReasonModal("Reject summarize v2", now=host.clock), host, SMALL) as pilot:
        assert "The draft is sent back to the author" in shown(host)
        await press(pilot, "space", "enter")
        assert "A reason is needed" in shown(host)
        await press(pilot, *"loop")
        assert "A reason is needed" not in shown(host)
        await press(pilot, "enter")
    assert host.result == "loop"


async def test_help_shows_the_bound_keys_and_filters() -> None:
    host = Host()
    actions = [*ACTIONS, Action("test.rebound", "f7,ctrl+g", "juggle", "Throw things.", "Circus", no_work)]
    async with opened(HelpModal(actions, now=host.clock), host, SMALL) as pilot:
        await press(pilot, *"juggle")
        assert "f7 ^g" in shown(host)
        assert "Circus" in shown(host)
        assert "approve" not in shown(host)
        await press(pilot, "ctrl+u")
        await press(pilot, *"zzz")
        assert 'No key does anything like "zzz".' in shown(host)
        await press(pilot, "ctrl+u")
        await press(pilot, *["pagedown"] * 20)
        assert "In dialogs" in shown(host)
        await press(pilot, *["pageup"] * 20)
        assert ACTIONS[0].help.partition(";")[0] in shown(host)
        await press(pilot, "escape")
    assert host.result is None


# --- the palette -----------------------------------------------------------------------------------------------------


async def palette_options(pilot: Pilot[None], query: str) -> list[str]:
    """What the palette lists for a query."""
    await press(pilot, *query)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    commands = pilot.app.screen.query_one(CommandList)
    return [str(option.prompt) for option in commands.options]


async def test_the_palette_lists_every_action_and_theme() -> None:
    host = Host()
    async with host.run_test() as pilot:
        open_palette(host)
        open_palette(host)
        await pilot.pause()
        options = await palette_options(pilot, "")
        assert len(host.screen_stack) == 2
        assert isinstance(host.screen, ActionPalette)
        assert not host.screen.query_one(CommandInput).cursor_blink
        assert len(options) == len(ACTIONS) + len(theme_names(host))
        for action in ACTIONS:
            assert any(action.title in option and action.shown_key in option for option in options)
        assert any("Not now: No draft is on the card." in option for option in options)


async def test_the_palette_runs_an_action_found_by_a_few_letters() -> None:
    host = Host()
    async with host.run_test() as pilot:
        open_palette(host)
        await pilot.pause()
        assert (await palette_options(pilot, "exprt"))[0].startswith("export")
        await press(pilot, "enter")
        await pilot.pause()
    assert host.ran == ["session.export"]


async def test_the_palette_says_why_an_action_cannot_be_done() -> None:
    host = Host()
    async with host.run_test() as pilot:
        open_palette(host)
        await pilot.pause()
        assert (await palette_options(pilot, "approve"))[0].startswith("approve")
        await press(pilot, "enter")
        await pilot.pause()
        assert [notice.message for notice in host._notifications] == ["No draft is on the card."]
    assert host.ran == []


async def test_the_palette_changes_the_theme() -> None:
    host = Host()
    async with host.run_test() as pilot:
        open_palette(host)
        await pilot.pause()
        await palette_options(pilot, "theme paper")
        await press(pilot, "enter")
        await pilot.pause()
        assert host.theme == "paper"


async def test_over_a_modal_the_palette_offers_no_deeds() -> None:
    host = Host()
    async with opened(ReasonModal("Reject", now=host.clock), host) as pilot:
        open_palette(host)
        await pilot.pause()
        options = await palette_options(pilot, "")
        assert len(options) == len(theme_names(host))


# --- looks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("no_color", [False, True], ids=["colour", "NO_COLOR"])
async def test_what_is_chosen_is_seen_in_every_theme_and_without_colour(
    no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    host = Host()
    async with opened(ask(host, {"language": LANGUAGE}), host) as pilot:
        await press(pilot, "2")
        for theme in theme_names(host):
            choose_theme(host, theme)
            await pilot.pause()
            text = shown(host)
            assert "› 2 ●  French (fr)" in text
            assert "1 ○  German (de)" in text
            (chosen,) = [segment for row in rows(host.screen) for segment in row if "French" in segment.text]
            assert chosen.style is not None, theme
            assert chosen.style.bold, theme
            colours = (chosen.style.color, chosen.style.bgcolor)
            assert colours[0] != colours[1] or all(colour is not None and colour.is_default for colour in colours), (
                theme
            )


async def test_ascii_alone_is_enough() -> None:
    host = Host()
    items = {"enum": ["red", "green"]}
    properties = {"one": {"type": "string", **items}, "many": {"type": "array", "items": items}}
    async with host.run_test() as pilot:
        host.screen.add_class("-plain")
        await show(pilot, host, ask(host, properties))
        await press(pilot, "2", "tab", "1")
        text = shown(host)
        assert text.isascii()
        assert "2 *  green" in text
        assert "> 1 x  red" in text
        await press(pilot, "escape")
        open_palette(host)
        await pilot.pause()
        assert (await palette_options(pilot, "export"))[0].startswith("export")
        assert shown(host).isascii()


async def test_nothing_blinks_or_spins() -> None:
    host = Host()
    async with opened(ask(host, {"note": {"type": "string"}}), host):
        assert not any(field.cursor_blink for field in host.screen.query(Input))
        assert not host.screen.query("LoadingIndicator")


# --- hostile questions -----------------------------------------------------------------------------------------------

HOSTILE = {
    "clipboard": "\x1b]52;c;ZXZpbA==\x07 hello \x1b[2J\x9b31m\x90q\x9c",
    "markup": "[@click=app.quit]click me[/] [bold]x[/bold] [/] [red",
    "bidi": "abc\u202egpj.exe\u2066x\u2069 \u200b\u200d\ufeff",
    "rows": "a\r\nb\rc\x0bd\x0ce\u2028f\u2029g\x85h",
    "line": "x" * 1_000_000,
    "marks": "z" + "\u0301" * 5000,
    "wide": "漢字" * 400,
    "variable": "$error ${x} a[0] = b[i]",
}


async def test_a_hostile_question_is_only_words() -> None:
    host = Host()
    async with host.run_test(size=WIDE) as pilot:
        for name, text in HOSTILE.items():
            modal = hostile_question(host, text)
            await show(pilot, host, modal)
            for keys in (["enter"], ["pagedown"], ["tab", "tab", "tab"]):
                await press(pilot, *keys)
                assert_only_words(host)
            if name == "markup":
                assert "[@click=app.quit]click me[/]" in shown(host)
                for y in range(6, 36, 3):
                    await pilot.click(offset=(35, y))
            assert host.screen is modal, name
            host.pop_screen()


def hostile_question(host: Host, text: str) -> QuestionModal:
    """A question that says `text` wherever it says something."""
    choices = {"oneOf": [{"const": text, "title": text}, {"const": "b", "title": text + "b"}]}
    properties = {
        text: {"type": "string", "title": text, "description": text, "default": text},
        "one": {"type": "string", "title": text, **choices},
        "many": {"type": "array", "title": text, "items": choices, "default": [text]},
        "number": {"type": "integer", "title": text, "default": text},
        "sure": {"type": "boolean", "title": text, "description": text},
    }
    return ask(host, properties, ["one"], text, task_id=text, task_name=text, task_type=text)


async def test_hostile_words_in_the_other_modals() -> None:
    host = Host()
    async with host.run_test(size=SMALL) as pilot:
        for text in HOSTILE.values():
            for modal in (
                ConfirmModal(text, text, text, now=host.clock),
                ReasonModal(text, now=host.clock),
                ConnectModal([Address(text)], LinkState("ended", Address(text), 0.0, reason=text), now=host.clock),
                SignalModal(
                    Keymap(ACTIONS),
                    Signal(text, {text: [text, {text: text}]}, {"task_id": text, text: text}),
                    stay,
                    now=host.clock,
                ),
                HelpModal([Action("a.b", "a", text, text, text, no_work)], now=host.clock),
            ):
                host.push_screen(modal)
                await pilot.pause()
                assert_only_words(host)
                host.pop_screen()


async def test_pasted_text_is_made_safe() -> None:
    host = Host()
    async with opened(ReasonModal("Reject", now=host.clock), host) as pilot:
        host.screen.query_one(Input).post_message(Paste("no\x1b]52;c;AA\x07\u202e\nsecond line"))
        await pilot.pause()
        assert_only_words(host)
        await press(pilot, "enter")
    assert isinstance(host.result, str)
    assert host.result.startswith("no␛]52;c;AA␇")
    assert "\u202e" not in host.result


def assert_only_words(host: Host) -> None:
    """No control or hidden character is sent to the terminal, and no text does anything when clicked."""
    for row in rows(host.screen):
        for segment in row:
            hidden = [c for c in segment.text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]
            assert hidden == []
            meta = segment.style.meta if segment.style else {}
            assert meta.keys() <= {"offset", "@mouse.down", "@mouse.up"}, meta  # a scroll bar's own
            assert not (segment.style and segment.style.link)


async def test_many_fields_keep_their_own_values() -> None:
    host = Host()
    properties = {f"f{number}": {"type": "integer", "default": number} for number in range(100)}
    async with opened(ask(host, properties), host) as pilot:
        await press(pilot, "backspace")
        await press(pilot, "9", "enter")
    assert host.result == accepted({f"f{number}": number for number in range(100)} | {"f0": 9})
