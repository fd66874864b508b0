"""The text of an answer is put together in order, however its pieces come, and never grows without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.workflow.answer_text import GAP, MOST_HELD, AnswerText

PIECES = st.lists(st.text(max_size=5), min_size=1, max_size=30)


@given(PIECES, st.data())
def test_pieces_in_any_order_and_twice_become_the_text(pieces: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(pieces))))
    text = AnswerText(10_000)
    for number in order:
        assert text.add(number, pieces[number])
        assert not text.add(number, "another one's")
    assert text.read() == "".join(pieces)
    assert text.length == len("".join(pieces))
    assert not any(text.add(number, "late") for number in range(len(pieces)))


@given(st.lists(st.tuples(st.integers(0, 40), st.text(max_size=30)), max_size=200))
def test_it_keeps_no_more_than_it_may(pieces: list[tuple[int, str]]) -> None:
    text = AnswerText(100)
    for number, piece in pieces:
        text.add(number, piece)
        text.read()
    assert text.kept <= 2 * (100 + 100 // 8) + 30 + len(GAP) * 40


def test_the_end_is_kept_and_it_is_known_how_much_came_before() -> None:
    text = AnswerText(100)
    for number in range(1_000):
        text.add(number, f"{number:03} ")
    assert text.read().endswith("998 999 ")
    assert text.cut + len(text.read()) == text.length == 4_000
    assert len(text.read()) <= 113


def test_whoever_begins_to_listen_later_sees_that_the_beginning_is_missing() -> None:
    text = AnswerText(100)
    text.add(7, "there ")
    text.add(8, "was")
    assert text.read() == f"{GAP}there was"
    text.add(6, "what ")
    assert text.read() == f"{GAP}what there was"


def test_what_is_missing_is_marked_and_given_up_after_a_while() -> None:
    text = AnswerText(1_000_000)
    text.add(0, "a")
    text.add(2, "c")
    assert text.read() == f"a{GAP}c"
    for number in range(3, MOST_HELD + 3):
        text.add(number, ".")
    assert text.read() == f"a{GAP}c{'.' * MOST_HELD}"
    assert not text.add(1, "b")


def test_a_place_in_the_text_is_found_again_behind_what_stands_in_front() -> None:
    text = AnswerText(100)
    text.add(5, "five ")
    place = text.length
    text.add(6, "six")
    assert text.read()[place - text.cut + text.marks_front :] == "six"
