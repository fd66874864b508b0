"""Nothing that passes the gate can steer a terminal, and nothing disappears without a trace."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.safe_text import safe_block, safe_text, without_hidden


@given(st.text(st.characters(exclude_categories=())))
def test_no_control_format_or_private_character_passes(text: str) -> None:
    for gate, allowed in ((safe_text, ""), (safe_block, "\n")):
        for character in gate(text):
            category = unicodedata.category(character)
            assert category not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or character in allowed


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


def test_a_model_reads_nothing_that_a_person_cannot_see() -> None:
    assert without_hidden("do\u200b this\u202e now\x1b[8m\U000e0041\nline") == "do this now[8m\nline"
