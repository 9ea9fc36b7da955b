"""Machines that come when an archive is submitted and go when it is done: Ray's own autoscaler over real Ray nodes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.image_files import slide
from tests.jobs.processes import ROOT, started, wait_until
from tests.servers.ray_cluster import RayCluster, running

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(700)]

NUM_IMAGES = 300
"""Work for two minutes: Ray asks for the second machine when the first has been busy for a while."""
COUNT_NODES = (
    "import ray, sys; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False);"
    "print('machines', sum(node['Alive'] and node['Resources'].get('CPU', 0) > 0 for node in ray.nodes()))"
)
IDLE_MINUTES = 0.1


def scaled(config: dict[str, Any]) -> dict[str, Any]:
    """Our ray_cluster.yaml as it is, but for where machines come from, and for small ones that leave soon."""
    kinds = {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "cpu": {**config["available_node_types"]["cpu"], "resources": {"CPU": 1}, "max_workers": 2},
    }
    commands = (
        "initialization",
        "setup",
        "head_setup",
        "worker_setup",
        "head_start_ray",
        "worker_start_ray",
    )
    return {
        **config,
        **{f"{name}_commands": [] for name in commands},
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        **{name: [] for name in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
        "file_mounts_sync_continuously": False,
        "provider": {
            "type": "fake_multinode",
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "use_node_id_as_ip": True,  # they all live at one address
        },
        "available_node_types": kinds,
        "head_node_type": "ray.head.default",
        "idle_timeout_minutes": IDLE_MINUTES,
    }


def num_workers(cluster: RayCluster) -> int:
    """Machines with processors."""
    asked = subprocess.run(
        [sys.executable, "-c", COUNT_NODES, f"127.0.0.1:{cluster.port}"],
        env=dict(cluster.environment), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(re.findall(r"machines (\d+)", asked.stdout)[0])


class TestAutoscaling:
    def test_workers_come_with_the_archive_and_go_with_it(self, tmp_path: Path) -> None:
        """From no machine to two while images are left, and back to none; the rows are all there."""
        original = slide(tmp_path / "images/0.tif", 1400, 1400)
        for number in range(1, NUM_IMAGES):
            os.link(original, tmp_path / f"images/{number}.tif")
        config = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
        options = ("--model", "digits", "--full-scan", "--in-flight", 2)
        workers = ("--workers", "1-2", "--num-cpus", 1)
        command = ("classify", tmp_path / "images", "--out", tmp_path / "out", *options, *workers)
        with running(num_cpus=0, autoscaling=scaled(config)) as cluster:
            assert num_workers(cluster) == 0
            submitted = ("jobs.cli", "submit", "--address", cluster.dashboard, "--", *command)
            with started(*submitted, environment=cluster.environment) as process:
                wait_until(lambda: num_workers(cluster) == 2, process, limit_s=250)
                said = process.communicate(timeout=400)
            assert process.returncode == 0, said
            time.sleep(
                60 * IDLE_MINUTES + 30
            )  # whoever asks how many there are makes a machine look busy
            assert num_workers(cluster) == 0

        assert len(pd.read_parquet(tmp_path / "out/predictions")) == NUM_IMAGES
