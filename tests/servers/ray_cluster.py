"""A real Ray cluster on this machine, with a dashboard and a token, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID
from ray.util import get_node_ip_address

from tests.jobs.processes import ENVIRONMENT
from tests.servers.free_port import free_port
from tests.servers.served_request import wait_until

RAY = str(Path(sys.executable).with_name("ray"))
START_S = 180.0


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
def running(*, num_cpus: int, autoscaling: Mapping[str, Any] | None = None) -> Iterator[RayCluster]:
    """A cluster of one node that asks for a token. Nothing of it is left afterwards.

    Args:
        num_cpus: of the head.
        autoscaling: a cluster's config; Ray's provider `fake_multinode` starts its nodes on this machine.
    """
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
    options: dict[str, object] = {
        "port": port,
        "num-cpus": num_cpus,
        "dashboard-port": dashboard,
        "metrics-export-port": metrics,
        # Ray's default is one port per machine: a second head there would never take a job.
        "dashboard-agent-listen-port": free_port(),
        "temp-dir": home,
    }
    if autoscaling is not None:
        provider = {**autoscaling["provider"], "gcs_address": f"{get_node_ip_address()}:{port}"}
        (home / "cluster.json").write_text(json.dumps({**autoscaling, "provider": provider}))
        options["autoscaling-config"] = home / "cluster.json"
        environment |= {
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
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
                lambda: process.poll() is not None or speaks_http(dashboard),
                "Ray is not up",
                START_S,
            )
            assert process.poll() is None, (home / "said").read_text()
            found = RayCluster(
                port=port,
                dashboard=f"http://127.0.0.1:{dashboard}",
                metrics_port=metrics,
                environment=environment,
            )
            wait_until(lambda: takes_jobs(found), "Ray takes no jobs", START_S)
            yield found
        finally:
            _end(process)
            shutil.rmtree(home, ignore_errors=True)


def speaks_http(port: int) -> bool:
    """Whether a server answers there, if only that a token is wanted."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/version", timeout=5):
            return True
    except HTTPError:
        return True
    except OSError:
        return False


def takes_jobs(cluster: RayCluster) -> bool:
    """Whether the head's agent is there, which comes later than the dashboard on a busy machine."""
    asked = subprocess.run(
        [RAY, "job", "submit", "--address", cluster.dashboard, "--no-wait", "--", "true"],
        env=dict(cluster.environment), capture_output=True, check=False,
    )  # fmt: skip
    return asked.returncode == 0


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
