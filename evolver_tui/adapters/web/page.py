"""Pages that come with a server: one file each, which asks no other host for anything."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_INLINE: Final = ("script", "style")
_NOTHING_ELSE: Final = ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")


def read_page(
    room: str, *, needs_token: bool, allowed: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, Mapping[str, str]]:
    """The page of a room, and the headers that let it do what it does and nothing else.

    Args:
        room: the package that holds `page.html`.
        needs_token: what the page is told at its `data-needs-token`.
        allowed: what a directive of the policy allows besides; of `style-src`, instead of the page's own.
    """
    page = files(room).joinpath("page.html").read_text("utf-8")
    page = page.replace('data-needs-token="no"', f'data-needs-token="{"yes" if needs_token else "no"}"')
    own = {f"{kind}-src": " ".join(_hashes(kind, page)) for kind in _INLINE}
    sources = {**own, "connect-src": "'self'", "img-src": "data:", **allowed}
    if "script-src" in allowed:
        sources["script-src"] = f"{own['script-src']} {allowed['script-src']}"
    policy = "; ".join(["default-src 'none'", *(f"{name} {value}" for name, value in sources.items()), *_NOTHING_ELSE])
    return page, {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


def _hashes(kind: str, page: str) -> Iterator[str]:
    """Of all that is inline."""
    return map(_hash, re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.S))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
