"""What a job costs before its first look, and its driver however many images there are."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pandas as pd
import psutil

from tests.benchmarks import archive
from tests.benchmarks.figure import Figure
from tests.benchmarks.small_images import small_images
from tests.servers import ray_cluster

OUT = (archive.HOME / "driver").absolute()
NUM_ROWS = 10_000
NUM_STARTS = 3


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
        found = sorted(_seconds_to_first_row(cluster) for _ in range(NUM_STARTS))
    return Figure(
        what="seconds from `foveate submit` to the first row on a warm cluster",
        value=f"{found[NUM_STARTS // 2]:.1f} s",
        wanted="10 s",
        detail="all: " + ", ".join(f"{s:.1f}" for s in found),
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


def _seconds_to_first_row(cluster: ray_cluster.RayCluster) -> float:
    shutil.rmtree(OUT, ignore_errors=True)
    image = small_images(1)[0].image_path
    command = [
        *(sys.executable, "-m", "jobs.cli", "submit", "--address", cluster.dashboard, "--"),
        *("classify", image, "--model", "digits", "--budget", "9", "--out", str(OUT)),
    ]
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=dict(cluster.environment), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while not list(OUT.glob("predictions/*.parquet")):
            if process.poll():
                raise RuntimeError(f"{command} ended with {process.returncode}")
            time.sleep(0.01)
        return time.perf_counter() - started
