"""An operator, an account and a user of NATS, as `nsc` makes them: the server's config, and the user's file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any, NamedTuple

import nkeys


class Credentials(NamedTuple):
    """Of one user."""

    config: str
    """Lines of the config of a server that lets the user in."""
    file: str
    """What the .creds file holds."""


def make_credentials() -> Credentials:
    """A fresh operator with an account with a user."""
    operator, account, user = (
        _key(kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    )
    unlimited = {
        "subs": -1,
        "data": -1,
        "payload": -1,
        "imports": -1,
        "exports": -1,
        "conn": -1,
        "leaf": -1,
        "wildcards": True,
    }
    operator_token = _token("operator", operator, operator, {"type": "operator", "version": 2})
    account_token = _token("account", account, operator, {"type": "account", "version": 2, "limits": unlimited})
    user_token = _token("user", user, account, {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1})
    config = (
        f"operator: {operator_token}\nresolver: MEMORY\nresolver_preload {{ {_public(account)}: {account_token} }}\n"
    )
    file = (
        f"-----BEGIN NATS USER JWT-----\n{user_token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{bytes(user.seed).decode()}\n------END USER NKEY SEED------\n"
    )
    return Credentials(config, file)


def _key(kind: int) -> Any:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), kind)))


def _public(key: Any) -> str:
    return bytes(key.public_key).decode()


def _token(name: str, subject: Any, issuer: Any, what: dict[str, Any]) -> str:
    head = _base64(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    claims: dict[str, Any] = {
        "iat": 1_700_000_000, "iss": _public(issuer), "name": name, "sub": _public(subject), "nats": what,
    }  # fmt: skip
    digest = hashlib.new("sha512_256", json.dumps(claims).encode()).digest()
    claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
    body = _base64(json.dumps(claims).encode())
    signature = _base64(issuer.sign(f"{head}.{body}".encode()))
    return f"{head}.{body}.{signature}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
