"""What lies on the answer's page: a message with its answer as it streams, or all messages of a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.workflow.chunk import CANCELLED
from evolver_tui.core.workflow.standing import QUESTION
from evolver_tui.tui.drawing.formatting import clock_time, count, rate
from evolver_tui.tui.drawing.text_page import Entry, TextPage
from evolver_tui.tui.screens.workflows.standing_words import latency, standing_sign, standing_words

if TYPE_CHECKING:
    from evolver_tui.core.workflow.standing import ChatMessage
    from evolver_tui.tui.drawing.symbols import Symbols

MOST_OF_CONVERSATION: Final = 100_000
"""Characters of a session that are shown, of its end."""

Paragraph = tuple[str, str] | Entry
_NOTHING: Paragraph = ("", "text")


def message_page(message: ChatMessage, now: float, symbols: Symbols, *, has_facts: bool) -> TextPage:
    """One message.

    Args:
        has_facts: whether its ids and figures stand here as well.
    """
    return TextPage(tuple(_message(message, now, symbols, has_facts=has_facts)))


def conversation_page(messages: Sequence[ChatMessage], now: float, symbols: Symbols) -> TextPage:
    """All messages of a session, the oldest first, as far as they were heard here."""
    shown: list[ChatMessage] = []
    room = MOST_OF_CONVERSATION
    for message in reversed(messages):
        room -= message.text.kept + len(message.question)
        if room < 0 and shown:
            break
        shown.insert(0, message)
    paragraphs: list[Paragraph] = []
    if left := len(messages) - len(shown):
        paragraphs += [(f"{count(left, 'earlier message')} left out.", "dim"), _NOTHING]
    for message in shown:
        sign, style = standing_sign(message, now, symbols)
        moment, name = clock_time(message.heard_at)[:8], safe_text(message.message_id, 60)
        words = f"{moment}  {name}  {standing_words(message, now)}"
        paragraphs += [Entry(((f"{sign} ", style),), words, "dim"), *_message(message, now, symbols), _NOTHING]
    return TextPage(tuple(paragraphs))


def _message(message: ChatMessage, now: float, symbols: Symbols, *, has_facts: bool = False) -> Iterator[Paragraph]:
    if has_facts:
        yield from ((words, "dim") for words in _facts_in_brief(message, now))
        yield _NOTHING
    if message.asked_at is not None:
        speaker = f"{safe_text(message.user_id, 60) or '-'}  "
        yield from _said(speaker, "name", message.question, "strong")
    else:
        yield "It was asked before this was opened: its words are not known here.", "dim"
    yield _NOTHING
    yield from _answer(message, symbols)
    if not message.chunks and not message.is_over:
        yield "Nothing has come so far.", "dim"


def _answer(message: ChatMessage, symbols: Symbols) -> Iterator[Paragraph]:
    """Text and notes in the order in which they came, and the end."""
    text, cut, ahead = message.text.read(), message.text.cut, message.text.marks_front
    if cut:
        yield f"{cut:,} characters before this are not kept.", "dim"
    at = 0
    for note in message.notes:
        place = max(at, min(note.offset - cut + ahead, len(text)))
        yield from _lines(text[at:place])
        sign, style = (symbols.asks, "needs") if note.event == QUESTION else (symbols.dot, "dim")
        yield Entry(((f"{sign} ", style),), safe_text(note.text, 2_000), style)
        at = place
    yield from _lines(text[at:])
    if message.error is not None:
        words = f"{safe_text(message.error.code, 100)}: {safe_text(message.error.message, 2_000)}"
        is_cancelled = message.error.code == CANCELLED
        yield Entry(((f"{symbols.cancelled if is_cancelled else symbols.rejected} ", "error"),), words, "error")
    elif message.is_over and message.is_offline:
        yield "No model wrote this: it is the offline answer.", "dim"
    elif message.is_over and message.finish == "length":
        yield "It ends here since it became too long.", "warn"


def _said(speaker: str, style: str, text: str, text_style: str) -> Iterator[Paragraph]:
    first, *more = safe_block(text, len(text)).split("\n")
    yield Entry(((speaker, style),), first, text_style)
    yield from ((line, text_style) for line in more)


def _lines(text: str) -> Iterator[Paragraph]:
    if text:
        yield from ((line, "text") for line in safe_block(text, len(text)).split("\n"))


def _facts_in_brief(message: ChatMessage, now: float) -> Iterator[str]:
    """Ids and figures in a few rows, where there is no room beside the answer."""
    ids = map(safe_text, (message.session_id, message.message_id, message.correlation_id))
    yield " · ".join(filter(None, ids))
    first, pace = message.first_seconds, message.chunks_per_second(now)
    figures = [count(message.chunks, "chunk")]
    if pace is not None:
        figures.append(rate(pace))
    if first is not None:
        figures.append(f"first after {latency(first)}")
    if message.tokens is not None:
        figures.append(count(message.tokens, "token"))
    figures += [safe_text(each, 60) for each in (message.model or message.asked_of, message.finish) if each]
    pods = ", ".join(safe_text(pod, 40) for pod in list(message.pods)[:3])
    figures.append(pods or ("no pod" if message.is_broadcast else ""))
    yield " · ".join(filter(None, figures))
