"""What distribution wastes: idle workers, a second core, many nodes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

from actors.classify_actor import ActorConfig
from actors.distribution import classify_on_ray
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory
from actors.workers import Workers
from jobs.cluster import connected
from pipeline.image_record import ImageRecord
from pipeline.records.output import Output
from pipeline.records.store.disk_store import DiskStore
from tests.benchmarks import archive
from tests.benchmarks.figure import Figure
from tests.benchmarks.processor_watch import ProcessorWatch
from tests.benchmarks.small_images import skewed_archive, small_images
from tests.servers import ray_nodes

OUT = (archive.HOME / "waste").absolute()
SKIPPED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run came to."""

    images_per_s: float
    """From the `SKIPPED`-th result to the last."""
    worker_s_per_image: float
    """Processor seconds of the workers for each, in that time."""
    idle_share: float
    """Of the workers, in the middle 80 % of the time from the first result to the last."""
    idle_tenths: tuple[float, ...]
    """The same of each tenth of that time."""


def figures() -> list[Figure]:
    """All of them; an hour on two cores."""
    return [_skewed(), _second_core(), _four_nodes()]


def _skewed() -> Figure:
    records = skewed_archive(200)
    run = _run(_scanning("tnet_fmow"), records, count=2)
    return Figure(
        what="idle workers, middle 80 % of a run in which every 20th of 200 images has 49 times the looks",
        value=f"{run.idle_share:.1%}",
        wanted="under 10 %",
        detail=f"two workers of one core, {run.images_per_s:.2f} images/s; by tenths of the time: "
        + " ".join(f"{share:.0%}" for share in run.idle_tenths),
    )


def _second_core() -> Figure:
    records = archive.slides(400)
    model = archive.model("tnet_fmow")
    one, two = (_run(model, records, count=count) for count in (1, 2))
    return Figure(
        what="a second worker on a second core (tnet_fmow, 9 looks)",
        value=f"{two.images_per_s / one.images_per_s:.2f}x",
        wanted="1.8x",
        detail=f"{two.images_per_s:.2f} images/s against {one.images_per_s:.2f}",
    )


def _four_nodes() -> Figure:
    records = small_images(1000)
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
        idle_tenths=tuple(
            watch.idle_share(first + number * tenth, first + (number + 1) * tenth, count)
            for number in range(10)
        ),
    )


def _scanning(name: str) -> ModelDirectory:
    changes = {"walk.selection": "full_scan", "walk.budget": None}
    return archive.model(name).with_changes(changes)
