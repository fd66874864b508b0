"""The one exception tree: each leaf says what a caller can do about it.

Messages are whole sentences that can be shown to a person as they are; `way_out` is what that person can do.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

MODEL: Final = "model"
LIBRARY: Final = "node library"
"""What jobs of the built-in author share, as `shared` of an error names it."""
BUDGET: Final = "budget"
"""What the author may spend; used up, it is waited for like the rest."""
DATABASE: Final = "database"
"""What everything shares: any error about it names it."""


class EvolverError(Exception):
    """Anything that a user, a hub, a model or a machine can cause.

    Args:
        shared: what of that which jobs share does not work, e.g. `MODEL`: the job that met it waits until it does.
            Empty where it may be the job's own doing.
        brief: what went wrong in a few words, where there is one line for it.
        retry_after: seconds until another try makes sense, where somebody said so.
    """

    def __init__(
        self,
        message: str,
        way_out: str = "",
        *,
        shared: str = "",
        brief: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out
        self.shared = shared
        self.brief = brief or message.rstrip(".")
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.message} {self.way_out}".rstrip()


class UsageError(EvolverError):
    """Wrong arguments or a wrong config: exit code 2, nothing was done."""


class ConfigError(UsageError):
    """A config file, theme or keymap that cannot be used; names file, key and the nearest known key."""


class ConditionError(EvolverError):
    """It cannot be told of a signal whether it is what a rule looks for.

    Args:
        is_too_much: the signal is more than can be judged.
        is_final: the rule had better not look again: that takes too long.
    """

    def __init__(self, message: str, way_out: str = "", *, is_too_much: bool = False, is_final: bool = False) -> None:
        super().__init__(message, way_out)
        self.is_too_much = is_too_much or is_final
        self.is_final = is_final


class SignalNameError(UsageError, ValueError):
    """What is to be the name of a signal is none."""

    def __init__(self, name: object) -> None:
        super().__init__(
            f"{reprlib.repr(name)} is no name of a signal.",
            "Signals are named <domain>.<observation>, e.g. custom.ready_for_export.",
        )


class UnknownListener(UsageError):
    """No listener of the config that is here has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        from evolver_tui.core.suggest import did_you_mean

        super().__init__(
            f"There is no listener {reprlib.repr(name)}.",
            did_you_mean(name, known, "listeners")
            if known
            else "Listeners are tables [listeners.NAME] of the config; the demo has none.",
        )


class StoreError(EvolverError):
    """The database could not be read or written; nothing that was acknowledged is lost."""


class StoreBroken(StoreError):
    """The database is damaged, replaced, gone or closed to us: another try in this run would hear the same."""


class StoreBusy(StoreError):
    """Another program holds the database; nothing was written, and another try may be."""


class StaleLease(StoreError):
    """The job was taken over by another worker; this worker's write was refused."""


class AlreadyAnswered(StoreError):
    """Somebody answered first; `by` and `at` say who and when."""

    def __init__(self, by: str, at: str) -> None:
        super().__init__(f"Already answered by {by} at {at}.", "Nothing was changed.")
        self.by = by
        self.at = at


class NotWaiting(StoreError):
    """The job or question is not in a state in which this can be done."""


class NotAllWaiting(StoreError):
    """Of several that were to be decided together some cannot be; nothing was written for any of them.

    Args:
        refused: a question's number to why.
    """

    def __init__(self, refused: Mapping[int, EvolverError]) -> None:
        some = "One of them" if len(refused) == 1 else f"{len(refused):,} of them"
        reasons = " ".join(dict.fromkeys(error.message for error in refused.values()))
        super().__init__(f"{some} cannot be decided: {reasons}", "Nothing was changed.")
        self.refused = refused


class BundleError(EvolverError):
    """An exported job that cannot be read or imported; nothing was changed."""


class RoutineError(EvolverError):
    """A routine breaks the rules by which it can be taken up again; only its author can mend that."""


class StepTimeout(EvolverError):
    """A routine's step took longer than it was given."""


class BrokerError(EvolverError):
    """NATS could not be used as it was asked to: refused, misconfigured, or not there for too long."""


class RegistryError(EvolverError):
    """Redis could not be used as it was asked to."""


class GatewayFull(EvolverError):
    """The gateway takes no more connections or sessions for now."""


class BadChatRequest(EvolverError):
    """What came as a chat's request cannot be answered.

    Args:
        code: a word for programs, the `code` of an error chunk.
        session_id: of whoever waits for an answer, as far as it could be read; so are the next two.
    """

    def __init__(
        self, code: str, message: str, *, session_id: str = "", message_id: str = "", correlation_id: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.session_id = session_id
        self.message_id = message_id
        self.correlation_id = correlation_id


class BadTraining(EvolverError):
    """What came of a training session, or was asked of one, cannot be taken.

    Args:
        code: a word for programs.
        next_line: the number of the line that is expected, where lines are missing.
    """

    def __init__(self, code: str, message: str, *, next_line: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.next_line = next_line


class SharedFault(EvolverError):
    """Something that a routine's jobs share does not work: they wait until one of them gets through.

    Args:
        shared: what it is, as a person calls it, e.g. "mail server".
    """

    def __init__(
        self, message: str, way_out: str = "", *, shared: str, brief: str = "", retry_after: float | None = None
    ) -> None:
        wish = retry_after if isinstance(retry_after, int | float) and isfinite(retry_after) else None
        super().__init__(str(message), str(way_out), shared=str(shared), brief=str(brief), retry_after=wish)


class LinkError(EvolverError):
    """The hub cannot be reached or ended the connection; worth another attempt."""


class LinkEnded(LinkError):
    """The hub said no for good (401, 403, 404, TLS, not a hub, Close): another attempt would hear the same."""


class SampleTasks(LinkEnded):
    """The hub says that its tasks are made up, and nobody said that they are wanted."""


class BackendError(EvolverError):
    """A language model did not deliver. `retryable` says whether asking again can help.

    Args:
        is_shared: whether whatever is asked would hear the same, e.g. without a key.
    """

    def __init__(
        self,
        message: str,
        way_out: str = "",
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        is_shared: bool = False,
        brief: str = "",
    ) -> None:
        super().__init__(message, way_out, shared=MODEL if is_shared else "", brief=brief, retry_after=retry_after)
        self.retryable = retryable


class GenerationStopped(EvolverError):
    """A person stopped the model while it wrote."""

    def __init__(self, by: str) -> None:
        super().__init__(f"The model was stopped by {by}.", "Retry the task to ask it again.")


class AnswerUnusable(BackendError):
    """The model answered, but not with one JSON object that holds a node; asking it to repeat that can help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Retry, or choose another model.", retryable=True)


class QuestionError(EvolverError):
    """A question's form is not a flat JSON Schema, or an answer does not fit it."""


class NodeError(EvolverError):
    """A node cannot be saved, found or run."""


class NodeChanged(NodeError):
    """The bytes on disk are not the approved ones; a review has to come first."""


class NodeSetAside(NodeError):
    """A node that a rule or a person wants nobody to run for now."""

    def __init__(self, node_id: str, by: str) -> None:
        super().__init__(
            f"{node_id} was set aside by {by}, so that nobody runs it.",
            f"Look at it, then reinstate it: evolver-tui nodes reinstate {node_id}.",
        )


class NodeRetired(NodeError):
    """A node that a person took out of use."""

    def __init__(self, node_id: str, by: str) -> None:
        super().__init__(
            f"{node_id} was retired by {by}, so that nobody runs it.",
            f"To use it again: evolver-tui nodes restore {node_id}.",
        )


class NameNotTyped(NodeError):
    """A draft of high risk is approved by the name of its node, which was not given."""


class SandboxError(NodeError):
    """Nothing here can hold a program that nobody trusts, or it could not be started."""


class NothingHolds(SandboxError):
    """Nothing here can hold a program; a person may let programs run all the same, for as long as a session lasts."""


class NodeReplaced(NodeError):
    """Another version came into the library since the approval; a review has to come first."""


class ApprovalWithdrawn(NodeError):
    """The approval of a draft was taken back before it was saved."""

    def __init__(self, node_id: str) -> None:
        super().__init__(f"The approval of {node_id} was taken back.", "Nothing was saved.")


class NodeUsed(NodeError):
    """A node was run since it was approved: whoever takes that back has to say that it is meant."""


class TrainingError(EvolverError):
    """A training cannot begin or go on."""


class ToolError(EvolverError):
    """A tool is unknown, is not allowed for this node, or failed."""
