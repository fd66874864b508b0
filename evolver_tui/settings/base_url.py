"""What the address of a model says about who answers there, and whether that can work."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from evolver_tui.core.address import Address

_AZURE_HOSTS = r"(?:^|\.)(?:azure\.(?:com|us|cn)|azure-api\.net)$"
_PATHS_OF_OTHERS = {
    "openai": ("/messages", "/responses", "/completions", "/api/generate", "/api/chat", ":generateContent"),
    "anthropic": ("/chat/completions", "/responses", "/completions", "/complete"),
}
"""What an address ends with that speaks another format than that of its kind."""


def is_azure(base_url: Address) -> bool:
    """Whether Azure answers there, which takes the key in a header of its own."""
    parts = urlsplit(str(base_url))
    return re.search(_AZURE_HOSTS, parts.hostname or "") is not None or "api-version=" in parts.query


def base_url_problem(kind: str, base_url: Address) -> tuple[str, str] | None:
    """Why no model of this kind can be asked there, and what to write; None where one may answer."""
    parts = urlsplit(str(base_url))
    host, path = parts.hostname or "", parts.path.rstrip("/")
    if parts.fragment:
        return "has a #, and nothing behind it is sent", "Take it out."
    wrong = next((end for end in _PATHS_OF_OTHERS.get(kind, ()) if path.endswith(end)), None)
    if wrong is not None and not (kind == "openai" and path.endswith("/chat/completions")):
        example = "http://localhost:11434/v1" if kind == "openai" else "https://api.anthropic.com"
        return f"ends with {wrong}, which kind {kind!r} does not speak", f"Write what stands before it, e.g. {example}."
    if kind == "anthropic" and host == "api.openai.com":
        return "is OpenAI's, and kind is 'anthropic'", 'Write kind = "openai".'
    if kind == "openai" and is_azure(base_url):
        return _azure_problem(host, path, "api-version=" in parts.query)
    return None


def _azure_problem(host: str, path: str, has_version: bool) -> tuple[str, str] | None:
    """Azure knows addresses with a deployment and a version, and those that end with /openai/v1."""
    if "/deployments/" in path and not has_version:
        return "names a deployment of Azure without its version", "Add ?api-version=... as the portal shows it."
    if host.endswith(".openai.azure.com") and not re.search(r"/openai/(?:v1|deployments/[^/]+)(?:/|$)", path):
        return (
            "is Azure's, and names neither a deployment nor its /openai/v1",
            f"Write https://{host}/openai/v1, or https://{host}/openai/deployments/NAME?api-version=...",
        )
    return None
