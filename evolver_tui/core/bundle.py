"""A job on its way to another machine: everything that it is, as one versioned JSON object with a checksum.

The checksum finds what was torn or changed on the way. It is no signature: whoever imports a bundle trusts its sender,
as its journal may hold decisions that were made there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.bundle_parts import check_parts
from evolver_tui.core.errors import BundleError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.shape import DEEPEST, is_deeper

FORMAT: Final = "evolver-tui job"
VERSION: Final = 1

MOST_BYTES: Final = 64 * 1024 * 1024
"""A bundle that is larger is not read."""

_AGAIN: Final = "Export the job again where it came from; nothing was imported."
_TOO_DEEP: Final = ("The bundle is nested too deeply.", "Nothing was imported.")


@dataclass(frozen=True, slots=True)
class Bundle:
    """One exported job.

    `id` names this export: it is given once, stays with the job where it left, and is refused a second time where it
    came in. `flow` and `job_state` hold what spec 001 calls so.
    """

    id: str
    exported_at: float
    """Seconds since 1970."""
    exported_by: str
    host: str
    flow: Mapping[str, Any]
    """`flow_id` (the routine's name, empty for the built-in author) and `source_hash`."""
    job_state: Mapping[str, Any]
    """Task, status, pause reason, journal, pause points, deferred events, shared data and log."""

    def to_json(self) -> str:
        """The whole object as one line of ASCII, with its checksum as the last key.

        It is JSON, but for a NaN or an Infinity where a hub sent one within the task: that is kept as it came.
        """
        return json.dumps(self.to_json_value(), separators=(",", ":")) + "\n"

    def to_json_value(self) -> dict[str, Any]:
        """The whole object with its checksum."""
        body = {
            "format": FORMAT,
            "version": VERSION,
            "id": self.id,
            "exported_at": self.exported_at,
            "exported_by": self.exported_by,
            "host": self.host,
            "flow": dict(self.flow),
            "job_state": dict(self.job_state),
        }
        return {**body, "checksum": _checksum(body)}

    @classmethod
    def from_json(cls, text: str | bytes) -> Bundle:
        """Read one back. Bytes are UTF-8.

        Raises:
            BundleError: it is torn, not a bundle, was changed, was written by a newer version, or has a part that
                cannot be used.
        """
        try:
            text = text if isinstance(text, str) else text.decode("utf-8-sig")
            body = strict_json(text, any_number=True)
        except Equivocal as error:
            raise BundleError(f"The bundle {error}.", _AGAIN) from None
        except ValueError:
            raise BundleError("The bundle is torn or is not JSON.", _AGAIN) from None
        except RecursionError:
            raise BundleError(*_TOO_DEEP) from None
        return cls.from_json_value(body)

    @classmethod
    def from_json_value(cls, body: object) -> Bundle:
        """The inverse of `to_json_value`. Raises BundleError, as `from_json`."""
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise BundleError("This is not a job that evolver-tui exported.", "Nothing was imported.")
        _check_version(body.get("version"))
        if is_deeper(body, DEEPEST):
            raise BundleError(*_TOO_DEEP)
        body = dict(body)
        checksum = body.pop("checksum", "")
        try:
            is_whole = checksum == _checksum(body)
        except (TypeError, ValueError):
            is_whole = False
        if not is_whole:
            raise BundleError("The bundle's checksum does not fit: it is torn or was changed.", _AGAIN)
        misfit = check_parts(body)
        if misfit:
            raise BundleError(f"The bundle cannot be used: its {misfit} is missing or wrong.", _AGAIN)
        return cls(
            id=body["id"],
            exported_at=float(body["exported_at"]),
            exported_by=body["exported_by"],
            host=body["host"],
            flow=body["flow"],
            job_state=body["job_state"],
        )


def _check_version(version: object) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleError("The bundle does not say which version it is of.", _AGAIN)
    if version > VERSION:
        raise BundleError(
            f"The bundle was written by a newer version (format {str(version)[:20]}, known here: {VERSION}).",
            "Update evolver-tui; nothing was imported.",
        )


def _checksum(body: Mapping[str, Any]) -> str:
    """Of the object with its keys sorted, without spaces, in ASCII: the order of keys is kept, and does not count."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
