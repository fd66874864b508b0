"""Windows over the desk: questions, confirmations, words, reasons, a hub, a place, a signal, code, notices, help."""

from evolver_tui.tui.modals.batch_modal import BatchModal
from evolver_tui.tui.modals.confirm_modal import ConfirmModal
from evolver_tui.tui.modals.connect_modal import ConnectChoice, ConnectModal
from evolver_tui.tui.modals.edit_modal import EditModal
from evolver_tui.tui.modals.help_modal import HelpModal
from evolver_tui.tui.modals.inbox_modal import InboxModal
from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.leave_modal import LeaveModal
from evolver_tui.tui.modals.list_modal import ListModal
from evolver_tui.tui.modals.modal import Modal
from evolver_tui.tui.modals.name_modal import NameModal
from evolver_tui.tui.modals.notices_modal import NoticesModal
from evolver_tui.tui.modals.place_modal import PlaceModal
from evolver_tui.tui.modals.question_modal import QuestionModal
from evolver_tui.tui.modals.reason_modal import ReasonModal
from evolver_tui.tui.modals.remember_modal import RememberModal
from evolver_tui.tui.modals.remembered_modal import RememberedModal
from evolver_tui.tui.modals.signal_modal import SignalModal
from evolver_tui.tui.modals.try_modal import TryChoice, TryModal
from evolver_tui.tui.modals.word_modal import WordModal

__all__ = [
    "BatchModal",
    "ConfirmModal",
    "ConnectChoice",
    "ConnectModal",
    "EditModal",
    "HelpModal",
    "InboxModal",
    "LeaveModal",
    "ListModal",
    "Modal",
    "NameModal",
    "NoticesModal",
    "PlaceModal",
    "QuestionModal",
    "ReasonModal",
    "RememberModal",
    "RememberedModal",
    "SignalModal",
    "TextInput",
    "TryChoice",
    "TryModal",
    "WordModal",
]
