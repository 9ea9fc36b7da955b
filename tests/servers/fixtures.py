"""The servers as fixtures, each started once per test process, and skipped where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import logging_server, moto, nginx
from tests.servers.fault import never
from tests.servers.logging_server import LoggingServer
from tests.servers.moto import Moto
from tests.servers.nginx import Nginx


@pytest.fixture(scope="session")
def _nginx_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    if not nginx.has_nginx():
        pytest.skip("nginx is not installed")
    home = tmp_path_factory.mktemp("nginx")
    (home / "files").mkdir()
    with nginx.serving(home / "files", home / "own") as server:
        yield server


@pytest.fixture
def nginx_server(_nginx_process: Nginx) -> Nginx:
    """A real nginx in front of the directory `root`; its log begins with the test."""
    _nginx_process.forget()
    return _nginx_process


@pytest.fixture(scope="session")
def _web_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggingServer]:
    with logging_server.serving(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture
def web(_web_process: LoggingServer) -> Iterator[LoggingServer]:
    """A server that fails when told to, in front of the directory `root`; everywhere there is Python."""
    _web_process.forget()
    yield _web_process
    _web_process.plan = never
    _web_process.has_etags = True


@pytest.fixture(scope="session")
def _s3_process() -> Iterator[Moto]:
    if not moto.has_moto():
        pytest.skip("moto with its server is not installed")
    with moto.serving() as server:
        yield server


@pytest.fixture
def s3(_s3_process: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """An S3 server; obstore finds it, and may enter."""
    _s3_process.forget()
    for name, value in _s3_process.environment.items():
        monkeypatch.setenv(name, value)
    return _s3_process
