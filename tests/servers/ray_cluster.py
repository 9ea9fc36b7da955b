"""A real Ray cluster on this machine, with a dashboard and a token, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.jobs.processes import ENVIRONMENT
from tests.servers.free_port import free_port, is_answered
from tests.servers.served_request import wait_until

RAY = str(Path(sys.executable).with_name("ray"))
START_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RayCluster:
    """A head that is up."""

    port: int
    """Of the cluster."""
    dashboard: str
    """Where jobs are submitted."""
    metrics_port: int
    """Where Prometheus would ask."""
    environment: Mapping[str, str]
    """How a client is let in."""


@contextlib.contextmanager
def running(*, num_cpus: int) -> Iterator[RayCluster]:
    """A cluster of one node that asks for a token. Nothing of it is left afterwards."""
    port, dashboard, metrics = free_port(), free_port(), free_port()
    home = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # its sockets' names have to be short
    environment = {
        **ENVIRONMENT,
        "PATH": f"{Path(RAY).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": uuid.uuid4().hex,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_metrics_report_interval_ms": "1000",
    }
    options = {
        "port": port,
        "num-cpus": num_cpus,
        "dashboard-port": dashboard,
        "metrics-export-port": metrics,
        "temp-dir": home,
    }
    said = [f"--{name}={value}" for name, value in options.items()]
    with (home / "said").open("w") as log:
        process = subprocess.Popen(
            [RAY, "start", "--head", "--block", "--include-dashboard=true", *said],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_until(
                lambda: process.poll() is not None or is_answered(dashboard),
                "Ray is not up",
                START_S,
            )
            assert process.poll() is None, (home / "said").read_text()
            yield RayCluster(
                port=port,
                dashboard=f"http://127.0.0.1:{dashboard}",
                metrics_port=metrics,
                environment=environment,
            )
        finally:
            _end(process)
            shutil.rmtree(home, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait()
