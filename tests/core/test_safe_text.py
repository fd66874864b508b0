"""Nothing that passes the gate can steer a terminal, and nothing disappears without a trace."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.safe_text import safe_block, safe_json, safe_text, stand_ins, without_hidden


@given(st.text(st.characters(exclude_categories=())))
def test_no_control_format_or_private_character_passes(text: str) -> None:
    for gate, allowed in ((safe_text, ""), (safe_block, "\n")):
        for character in gate(text):
            category = unicodedata.category(character)
            assert category not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or character in allowed


@given(st.text(st.characters(exclude_categories=(), exclude_characters="\n")))
def test_stand_ins_keep_every_place_of_a_line(line: str) -> None:
    shown = stand_ins(line)
    assert len(shown) == len(line)
    assert safe_block(shown) == shown.replace("\t", "    ")
    assert all(shown[at] == sign for at, sign in enumerate(line) if " " <= sign <= "~")


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
        ("\x9b31m", "\ufffd31m"),
        ("admin\u202etxt.exe", "admin\ufffdtxt.exe"),
        ("a\u200bb", "a\ufffdb"),
        ("one\ntwo\r\nthree", "one␤two␤three"),
        ("back\rover", "back␍over"),
        ("tab\tbed", "tab    bed"),
        ("fine ✔\ufe0f 日本 é", "fine ✔ 日本 é"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
    ],
)
def test_a_reader_sees_that_something_was_there(hostile: str, shown: str) -> None:
    assert safe_text(hostile) == shown


def test_an_endless_line_is_cut_and_the_cut_is_shown() -> None:
    shown = safe_text("x" * 1_000_000)
    assert len(shown) == 20_001
    assert shown.endswith("…")


def test_piled_up_marks_are_limited() -> None:
    assert len(safe_text("z" + "\u0301" * 500)) == 3


@given(st.recursive(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), st.lists, max_leaves=4))
@settings(derandomize=True, max_examples=200)
def test_json_that_passes_says_the_same(value: object) -> None:
    for written in (json.dumps(value, ensure_ascii=False), json.dumps(value, indent=1).replace("\n", "\r\n")):
        shown = safe_json(written)
        assert json.loads(shown) == value
        assert safe_block(shown) == shown


@pytest.mark.parametrize(
    "text", ["\x7f\x9b31m", "\u202ea\u2028", "z" + "\u0301" * 50, "\U000e0041", "\u0e49" * 9, "\ufeff"]
)
def test_json_that_steers_stands_as_escapes(text: str) -> None:
    shown = safe_json(json.dumps({text: text}, ensure_ascii=False))
    assert json.loads(shown) == {text: text}
    assert safe_block(shown) == shown


def test_a_model_reads_nothing_that_a_person_cannot_see() -> None:
    assert without_hidden("do\u200b this\u202e now\x1b[8m\U000e0041\nline") == "do this now[8m\nline"
