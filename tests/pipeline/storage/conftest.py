"""Where the pictures of `forms.py` are served, and how long a reader waits in tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pipeline.images import far_opening
from pipeline.storage.opening import open_remote
from pipeline.storage.remote_limits import RemoteLimits
from tests.pipeline.storage.forms import FORMS
from tests.servers.logging_server import LoggingServer
from tests.servers.moto import Moto
from tests.servers.nginx import Nginx
from tests.servers.served_request import LoggedServer, ServedRequest

NAME = "truth"
"""Directory or bucket of the pictures."""
_NOT_ON_S3 = ("bands.zarr",)
"""Hundreds of objects take moto seconds, and the key of a chunk is the same there."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server that serves all pictures."""

    server: LoggedServer
    """With its log."""
    root: str
    """What stands before a picture's name in its URL."""
    forms: tuple[str, ...]
    """Names of the pictures."""

    def requests(self, name: str) -> list[ServedRequest]:
        """Those for one picture."""
        return [one for one in self.server.requests() if f"/{NAME}/{name}" in one.path]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with every form."""
    root = tmp_path_factory.mktemp("pictures")
    for name, write in FORMS.items():
        write(root / name)
    for path in root.glob("*.plain"):
        path.unlink()
    return root


@pytest.fixture(scope="session")
def _bucket(_s3_process: Moto, pictures: Path) -> str:
    return _s3_process.upload(pictures, NAME, [name for name in FORMS if name not in _NOT_ON_S3])


@pytest.fixture
def nginx_place(nginx_server: Nginx, pictures: Path) -> Place:
    """The server that most archives on the web stand behind."""
    return Place(
        nginx_server, f"{nginx_server.url(_linked(nginx_server.root, pictures))}/", (*FORMS,)
    )


@pytest.fixture
def web_place(web: LoggingServer, pictures: Path) -> Place:
    """The server that fails when told to."""
    return Place(web, f"{web.url(_linked(web.root, pictures))}/", (*FORMS,))


@pytest.fixture
def s3_place(s3: Moto, _bucket: str) -> Place:
    """S3."""
    return Place(s3, f"{_bucket}/", tuple(name for name in FORMS if name not in _NOT_ON_S3))


@pytest.fixture(params=["nginx", "web", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each of them."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[RemoteLimits], None]:
    """Sets how long readers wait for servers, for images that are opened from then on."""

    def set_limits(limits: RemoteLimits) -> None:
        monkeypatch.setattr(far_opening, "open_remote", partial(open_remote, limits=limits))

    return set_limits


def _linked(root: Path, pictures: Path) -> str:
    if not (root / NAME).exists():
        (root / NAME).symlink_to(pictures)
    return NAME
