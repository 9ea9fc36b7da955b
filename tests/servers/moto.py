"""An S3 server in a process of its own (moto), behind a proxy that logs each request to the byte.

Google's and Azure's stores have no server that installs as simply; they differ from S3 within obstore only.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.free_port import free_port, is_answered
from tests.servers.logging_proxy import LoggingProxy, proxying
from tests.servers.served_request import ServedRequest, wait_until

REGION = "us-east-1"
_ANYBODY = "testing"
"""Name and password: the server lets everybody in."""
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Moto:
    """A running S3 server."""

    port: int
    """Of the server itself, for uploads, which are nobody's business here."""
    proxy: LoggingProxy
    """Where readers ask."""

    @property
    def environment(self) -> Mapping[str, str]:
        """How a reader is told of it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.proxy.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": _ANYBODY,
            "AWS_SECRET_ACCESS_KEY": _ANYBODY,
            "AWS_REGION": REGION,
        }

    def requests(self) -> list[ServedRequest]:
        """All since the last `forget`."""
        return self.proxy.requests()

    def forget(self) -> None:
        """Begin the log anew."""
        self.proxy.forget()

    @contextlib.contextmanager
    def client(self, port: int) -> Iterator[Any]:
        """The provider's own client, asking the server or the proxy."""
        boto3: Any = importlib.import_module("boto3")  # it has no types

        made = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=REGION,
            aws_access_key_id=_ANYBODY,
            aws_secret_access_key=_ANYBODY,
        )
        with contextlib.closing(made):
            yield made

    def upload(self, root: Path, bucket: str, names: Sequence[str] = ("",)) -> str:
        """Files and directories below one, into a new bucket, past the log; its URL."""
        with self.client(self.port) as client:
            client.create_bucket(Bucket=bucket)
            for path in (one for name in names for one in _files(root / name)):
                key = path.relative_to(root).as_posix()
                client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
        return f"s3://{bucket}"


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())


def has_moto() -> bool:
    """Whether it is installed, with what its server needs."""
    return all(importlib.util.find_spec(name) for name in ("moto", "flask", "flask_cors", "boto3"))


@contextlib.contextmanager
def serving() -> Iterator[Moto]:
    """A server for as long as it is needed.

    Raises:
        RuntimeError: if it does not start.
    """
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(
            lambda: process.poll() is not None or is_answered(port), "moto is not up", START_S
        )
        if process.poll() is not None:
            raise RuntimeError(f"moto ended with status {process.returncode}")
        with proxying(port) as proxy:
            yield Moto(port, proxy)
    finally:
        process.terminate()
        process.wait(timeout=10)
