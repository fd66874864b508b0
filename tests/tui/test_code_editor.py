"""Code in the console's own editor: what is drawn of it, what is handed in, and what keys do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.events import Paste

from evolver_tui.core.edit_verdict import EditVerdict, edit_verdict
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.tui.code_editor.code_text import LONGEST_LINE, CodeText, reason_against_editing
from evolver_tui.tui.modals import EditModal, LeaveModal
from tests.support.modal_host import NOTHING_YET, SMALL, Host, opened, press, shown

pytestmark = pytest.mark.anyio

CODE = "import json\nimport sys\n\n\ndef main():\n    print(json.dumps(json.load(sys.stdin)))\n\n\nmain()\n"
HOSTILE = (
    'a = "\x1b]52;c;cm0gLXJm\x07"\n'
    "admin\u202etxt = 1  # \u200b\u2066\n"
    "b = 1\rc = 2\n"
    "one\x0btwo\x0cthree\x85four\u2028five\n"
    "e\u0301\u0301\u0301\u0301\u0301\u0301\U0001f600\ufe0f\x9b31m"
)
"""Whatever steers a terminal, hides, or ends a line for somebody else."""

copied: list[str] = []


async def check(code: str) -> EditVerdict:
    return edit_verdict(check_draft(code, ()), check_draft(CODE, ()))


async def copy(text: str) -> None:
    copied.append(text)


def editor(host: Host, code: str = CODE, begun: str = "", **arguments: Any) -> EditModal:
    return EditModal("main", code, begun, check=check, copy=copy, now=host.clock, **arguments)


def typed(text: str) -> Sequence[str]:
    names = {
        " ": "space",
        "(": "left_parenthesis",
        ")": "right_parenthesis",
        ":": "colon",
        "\n": "enter",
        "=": "equals_sign",
    }
    return [names.get(letter, letter) for letter in text]


# --- the text

LINES = st.lists(st.text(st.characters(exclude_categories=()), max_size=5), max_size=6)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
@settings(derandomize=True, max_examples=200)
def test_every_change_and_its_undoing_leave_all_other_characters_alone(
    lines: list[str], end: str, data: st.DataObject
) -> None:
    code = end.join(lines)
    document = CodeText(code)
    assert document.text == code
    places = st.integers(0, document.line_count - 1).flatmap(
        lambda row: st.tuples(st.just(row), st.integers(0, len(document[row])))
    )
    start, stop = sorted((data.draw(places), data.draw(places)))
    written = data.draw(st.text(st.sampled_from("a\n\x1b\u202e"), max_size=5))
    before, after = document.get_text_range((0, 0), start), document.get_text_range(stop, document.end)
    done = document.replace_range(start, stop, written)
    assert document.text == before + written.replace("\n", document.newline) + after
    document.replace_range(start, done.end_location, done.replaced_text)
    assert document.text == code


@pytest.mark.parametrize("code", ["", "\n", "x", "x\r\ny\r\n", "x\r\ny", "x\ny\r\n", "\r", HOSTILE])
def test_a_program_is_handed_in_as_it_was_byte_for_byte(code: str) -> None:
    document = CodeText(code)
    end = document.replace_range(document.end, document.end, "zz").end_location
    document.replace_range((end[0], end[1] - 2), end, "")
    assert document.text == code


def test_a_line_is_drawn_with_stand_ins_at_the_same_places() -> None:
    document = CodeText(HOSTILE)
    assert document.lines[0] == 'a = "␛]52;c;cm0gLXJm␇"'
    assert document.lines[2] == "b = 1␍c = 2"
    assert document.line_count == 5
    assert all(len(line) == len(written) for line, written in zip(document.lines, HOSTILE.split("\n"), strict=True))


def test_what_is_too_large_for_it_is_said() -> None:
    assert reason_against_editing(CODE) == ""
    assert "larger than 1,000,000 bytes" in reason_against_editing("x = 1\n" * 200_000)
    assert "10,001 characters" in reason_against_editing("x" * (LONGEST_LINE + 1))


# --- the keys


async def test_what_is_typed_is_checked_and_handed_in() -> None:
    host = Host()
    async with opened(editor(host), host) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        while "checks pass" not in shown(host):
            await pilot.pause(0.01)
        assert "risk low, as before" in shown(host)
        await press(pilot, "ctrl+end", *typed("import socket("))
        while "line 10: no Python" not in shown(host):
            await pilot.pause(0.01)
        assert "risk high: was low" in shown(host)
        await press(pilot, "backspace")
        while "it reaches the network (line 10)" not in shown(host):
            await pilot.pause(0.01)
        await press(pilot, "ctrl+s")
        while host.result is NOTHING_YET:
            await pilot.pause(0.01)
        assert host.result == CODE + "import socket"
        assert not any(name.startswith("tree_sitter") for name in sys.modules)


async def test_the_latest_text_alone_is_reported_on() -> None:
    host = Host()
    asked: list[str] = []

    async def note(code: str) -> EditVerdict:
        asked.append(code)
        return await check(code)

    modal = EditModal("main", CODE, check=note, copy=copy, now=host.clock)
    async with opened(modal, host) as pilot:
        while asked != [CODE] or "checks pass" not in shown(host):
            await pilot.pause(0.01)
        await press(pilot, *typed("ab"))
        assert asked == [CODE], "not with every key"
        assert ". checks pass" in shown(host).replace("·", "."), "which is what they said before"
        while len(asked) < 2:
            await pilot.pause(0.01)
        assert asked[-1] == "ab" + CODE


async def test_enter_tab_and_undo_do_what_an_engineer_expects() -> None:
    host = Host()
    async with opened(editor(host, "x = 1\n"), host) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        await press(pilot, "ctrl+end", *typed("if x:\ny = 2\n"))
        assert modal.code == "x = 1\nif x:\n    y = 2\n    "
        await press(pilot, "shift+tab", *typed("z"), "tab")
        assert modal.code == "x = 1\nif x:\n    y = 2\nz   "
        await press(pilot, "ctrl+home", "shift+down", "shift+down", "tab")
        assert modal.code == "    x = 1\n    if x:\n    y = 2\nz   "
        await press(pilot, "shift+tab")
        assert modal.code == "x = 1\nif x:\n    y = 2\nz   "
        for _ in range(30):
            await press(pilot, "ctrl+underscore")
        assert modal.code == "x = 1\n"
        await press(pilot, "ctrl+y")
        assert modal.code != "x = 1\n"


@pytest.mark.parametrize(("code", "pasted"), [("x\r\n", "a\r\nb\r\nx\r\n"), ("x\n", "a\nb\nx\n")])
async def test_what_is_pasted_has_the_line_ends_of_the_program(code: str, pasted: str) -> None:
    host = Host()
    async with opened(editor(host, code), host) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        host.post_message(Paste("a\rb\r\n"))
        await pilot.pause()
        assert modal.code == pasted
        await press(pilot, "ctrl+underscore")
        assert modal.code == code


async def test_a_line_that_is_too_long_is_not_pasted() -> None:
    host = Host()
    async with opened(editor(host), host) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        host.post_message(Paste("x" * 20_000))
        await pilot.pause()
        assert modal.code == CODE
        while "Nothing was pasted." not in shown(host):
            await pilot.pause(0.01)


async def test_hostile_text_is_drawn_safely_and_stays_as_it_is() -> None:
    host = Host()
    async with opened(editor(host, HOSTILE), host, SMALL) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        while "hides text from its reader" not in shown(host) and "no Python" not in shown(host):
            await pilot.pause(0.01)
        text = shown(host)
        assert "␛]52;c;cm0gLXJm␇" in text
        assert "b = 1␍c = 2" in text
        assert not {"\x1b", "\u202e", "\u200b", "\x9b", "\r"} & {*text}
        await press(pilot, "ctrl+home", *typed("q"), "ctrl+s")
        while host.result is NOTHING_YET:
            await pilot.pause(0.01)
        assert host.result == f"q{HOSTILE}"


async def test_half_a_character_is_not_handed_in() -> None:
    host = Host()
    async with opened(editor(host, "x = '\ud800'\n"), host) as pilot:
        await press(pilot, *typed("q"), "ctrl+s")
        while "Line 1 holds half a character" not in shown(host):
            await pilot.pause(0.01)
        assert host.result is NOTHING_YET


async def test_a_megabyte_stays_usable() -> None:
    line = "    value = json.loads(content)  # a line\n"
    code, host = line * (900_000 // len(line)), Host()
    async with opened(editor(host, code, line=9_000), host) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        assert " 9000 " in shown(host)
        while "a node has at most 200,000" not in shown(host):
            await pilot.pause(0.01)
        await press(pilot, *typed("x = 1\n"))
        assert modal.code == code[: 8_999 * len(line)] + "x = 1\n" + code[8_999 * len(line) :]


# --- leaving


async def test_escape_leaves_at_once_what_was_not_changed() -> None:
    host = Host()
    async with opened(editor(host), host) as pilot:
        await press(pilot, *typed("a"), "backspace", "escape")
        assert host.result is None


@pytest.mark.parametrize(("keys", "kept"), [(("l",), f"ab{CODE}"), (("d",), ""), (("right", "enter"), f"ab{CODE}")])
async def test_escape_asks_what_becomes_of_changes(keys: tuple[str, ...], kept: str) -> None:
    host = Host()
    modal = editor(host)
    async with opened(modal, host) as pilot:
        await press(pilot, *typed("ab"), "escape")
        assert isinstance(host.screen, LeaveModal)
        host.clock.seconds += 1
        await press(pilot, "escape")
        assert "Leave the editor" not in shown(host)
        await press(pilot, "escape")
        host.clock.seconds += 2
        await press(pilot, *keys)
        assert host.result is None
        assert modal.kept == kept


async def test_who_was_overtaken_keeps_what_was_written_and_can_copy_it() -> None:
    copied.clear()
    host = Host()
    modal = editor(host)
    async with opened(modal, host) as pilot:
        await press(pilot, *typed("mine"))
        modal.withdraw()
        host.clock.seconds += 2
        await press(pilot, "ctrl+s")
        assert host.screen is modal
        while "this cannot be handed in any more" not in shown(host):
            await pilot.pause(0.01)
        await press(pilot, "ctrl+o")
        assert copied == [f"mine{CODE}"]
        host.clock.seconds += 2
        await press(pilot, "escape")
        assert "^o copies it" in shown(host)
        host.clock.seconds += 2
        await press(pilot, "d")
        assert host.result is None


async def test_a_key_goes_through_the_findings_and_where_one_forbids_is_marked() -> None:
    host = Host()
    code = f"{CODE}call_tool('nobody', 1)\nimport socket\n".replace(
        "import json", "from node_runtime import call_tool; import json"
    )
    async with opened(editor(host, code), host) as pilot:
        modal = host.screen
        assert isinstance(modal, EditModal)
        while "line 10: tool 'nobody' is not known" not in shown(host):
            await pilot.pause(0.01)
        for row in (9, 10, 0, 9):
            await press(pilot, "ctrl+g")
            assert modal._area.cursor_location[0] == row
        assert any("underline" in str(span.style) for span in modal._area.get_line(9).spans)
        assert not any("underline" in str(span.style) for span in modal._area.get_line(10).spans)
