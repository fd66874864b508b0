"""How a kind of question reads on the command line."""

from __future__ import annotations

from collections.abc import Iterator

from evolver_tui.cli.jobs.form_lines import form_lines
from evolver_tui.cli.output import short
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.form import read_form
from evolver_tui.core.question import OpenQuestion, Unreadable
from evolver_tui.core.safe_text import safe_text

COMMAND = "evolver-tui jobs"


class KindText:
    """A kind that is answered by filling in its form."""

    waits = "asks a question and waits for no review."
    """What is said of its job to who gives an answer of another kind."""
    way_out = f"Use `{COMMAND} answer {{job}}`."

    def lines(self, asked: OpenQuestion, now: float) -> Iterator[str]:
        """What is shown below its message: what it is about, and how it is answered; `now` is in seconds since 1970."""
        try:
            fields = read_form(asked.question.requested_schema)
        except EvolverError as error:
            yield f"Its form cannot be shown: {safe_text(error, 500)}"
            return
        yield from form_lines(fields)
        needed = " ".join(f"{field.name}=..." for field in fields if field.required and not field.has_default)
        yield f"Answer with: {COMMAND} answer {asked.job} {safe_text(needed, 500)}".rstrip()

    def sha256(self, asked: OpenQuestion) -> str | None:
        """The digest of the bytes that an answer binds, where it binds any."""
        return None


class UnknownText(KindText):
    """A kind that this program does not know."""

    waits = "asks what this program does not know."
    way_out = f"Answer it with a version that does, or use `{COMMAND} cancel {{job}}`."

    def lines(self, asked: OpenQuestion, now: float) -> Iterator[str]:
        """What it is about, as it came, and why it cannot be answered."""
        yield from unread_lines(asked)


def unread_lines(asked: OpenQuestion) -> Iterator[str]:
    """A subject that could not be read, as it came, and why."""
    yield f"subject: {short(asked.question.subject)}"
    if isinstance(asked.subject, Unreadable):
        yield safe_text(asked.subject.problem, 500)
