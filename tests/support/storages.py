"""An S3 server of their own for tests: moto's, which speaks real HTTP."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

BUCKET: Final = "jobs"
SECRET: Final = "verysecret-4d8f2a91c7"
"""The secret key: what no message and no output may hold."""


def s3_environment(url: str, home: Path) -> dict[str, str]:
    """What tells an S3 client where to go and who it is; nothing of the machine's own."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-credentials"),
    }


def _tell_nothing(*_: object) -> None:
    """Of clients that go away: another test may read what is said by then."""


class S3Server:
    """A server with one empty bucket."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer
        from werkzeug.serving import ThreadedWSGIServer

        setattr(ThreadedWSGIServer, "handle_error", _tell_nothing)  # noqa: B010 - moto makes it itself
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    def __enter__(self) -> Self:
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self._client().create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.stop()

    def buckets(self) -> list[str]:
        """The names of the buckets that are there."""
        return [bucket["Name"] for bucket in self._client().list_buckets()["Buckets"]]

    def keys(self, prefix: str) -> list[str]:
        """The names of the objects in the bucket that begin so."""
        found = self._client().list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]

    def _client(self) -> Any:
        return import_module("boto3").client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="testing",
            aws_secret_access_key=SECRET,
        )  # fmt: skip
