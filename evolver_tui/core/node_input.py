"""An input of a node as a person writes it: one JSON object, strictly read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.node_run import DEEPEST_OUTPUT
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.shape import is_deeper

LARGEST_INPUT: Final = 1_000_000
"""Characters of one as JSON."""
_TOO_DEEP: Final = "It is nested too deeply."


def read_input(text: str) -> tuple[Mapping[str, Any] | None, str]:
    """The one JSON object that a text is; else None and a sentence that says what is wrong with it, safe to draw."""
    if not text.strip():
        return None, "One JSON object is needed; {} is an empty one."
    if len(text) > LARGEST_INPUT:
        return None, f"An input has at most {LARGEST_INPUT:,} characters."
    try:
        value = strict_json(text)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return None, f"Line {error.lineno}, column {error.colno}: {safe_text(error.msg, 100)}."
    except Equivocal as error:
        return None, f"It {error}."
    except UnicodeEncodeError:
        return None, "It holds half a character (a lone surrogate)."
    except RecursionError:
        return None, _TOO_DEEP
    except ValueError as error:
        return None, f"It is no JSON: {safe_text(error, 200)}."
    if not isinstance(value, dict):
        return None, "It is JSON, but no object: a node reads one, in braces."
    return (None, _TOO_DEEP) if is_deeper(value, DEEPEST_OUTPUT) else (value, "")
