"""What a person does, as the session is asked for it: each deed ends in a change on the desk or in a notice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import StoreError
from evolver_tui.core.job import JobState
from evolver_tui.core.node import Risk
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.session import Session
from evolver_tui.tui.drawing.review import Review
from evolver_tui.tui.editor import edit_text
from evolver_tui.tui.question_kinds import view_of
from evolver_tui.tui.screens.desk.hub_deeds import HubDeeds
from evolver_tui.tui.screens.desk.waiting import WaitingDeeds, next_needing, not_kept

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.tui.modals import Modal
    from evolver_tui.tui.screens.desk.screen import Desk

Deed = Callable[[], Awaitable[None]]


class Deeds:
    """The desk's actions that need the session. Every one may raise EvolverError, which becomes a notice."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._now = desk.settings.monotonic
        self.waiting = WaitingDeeds(desk, session)
        self._unkept_edits: dict[int, str] = {}
        """Question to the code that a person wrote and that could not be written yet."""
        self.hub = HubDeeds(desk, session)

    def by_action(self) -> Mapping[str, Deed]:
        """Action id to deed."""
        return {
            **self.waiting.by_action(),
            **self.hub.by_action(),
            "review.approve": self.approve,
            "review.reject": self.reject,
            "review.reject_plain": self.reject_plain,
            "review.edit": self.edit,
            "review.respond": self.respond,
            "job.retry": self.retry,
            "job.cancel": self.cancel,
            "job.restore": self.restore,
            "intake.pause": self.pause_intake,
            "session.export": self.export,
            "signal.open": self.open_signal,
        }

    # --- reviews

    async def approve(self) -> None:
        """Approve the very bytes that are on the card; at high risk only after a second look."""
        review = self._review()
        if review is None:
            return
        if review.reason_against_approval:
            self._desk.say(review.reason_against_approval, "warning")
            return
        if review.report.risk is Risk.HIGH and not await self._confirmed_high_risk(review):
            return
        approve = Decision(DecisionKind.APPROVE, sha256=review.draft.sha256, replaces=review.subject.replaced_sha256)
        await self._decide(review, approve, "approved, saving")

    async def reject(self) -> None:
        """Send the draft back with a reason."""
        from evolver_tui.tui.modals import ReasonModal
        from evolver_tui.tui.modals.reason_modal import END, SEND_BACK

        review = self._review()
        if review is None:
            return
        is_last = review.subject.rejects_left == 0
        title = f"Why is {review.draft.node_id} {'rejected' if is_last else 'sent back'}?"
        modal = ReasonModal(title, END if is_last else SEND_BACK, now=self._now)
        words = "rejected, ending" if is_last else "sent back, writing again"
        await self._decide_by(review, modal, lambda reason: Decision(DecisionKind.REJECT, reason=reason), words)

    async def respond(self) -> None:
        """Send the author words that do not count as a reject."""
        from evolver_tui.tui.modals import ReasonModal
        from evolver_tui.tui.modals.reason_modal import RESPOND

        review = self._review()
        if review is None:
            return
        modal = ReasonModal(f"What do you tell the author of {review.draft.node_id}?", RESPOND, now=self._now)
        told = "told, writing again"
        await self._decide_by(review, modal, lambda words: Decision(DecisionKind.RESPOND, reason=words), told)

    async def reject_plain(self) -> None:
        """Reject for good, after a confirmation."""
        from evolver_tui.tui.modals import ConfirmModal

        review = self._review()
        if review is None:
            return
        back = self._desk.action("review.reject").shown_key
        body = (
            f"The draft is not saved and the task ends. With {back} it goes back to the author with a reason instead."
            f"\n\n{self._desk.receipts.way_back}"
        )
        modal = ConfirmModal(f"Reject {review.draft.node_id}?", body, "reject", now=self._now)
        if await self.waiting.show_about(review.question, modal):
            await self._decide(review, Decision(DecisionKind.REJECT), "rejected, ending")

    async def edit(self) -> None:
        """Open the draft in the editor; what comes back is checked and reviewed again."""
        review = self._review()
        if review is None:
            return
        if self._desk.settings.editor is None:
            self._desk.say("There is no editor here.", "warning")
            return
        code, command = review.draft.code, self._desk.settings.editor()
        begun = self._unkept_edits.get(review.question_id, code)
        edited = await edit_text(self._desk.app, command, begun, f"{review.draft.node_id}.py")
        if edited.rstrip("\n") == code.rstrip("\n"):
            self._desk.say("Nothing was changed, so the draft waits as it is.")
            return
        self._unkept_edits[review.question_id] = edited
        again = "What you wrote is in the editor when you open it again."
        edit = Decision(DecisionKind.EDIT, code=edited)
        await self._decide(review, edit, "edited, checking", way_out=again, stays=True)
        del self._unkept_edits[review.question_id]

    def _review(self) -> Review | None:
        """The draft that was really read; otherwise a notice says what is in the way."""
        review, reason = self._desk.review_to_decide()
        if review is not None and self.waiting.is_settled(review.question_id):
            return None
        if review is None:
            self._desk.say(reason, "warning")
        return review

    async def _confirmed_high_risk(self, review: Review) -> bool:
        from evolver_tui.tui.modals import ConfirmModal

        reach = ", ".join(review.report.capabilities) or "nothing that the reading found"
        body = f"The checks call its risk high. It can reach: {reach}."
        confirm = ConfirmModal(f"Approve {review.draft.node_id}?", body, "approve", now=self._now)
        return await self.waiting.show_about(review.question, confirm) is True

    async def _decide(
        self, review: Review, decision: Decision, words: str, *, way_out: str = "Decide again.", stays: bool = False
    ) -> None:
        """Send a decision once, then go on to what needs a person next; an edit stays with its job.

        Raises:
            StoreError: it could not be written, which is said together with `way_out`.
        """
        row = self._desk.queue.selected
        try:
            await self._send(review, decision, words)
        except StoreError as error:
            raise not_kept(error, way_out) from None
        if not stays:
            await self._go_on(row)

    async def _decide_by(
        self, review: Review, modal: Modal[str | None], decision: Callable[[str], Decision], words: str
    ) -> None:
        """Decide with what is typed into a dialog, which closes only once that is written."""
        row = self._desk.queue.selected

        async def keep(typed: str) -> None:
            await self._send(review, decision(typed), words)

        if await self.waiting.show_about(review.question, modal, keep):
            await self._go_on(row)

    async def _send(self, review: Review, decision: Decision, words: str) -> None:
        """Send a decision; once it is on disk, `words` say so."""
        question = review.question
        try:
            with self.waiting.settling(question.id):
                await self._session.inbox.decide(question.id, decision)
            self._desk.acknowledge(question.job, question.task_id, words)
        finally:
            self._desk.queue.rows_changed()
            self._desk.reload_card()

    async def _go_on(self, row: QueueRow | None) -> None:
        following = await next_needing(self._session.store, row)
        if following is not None:
            self._desk.queue.select(following)

    async def retry(self) -> None:
        """Queue the selected failed job again."""
        row = self._desk.queue.selected
        if row is not None:
            await self._session.inbox.retry(row.job)
            self._desk.acknowledge(row.job, row.task_id, "queued again", is_final=True)
            self._desk.queue.rows_changed()

    async def restore(self) -> None:
        """Put the selected rejected or cancelled job back where it was."""
        row = self._desk.queue.selected
        if row is not None:
            await self._session.inbox.restore(row.job)
            self._desk.acknowledge(row.job, row.task_id, "restored", is_final=True)
            self._desk.queue.rows_changed()
            self._desk.reload_card()

    async def cancel(self) -> None:
        """End the selected job, after a confirmation that says what is lost."""
        from evolver_tui.tui.modals import ConfirmModal

        row = self._desk.queue.selected
        if row is None:
            return
        body = f"{row.task_name}\n\n{self._cancelled_words(row)} {self._desk.receipts.way_back}"
        modal = ConfirmModal(f"Cancel {row.task_id}?", body, "cancel it", keep_label="keep it", now=self._now)
        if not await self._desk.app.push_screen_wait(modal):
            return
        question = await self._session.store.open_question_of(row.job)
        with self.waiting.settling(question.id) if question is not None else contextlib.nullcontext():
            await self._session.inbox.cancel(row.job)
        self._desk.acknowledge(row.job, row.task_id, "cancelled")
        self._desk.queue.rows_changed()
        self._desk.reload_card()

    def _cancelled_words(self, row: QueueRow) -> str:
        """What is lost when this job is cancelled."""
        match row.state:
            case JobState.RUNNING:
                return "The task ends. What is being written for it at this moment is lost; finished steps are kept."
            case JobState.PAUSED:
                return f"The task ends. {view_of(row.asks).if_cancelled}"
        return "The task ends. Nothing is written for it."

    # --- the session

    async def pause_intake(self) -> None:
        """Hold the hub's tasks back, or take them again."""
        paused = not self._session.hub.is_paused
        self._session.hub.pause(paused)
        self._desk.say("Intake is paused: the hub holds its tasks back." if paused else "Tasks are taken again.")

    async def export(self) -> None:
        """Write this session's log."""
        folder, name = _folder_and_name(await self._session.export("jsonl"))
        words = f"This session was written to\n{safe_text(folder, 500)}\n{safe_text(name, 200)}"
        self._desk.notify(words, markup=False)  # on a line of its own, the name is not broken in two

    async def open_signal(self) -> None:
        """Show the lowest signal in sight in full."""
        from evolver_tui.tui.modals import SignalModal

        signal, feed = self._desk.feed.lowest, self._desk.feed
        if signal is None:
            self._desk.say("There is no signal yet.")
        else:
            self._desk.app.push_screen(SignalModal(self._desk.actions, signal, feed.beside, now=self._now))


def _folder_and_name(path: str | os.PathLike[str]) -> tuple[str, str]:
    """A file's folder, with a separator at its end and `~` for the home folder, and its name."""
    folder, name = os.path.split(path)
    home = os.path.expanduser("~")
    if home != "~" and folder.startswith(f"{home}{os.sep}"):
        folder = f"~{folder[len(home) :]}"
    return f"{folder}{os.sep}", name
