"""The one exception tree: each leaf says what a caller can do about it.

Messages are whole sentences that can be shown to a person as they are; `way_out` is what that person can do.
"""

from __future__ import annotations


class EvolverError(Exception):
    """Anything that a user, a hub, a model or a machine can cause."""

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message} {self.way_out}".rstrip()


class UsageError(EvolverError):
    """Wrong arguments or a wrong config: exit code 2, nothing was done."""


class ConfigError(UsageError):
    """A config file, theme or keymap that cannot be used; names file, key and the nearest known key."""


class StoreError(EvolverError):
    """The database could not be read or written; nothing that was acknowledged is lost."""


class StoreBroken(StoreError):
    """The database is damaged, replaced, gone or closed to us: another try in this run would hear the same."""


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


class BundleError(EvolverError):
    """An exported job that cannot be read or imported; nothing was changed."""


class RoutineError(EvolverError):
    """A routine breaks the rules by which it can be taken up again; only its author can mend that."""


class StepTimeout(EvolverError):
    """A routine's step took longer than it was given."""


class LinkError(EvolverError):
    """The hub cannot be reached or ended the connection; worth another attempt."""


class LinkEnded(LinkError):
    """The hub said no for good (401, 403, 404, TLS, not a hub, Close): another attempt would hear the same."""


class BackendError(EvolverError):
    """A language model did not deliver. `retryable` says whether asking again can help."""

    def __init__(
        self, message: str, way_out: str = "", *, retryable: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message, way_out)
        self.retryable = retryable
        self.retry_after = retry_after


class AnswerUnusable(BackendError):
    """The model answered, but not with one JSON object that holds a node; asking again can help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Retry, or choose another model.", retryable=True)


class QuestionError(EvolverError):
    """A question's form is not a flat JSON Schema, or an answer does not fit it."""


class NodeError(EvolverError):
    """A node cannot be saved, found or run."""


class NodeChanged(NodeError):
    """The bytes on disk are not the approved ones; a review has to come first."""


class NodeReplaced(NodeError):
    """Another version came into the library since the approval; a review has to come first."""


class ToolError(EvolverError):
    """A tool is unknown, is not allowed for this node, or failed."""
