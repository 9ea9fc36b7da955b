"""What a job costs before its first look, and its driver however many images there are."""

from __future__ import annotations

import math
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import pandas as pd
import psutil

from tests.benchmarks import archive
from tests.benchmarks.figure import Figure
from tests.benchmarks.small_images import small_images
from tests.servers import ray_cluster

OUT = (archive.HOME / "driver").absolute()
NUM_ROWS = 10_000
NUM_STARTS = 5


@dataclass(frozen=True, slots=True)
class FirstRow:
    """How long somebody waits for it."""

    of_job: float
    """Seconds since the job's first process started."""
    of_submission: float
    """Seconds since `foveate submit` did."""


def figures() -> list[Figure]:
    """Both; twenty minutes on two cores."""
    return [_driver_memory(), _first_look()]


def _driver_memory() -> Figure:
    few, many = (_driver_peak_mb(count) for count in (NUM_ROWS // 10, NUM_ROWS))
    return Figure(
        what=f"peak memory of the driver, {NUM_ROWS:,} images of one look",
        value=f"{many:.0f} MB",
        wanted="under 500 MB, whatever the archive",
        detail=f"{few:.0f} MB with a tenth of them",
    )


def _first_look() -> Figure:
    with ray_cluster.running(num_cpus=2) as cluster:
        found = [_seconds_to_first_row(cluster) for _ in range(NUM_STARTS)]
    return Figure(
        what="seconds from a job's start to its first row on a warm cluster",
        value=f"{statistics.median(one.of_job for one in found):.1f} s",
        wanted="10 s",
        detail="one job after the other: "
        + ", ".join(f"{one.of_job:.1f}" for one in found)
        + "; from `foveate submit` on: "
        + ", ".join(f"{one.of_submission:.1f}" for one in found),
    )


def _driver_peak_mb(count: int) -> float:
    shutil.rmtree(OUT, ignore_errors=True)
    manifest = archive.HOME / f"rows_{count}.csv"
    records = small_images(count)
    pd.DataFrame(
        {"sample_id": [r.sample_id for r in records], "image_path": [r.image_path for r in records]}
    ).to_csv(manifest, index=False)
    command = [
        *(sys.executable, "-m", "jobs.cli", "classify", str(manifest)),
        *("--model", "digits", "--set", "walk.roots=image", "--budget", "1", "--out", str(OUT)),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            peak = max(peak, watched.memory_info().rss)
            time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return peak / 1e6


def _seconds_to_first_row(cluster: ray_cluster.RayCluster) -> FirstRow:
    shutil.rmtree(OUT, ignore_errors=True)
    image = small_images(1)[0].image_path
    command = [
        *(sys.executable, "-m", "jobs.cli", "submit", "--address", cluster.dashboard, "--"),
        *("classify", image, "--model", "digits", "--budget", "9", "--out", str(OUT)),
    ]
    started, job_started = time.time(), math.inf
    with subprocess.Popen(
        command, env=dict(cluster.environment), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while not list(OUT.glob("predictions/*.parquet")):
            if process.poll():
                raise RuntimeError(f"{command} ended with {process.returncode}")
            if math.isinf(job_started):
                job_started = _job_start()
            time.sleep(0.05)
        now = time.time()
    return FirstRow(of_job=now - job_started, of_submission=now - started)


def _job_start() -> float:
    """When the first process of the job that writes to OUT was started; infinity where there is none yet."""
    found = [math.inf]
    for process in psutil.process_iter(["cmdline", "create_time"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(OUT) in command and " submit " not in command:
            found.append(process.info["create_time"])
    return min(found)
