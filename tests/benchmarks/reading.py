"""Random windows of large images against the readers that people use, near and far."""

from __future__ import annotations

import random
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import tensorstore
import tifffile
import zarr

from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_loading import load_runner
from actors.worker_process import keep_loaded, settle_in
from pipeline.image_record import ImageRecord
from pipeline.images.canvas import Canvas
from pipeline.images.input_spec import BandFit
from pipeline.images.opening import open_source
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from tests.benchmarks import archive
from tests.benchmarks.figure import Figure
from tests.servers import nginx

SLIDE = Path(__file__).parents[3] / "shared/data/slides/metaplasia_stomach.tif"
WINDOW_PX = 224
NUM_WINDOWS = 4000
NUM_ROUNDS = 5
NUM_FAR_IMAGES = 100
LATENCY_S = 0.03
DEFAULT_CACHE, LARGE_CACHE = 256 * 2**20, 2**30
COLOURS = BandFit(indices=(0, 1, 2), low=0.0, high=255.0, is_mixed=False, alpha=None)


def figures() -> list[Figure]:
    """All figures of reading."""
    settle_in()
    keep_loaded()
    return [*_slide_figures(), _zarr_figure(), *_far_figures()]


def _boxes(height: int, width: int) -> list[Region]:
    rng = random.Random(0)
    last_y, last_x = height - WINDOW_PX, width - WINDOW_PX
    return [
        Region(rng.randrange(last_y), rng.randrange(last_x), WINDOW_PX, WINDOW_PX)
        for _ in range(NUM_WINDOWS)
    ]


def _rate(read: Callable[[Region], Any], boxes: Sequence[Region], num_threads: int) -> float:
    """Windows per second."""
    started = time.perf_counter()
    if num_threads == 1:
        for box in boxes:
            read(box)
    else:
        with ThreadPoolExecutor(num_threads) as pool:
            for _ in pool.map(read, boxes):
                pass
    return len(boxes) / (time.perf_counter() - started)


def _own(path: Path, boxes: Sequence[Region], cache_bytes: int, num_threads: int = 2) -> float:
    source = open_source(str(path))
    tiles = TileReader(source, TileCache(cache_bytes))
    rate = _rate(lambda box: Canvas.read(tiles, 0, box, COLOURS).pixels, boxes, num_threads)
    source.close()
    return rate


def _openslide(boxes: Sequence[Region], num_threads: int) -> float:
    own = threading.local()

    def read(box: Region) -> Any:
        if not hasattr(own, "slide"):
            own.slide = openslide.OpenSlide(SLIDE)
        return np.asarray(own.slide.read_region((box.x, box.y), 0, (box.width, box.height)))

    return _rate(read, boxes, num_threads)


def _medians(measures: Sequence[Callable[[], float]]) -> list[float]:
    """Each measured in turn, several times."""
    rounds = [[measure() for measure in measures] for _ in range(NUM_ROUNDS)]
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


def _slide_figures() -> list[Figure]:
    boxes = _boxes(11685, 13198)
    loop, pool, default, large, none = _medians(
        [
            lambda: _openslide(boxes, 1),
            lambda: _openslide(boxes, 2),
            lambda: _own(SLIDE, boxes, DEFAULT_CACHE),
            lambda: _own(SLIDE, boxes, LARGE_CACHE),
            lambda: _own(SLIDE, boxes, 0),
        ]
    )
    detail = (
        f"{default:.0f}/s with the default cache of 256 MiB; {large:.0f}/s with 1 GiB ({large / loop:.1f}x), "
        f"{none:.0f}/s without ({none / loop:.1f}x); openslide-python {loop:.0f}/s in a loop, {pool:.0f}/s in a pool"
    )
    what = "random 224^2 windows of metaplasia_stomach.tif, 2 threads, against openslide-python"
    return [
        Figure(
            what=f"{what} in a loop",
            value=f"{default / loop:.1f}x",
            wanted="3.5x, reach 6x",
            detail=detail,
        ),
        Figure(
            what=f"{what} in a pool of 2",
            value=f"{default / pool:.1f}x",
            wanted="1.8x",
            detail="the same run",
        ),
    ]


def _sharded() -> Path:
    """The slide's upper left as a sharded store."""
    path = archive.HOME / "sharded.zarr"
    if path.exists():
        return path
    pixels = np.moveaxis(tifffile.imread(SLIDE, key=0)[:8192, :8192], 2, 0)
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space"} for n in "yx")]
    scale = [{"type": "scale", "scale": [1, 1, 1]}]
    images = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "multiscales": images}
    array = group.create_array(
        "0",
        shape=pixels.shape,
        chunks=(3, 256, 256),
        shards=(3, 2048, 2048),
        dtype="uint8",
        compressors=zarr.codecs.ZstdCodec(level=3),
    )
    array[:] = pixels
    return path


def _tensorstore(path: Path, boxes: Sequence[Region], cache_bytes: int) -> float:
    context = {"cache_pool": {"total_bytes_limit": cache_bytes}}
    store = {"driver": "file", "path": f"{path.absolute()}/0/"}
    array = tensorstore.open({"driver": "zarr3", "kvstore": store, "context": context}).result()
    started, waiting = time.perf_counter(), []
    for box in boxes:
        waiting.append(array[:, box.y : box.bottom, box.x : box.right].read())
        if len(waiting) > 64:
            waiting.pop(0).result()
    for one in waiting:
        one.result()
    return len(boxes) / (time.perf_counter() - started)


def _zarr_figure() -> Figure:
    path = _sharded()
    boxes = _boxes(8192, 8192)
    peer, cached_peer, default, none = _medians(
        [
            lambda: _tensorstore(path, boxes, 0),
            lambda: _tensorstore(path, boxes, DEFAULT_CACHE),
            lambda: _own(path, boxes, DEFAULT_CACHE),
            lambda: _own(path, boxes, 0),
        ]
    )
    return Figure(
        what="the same from sharded OME-Zarr (zstd, 256^2), 2 threads, against tensorstore concurrent",
        value=f"{default / peer:.1f}x",
        wanted="1x, reach 1.3x",
        detail=f"{default:.0f}/s with the default cache, {none:.0f}/s without; tensorstore {peer:.0f}/s as it comes "
        f"(without a cache), {cached_peer:.0f}/s with a cache of the same 256 MiB",
    )


def _far_figures() -> list[Figure]:
    records = archive.slides(NUM_FAR_IMAGES)
    home = (archive.HOME / "nginx").absolute()
    shutil.rmtree(home, ignore_errors=True)
    slides = Path(records[0].image_path).parent
    with nginx.serving(slides, home / "slides", latency_s=LATENCY_S) as server:
        far = [
            replace(one, image_path=server.url(Path(one.image_path).name, "slow"))
            for one in records
        ]
        near_rate, far_rate = _medians([lambda: _walk_rate(records), lambda: _walk_rate(far)])
    with nginx.serving(SLIDE.parent, home / "slide") as server:
        source = open_source(server.url(SLIDE.name))
        header = source.header
        source.close()
    return [
        Figure(
            what="walks over http, 30 ms a request, 32 images in flight (tnet_small), of the local rate",
            value=f"{far_rate / near_rate:.2f}",
            wanted="0.6, reach 0.9",
            detail=f"{far_rate:.1f} images/s against {near_rate:.1f}, 9 looks each",
        ),
        Figure(
            what="requests to open metaplasia_stomach.tif on a server",
            value=f"{header.num_requests}",
            wanted="6, reach 3",
            detail=f"{header.index_bytes} bytes",
        ),
    ]


def _walk_rate(records: list[ImageRecord]) -> float:
    model = archive.model("tnet_small")
    runner = load_runner(model, num_threads=2)
    with Engine(model.config.plan, runner, EngineConfig()) as engine:
        started = time.perf_counter()
        count = sum(1 for _ in engine.classify(records))
        return count / (time.perf_counter() - started)
