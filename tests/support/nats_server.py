"""A nats-server of a test's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.server_process import ServerProcess


class NatsServer(ServerProcess):
    """A private nats-server.

    Args:
        jetstream: whether it keeps streams; they outlive a restart.
        user: who may connect, with `password`.
        token: with which one may connect.
        nkey: the public key of whoever may connect.
        tls: files with its certificate and key.
        verify: the file of the certificate that a client has to show; needs `tls`.
        more: further lines of its config file.
    """

    program = "nats-server"

    def __init__(
        self,
        *,
        jetstream: bool = False,
        user: str = "",
        password: str = "",
        token: str = "",
        nkey: str = "",
        tls: tuple[Path, Path] | None = None,
        verify: Path | None = None,
        more: str = "",
    ) -> None:
        super().__init__()
        self.scheme = "tls" if tls else "nats"
        self._config = self.folder / "nats.conf"
        self._lines = [f"host: 127.0.0.1\nport: {self.port}", more]
        if jetstream:
            self._lines.append(f"jetstream {{ store_dir: {_quoted(self.folder / 'streams')} }}")
        if tls:
            client = f", ca_file: {_quoted(verify)}, verify: true" if verify else ""
            self._lines.append(f"tls {{ cert_file: {_quoted(tls[0])}, key_file: {_quoted(tls[1])}{client} }}")
        self.change(user=user, password=password, token=token, nkey=nkey)

    def change(self, *, user: str = "", password: str = "", token: str = "", nkey: str = "") -> None:
        """Who may connect, from its next start on."""
        who = ""
        if user:
            who = f"authorization {{ user: {_quoted(user)}, password: {_quoted(password)} }}"
        elif token:
            who = f"authorization {{ token: {_quoted(token)} }}"
        elif nkey:
            who = f"authorization {{ users: [ {{ nkey: {nkey} }} ] }}"
        self._config.write_text("\n".join([*self._lines, who, ""]), "utf-8")

    @property
    def url(self) -> str:
        """Without user and password."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def arguments(self) -> Sequence[str]:
        return ("-c", str(self._config))


USER_SEED: Final = "SUAJELUTLHZ5YCCZKJIOGTZX5BBNK6Y56UINV5HXRHFJBF7QVH3CHRSKZE"
USER_NKEY: Final = "UB4EXE5OM4S5QO6BGSLUDOVFGYFKG7HRDF76GXPJUFYHR5A7SKNP7K57"
"""An nkey of a user, made for tests: the secret half and the public one."""


def _quoted(value: object) -> str:
    return json.dumps(str(value))
