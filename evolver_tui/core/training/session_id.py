"""What may name a training session: it stands in paths, rooms and on screens."""

from __future__ import annotations

import re
from typing import Final, TypeGuard

WHAT_IT_MAY_BE: Final = "1 to 128 ASCII letters, digits and . _ : -, the first one no . or -"
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9._:-]{0,127}")


def is_session_id(text: object) -> TypeGuard[str]:
    """Whether something may be the id of a session."""
    return isinstance(text, str) and _SESSION_ID.fullmatch(text) is not None
