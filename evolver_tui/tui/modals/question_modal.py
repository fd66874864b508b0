"""The question modal: what an agent's routine asks, as a form to be filled in by keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form import FormField, check_form
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.modals.confirm_modal import ConfirmModal
from evolver_tui.tui.modals.form import QuestionForm, State, states_of
from evolver_tui.tui.modals.inputs import PLAIN_SIGNS, SIGNS
from evolver_tui.tui.modals.modal import SECONDS_UNTIL_ARMED, Clock, Modal
from evolver_tui.tui.modals.text_block import TextBlock

FIELD_LIMIT = 100
"""Fields of a form that is shown; each is a handful of widgets."""

SEND_KEY = "ctrl+s"
"""Answers where enter begins another line."""

_JUST_OPENED = "This is the next question, which has only just opened: look at it, then answer."
_MESSAGE_WIDTH = 66
_SHORT_MESSAGE = 5
"""Lines of a message that is shown whole beside any form."""


class QuestionModal(Modal[Answer | None]):
    """Shows one open question; ends with an accepted or declined answer, or None for later."""

    DEFAULT_CSS = """
    QuestionModal > #window {
        padding: 1 2 1 1;
    }
    QuestionModal #message {
        max-height: 8;
        padding: 0 0 0 2;
    }
    QuestionModal #form {
        max-height: 60vh;
    }
    QuestionModal #alike {
        margin: 1 0 0 2;
    }
    QuestionModal #proposed {
        margin: 1 0 0 2;
        color: $queue-needs;
        &.-below {
            margin: 0 0 0 2;
        }
    }
    QuestionModal #refusal {
        margin: 1 0 0 2;
    }
    QuestionModal.-long #message {
        max-height: 28vh;
    }
    QuestionModal.-long #form {
        max-height: 45vh;
    }
    QuestionModal.-alone #message {
        max-height: 70vh;
    }
    QuestionModal #unsaved {
        margin: 1 0 0 2;
    }
    QuestionModal.-unsaved #message {
        max-height: 20vh;
    }
    QuestionModal.-unsaved #form {
        max-height: 40vh;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding(SEND_KEY, "send", show=False),
    ]

    def __init__(
        self,
        question: OpenQuestion,
        position: int,
        total: int,
        *,
        decline: AnyAction,
        if_declined: str = "",
        typed: Mapping[str, State] | None = None,
        proposed: Mapping[str, Any] | None = None,
        alike: int = 0,
        answer_alike: AnyAction | None = None,
        answers_alike: bool = False,
        now: Clock = time.monotonic,
        wall_now: Callable[[], float] | None = None,
        armed_after: float = SECONDS_UNTIL_ARMED,
    ) -> None:
        """Args:
        question: what is asked, of kind QUESTION.
        position, total: which of the open questions it is, from 1.
        decline: the action whose keys decline to answer.
        if_declined: what becomes of the job then.
        typed: what was put in before it was left for later.
        proposed: the content of the latest answer to the same form, filled in where nothing was typed.
        alike: how many other open questions ask the same.
        answer_alike: the action whose keys give them this answer as well, or not.
        answers_alike: whether they get it at first.
        now: counts the time until keys are taken.
        wall_now: seconds since 1970, to say how long ago it was asked; None does not say it.
        armed_after: how many seconds it is on the screen before its keys count.
        """
        title = f"{safe_text(question.task_id, 60)} asks · {position} of {total}"
        super().__init__(title, now=now, armed_after=armed_after)
        self.add_class("-asks")
        self.question = question
        self._opens_by_itself = armed_after > SECONDS_UNTIL_ARMED
        self._decline, self._if_declined = decline, if_declined
        self._wall_now = wall_now
        self._fields, self._refusal = _read(question)
        self._proposed = {} if typed or self._refusal else states_of(self._fields, proposed or {})
        self.typed = dict(typed or self._proposed)
        """What was put in when it was left for later."""
        self._alike = alike if answer_alike is not None and not self._refusal else 0
        self._answer_alike = answer_alike
        self.answers_alike = answers_alike and self._alike > 0
        """Whether all that ask the same get the answer."""
        self._message = safe_block(question.question.message).strip("\n") or "It asks without a word."
        lines = sum(1 + len(line) // _MESSAGE_WIDTH for line in self._message.split("\n"))
        self.set_class(lines > _SHORT_MESSAGE, "-long")
        self.set_class(not self._fields, "-alone")

    def compose_body(self) -> ComposeResult:
        """The message, then the form or why there is none."""
        with VerticalScroll(id="message", can_focus=False):
            first, _, rest = self._message.partition("\n")
            yield Static(Content.styled(first, "bold"))
            if rest.strip():
                yield Static(Content(rest.strip("\n")), classes="dim")
            yield Static(Content(self._about()), id="about", classes="dim")
        if self._alike:
            yield Static(Content.assemble(*self._alike_words()), id="alike")
        if self._proposed:
            words = "Filled in as the same was answered last: send it, or change it."
            yield Static(Content(words), id="proposed", classes="-below" if self._alike else "")
        if self._refusal:
            yield Static(Content(f"! {self._refusal}"), id="refusal", classes="problem -shown")
        elif self._fields:
            yield QuestionForm(self._fields, self.typed, id="form")

    def on_mount(self) -> None:
        """Let the age move as it does on the card."""
        super().on_mount()
        if self._fields:
            self.query_one(QuestionForm).focus_first()
        if self._wall_now is not None:
            about = self.query_one("#about", Static)
            self.set_interval(1.0, lambda: about.update(Content(self._about())))

    def _alike_words(self) -> tuple[tuple[str, str], ...]:
        """A box to tick, its key and what it means."""
        signs = PLAIN_SIGNS if self.is_plain else SIGNS
        box, style = (signs.ticked, "$mark-ok") if self.answers_alike else (signs.unticked, "$dim")
        others = "1 other question asks" if self._alike == 1 else f"{self._alike:,} other questions ask"
        means = " and gets this answer too." if self._alike == 1 else " and get this answer too."
        key = self._answer_alike.shown_key if self._answer_alike is not None else ""
        words = f"{others} the same{means if self.answers_alike else '.'}"
        return (key, "$key"), (f" {box} ", style), (words, "")

    def _about(self) -> str:
        about = [safe_text(self.question.task_name, 200), safe_text(self.question.task_type, 60)]
        if self.question.reason != kind_of(self.question.question.kind).reason:
            about.append(safe_text(self.question.reason, 100))
        if self._wall_now is not None:
            about.append(f"asked {age(self._wall_now() - self.question.asked_at)} ago")
        return (" - " if self.is_plain else " · ").join(filter(None, about))

    def key_line(self) -> str:
        """Answer, decline, later."""
        read_on = "pgdn read on · " if self.has_class("-long") else ""
        all_of_them = f" all {1 + self._alike:,}" if self.answers_alike else ""
        answer = "" if self._refusal else f"enter answer{all_of_them} · "
        if isinstance(self.focused, TextBlock):
            answer = f"enter new line · ^s answer{all_of_them} · "
        return f"{read_on}{answer}{self._decline.shown_key} decline · esc later"

    def role_of(self, event: Key) -> Role:
        """In a text of several lines enter is typed, and another key answers."""
        if event.key == SEND_KEY:
            return Role.ANSWERS
        if event.key == "enter" and isinstance(self.focused, TextBlock):
            return Role.TYPES
        return super().role_of(event)

    def on_descendant_focus(self) -> None:
        """Keys mean something else in a text of several lines."""
        self.show_keys(self.key_line())

    def action_submit(self) -> None:
        """Accept with what the form holds, if it fits."""
        self._answer("enter")

    def action_send(self) -> None:
        """The same, from a text of several lines as well."""
        self._answer(SEND_KEY)

    def action_cancel(self) -> None:
        """Leave it for later, with what was put in."""
        if self._fields:
            typed = self.query_one(QuestionForm).typed
            self.typed = typed if typed != self._proposed else {}
        super().action_cancel()

    def _answer(self, key: str) -> None:
        if self._refusal:
            return
        if not self.is_armed:
            if self._opens_by_itself:
                self.tell(_JUST_OPENED)
            return
        try:
            content = self.query_one(QuestionForm).read() if self._fields else {}
        except QuestionError as error:
            self.tell(safe_text(error, 300))
            return
        if content is not None:
            self.finish(Answer(AnswerAction.ACCEPT, content), key)

    def on_key(self, event: Key) -> None:
        """Decline, or answer those that ask the same as well, where no line of text takes the key."""
        if self._alike and self._answer_alike is not None and event.key in self._answer_alike.keys:
            event.stop()
            self.answers_alike = not self.answers_alike
            self.query_one("#alike", Static).update(Content.assemble(*self._alike_words()))
            self.show_keys(self.key_line())
        if event.key in self._decline.keys and self.is_armed:
            event.stop()
            modal = decline_modal(self.question, self._if_declined, self._now)
            self.app.push_screen(modal, self._declined)

    def _declined(self, is_sure: bool | None) -> None:
        if is_sure:
            self.finish_now(Answer(AnswerAction.DECLINE))

    def action_page(self, direction: int) -> None:
        """Scroll the message where it is long, else the form."""
        message = self.query_one("#message", VerticalScroll)
        scroll = message if message.max_scroll_y or not self._fields else self.query_one(QuestionForm)
        scroll.scroll_relative(y=direction * max(1, scroll.size.height - 1), animate=False, immediate=True)


def decline_modal(question: OpenQuestion, if_declined: str, now: Clock) -> ConfirmModal:
    """What is asked before a question is declined.

    Args:
        if_declined: what becomes of the job.
    """
    body = f"{safe_text(question.task_name, 200)}\n\n{if_declined}"
    return ConfirmModal("decline", f"the question of {safe_text(question.task_id, 60)}", body, now=now)


def _read(question: OpenQuestion) -> tuple[tuple[FormField, ...], str]:
    """The form's fields, or why it cannot be shown."""
    way_out = "Decline it, or leave it for later."
    try:
        fields = check_form(question.question.requested_schema)
    except QuestionError as error:
        return (), f"{safe_text(error, 300)} {way_out}"
    if len(fields) > FIELD_LIMIT:
        return (), f"This form has {len(fields)} fields; at most {FIELD_LIMIT} can be shown. {way_out}"
    return fields, ""
