"""What distribution wastes: idle workers, a second core, many nodes, the driver's memory, the way to a first look."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from actors.classify_actor import ActorConfig
from actors.distribution import classify_on_ray
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory
from actors.workers import Workers
from jobs.cluster import connected
from pipeline.manifest import ImageRecord
from pipeline.records.output import Output
from pipeline.records.store.disk_store import DiskStore
from tests.benchmarks import archive
from tests.benchmarks.figure import Figure
from tests.benchmarks.processor_watch import ProcessorWatch
from tests.servers import ray_cluster, ray_nodes

OUT = (archive.HOME / "waste").absolute()
SMALL_PX, LARGE_PX = 896, 6272
"""16 and 784 windows of 224 px in a full scan."""
SKIPPED = 40
NUM_ROWS = 10_000
NUM_STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run came to."""

    images_per_s: float
    """From the `SKIPPED`-th result to the last."""
    worker_s_per_image: float
    """Processor seconds of the workers for each, in that time."""
    idle_share: float
    """Of the workers, in the middle 80 % of the time from the first result to the last."""


def figures() -> list[Figure]:
    """All of them; an hour on two cores."""
    return [_skewed(), _second_core(), _four_nodes(), _driver_memory(), _first_look()]


def _skewed() -> Figure:
    records = _skewed_archive(200)
    run = _run(_scanning("tnet_fmow"), records, count=2)
    return Figure(
        what="idle workers, middle 80 % of a run in which every 20th of 200 images has 49 times the looks",
        value=f"{run.idle_share:.1%}",
        wanted="under 10 %",
        detail=f"two workers of one core, {run.images_per_s:.2f} images/s; what of a core's time they did not use",
    )


def _second_core() -> Figure:
    records = archive.slides(120)
    model = archive.model("tnet_fmow")
    one, two = (_run(model, records, count=count) for count in (1, 2))
    return Figure(
        what="a second worker on a second core (tnet_fmow, 9 looks)",
        value=f"{two.images_per_s / one.images_per_s:.2f}x",
        wanted="1.8x",
        detail=f"{two.images_per_s:.2f} images/s against {one.images_per_s:.2f}",
    )


def _four_nodes() -> Figure:
    records = _small_images(1000)
    model = archive.model("tnet_fmow")
    here = _run(model, records, count=2)
    with ray_nodes.running(num_cpus=1, count=4) as (nodes, _):
        spread = _run(model, records, count=4, address=nodes.address)
    return Figure(
        what="work of 1,000 small images on four simulated nodes, of that in one process per core",
        value=f"{spread.worker_s_per_image / here.worker_s_per_image:.2f}x",
        wanted="1.15x",
        detail=f"{1e3 * spread.worker_s_per_image:.0f} ms of a processor an image against "
        f"{1e3 * here.worker_s_per_image:.0f} ms; {spread.images_per_s:.1f} and {here.images_per_s:.1f} images/s",
    )


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
        found = sorted(_seconds_to_first_row(cluster) for _ in range(NUM_STARTS + 1))
    return Figure(
        what="seconds from `foveate submit` to the first row on a warm cluster",
        value=f"{found[NUM_STARTS // 2]:.1f} s",
        wanted="10 s",
        detail="all: " + ", ".join(f"{s:.1f}" for s in found),
    )


def _run(
    model: ModelDirectory, records: list[ImageRecord], *, count: int, address: str | None = None
) -> Run:
    shutil.rmtree(OUT, ignore_errors=True)
    Output(DiskStore(OUT), model.config.class_names).prepare()
    config = ActorConfig(model=model, store=DiskStore(OUT), engine=EngineConfig(), num_threads=1)
    workers = Workers(count=count, num_cpus=1, num_gpus=0)
    with ProcessorWatch() as watch, connected(address):
        receipts = classify_on_ray(records, config, workers)
        times = [time.perf_counter() for _ in receipts]
    first, last = times[0], times[-1]
    tenth = (last - first) / 10
    from_s, done = times[SKIPPED], len(times) - 1 - SKIPPED
    return Run(
        images_per_s=done / (last - from_s),
        worker_s_per_image=watch.used_s(from_s, last) / done,
        idle_share=watch.idle_share(first + tenth, last - tenth, count),
    )


def _scanning(name: str) -> ModelDirectory:
    changes = {"walk.selection": "full_scan", "walk.budget": None}
    return archive.model(name).with_changes(changes)


def _skewed_archive(count: int) -> list[ImageRecord]:
    """Every 20th at a place drawn by chance."""
    rng = np.random.default_rng(0)
    is_large = rng.permutation(np.arange(count) % 20 == 0)
    return [
        _named(archive.huge(LARGE_PX if large else SMALL_PX), f"{number:04d}")
        for number, large in enumerate(is_large)
    ]


def _small_images(count: int) -> list[ImageRecord]:
    original = archive.huge(SMALL_PX)
    return [_named(original, f"{number:04d}") for number in range(count)]


def _named(original: ImageRecord, name: str) -> ImageRecord:
    """The same file under a name of its own, so that each is opened and read by itself."""
    path = archive.HOME / "waste_images" / f"{name}_{Path(original.image_path).name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.link(original.image_path, path)
    return ImageRecord(sample_id=name, image_path=str(path.absolute()))


def _driver_peak_mb(count: int) -> float:
    shutil.rmtree(OUT, ignore_errors=True)
    manifest = archive.HOME / f"rows_{count}.csv"
    records = _small_images(count)
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
    image = archive.huge(SMALL_PX).image_path
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
