"""A full scan's rows are complete and in order, and take little memory however many they are."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.benchmarks.image_files import write_ome_zarr
from pipeline.benchmarks.sparse_pyramid import BLOCK_PX, SparseLevel
from pipeline.errors import TileReadError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.images.window import Window
from pipeline.records.ledger import union_area
from pipeline.records.result import ImageResult, Prediction, conclude
from pipeline.walk.config import WalkConfig
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.opening import open_image_walk
from pipeline.walk.root_scan import unscored
from pipeline.walk.walk import walk
from pipeline.walk.walk_plan import WalkPlan

BASE_PX = 32
SCAN = WalkPlan(
    spec=InputSpec(base_px=BASE_PX, bands="luminance", background=0.0),
    walk=WalkConfig(grid=4, cell_fraction=0.25, selection="full_scan"),
)


class Brightness:
    """Two classes: dark and bright."""

    batch_size = 4
    num_lanes = 1

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        """All in one array, of which each observation is a part, as networks give them."""
        assert len(windows) == len(positions)
        kept = np.array([(1 - window.mean(), window.mean()) for window in windows], np.float32)
        return [Observation(row, np.zeros(0, np.float32)) for row in kept]

    score_roots = staticmethod(unscored)

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """(L, 2) running means."""
        return np.cumsum(kept, axis=0, dtype=np.float64) / np.arange(1, len(kept) + 1)[:, None]

    def alone(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """(L, 2) as they are."""
        return kept.astype(np.float64)


def image_of(directory: Path, side: int) -> ImageRecord:
    """A black image with one noisy block of 256 px."""
    block = np.random.default_rng(0).integers(0, 256, (BLOCK_PX, BLOCK_PX)).astype(np.uint8)
    levels = [SparseLevel(side_px=side, blocks={(1, 1): block})]
    write_ome_zarr(directory / f"{side}.ome.zarr", levels, tile_px=128, name="one")
    return ImageRecord(sample_id="one", image_path=str(directory / f"{side}.ome.zarr"))


def opened(record: ImageRecord) -> ImageWalk:
    """A full scan at its beginning."""
    return open_image_walk(record, SCAN, combine=Brightness().combine, cache=TileCache(1 << 22))


def scanned(record: ImageRecord) -> tuple[ImageWalk, ImageResult]:
    """A full scan at its end."""
    image = opened(record)
    walk(image, Brightness())
    return image, conclude(image, Brightness(), time.perf_counter())


class TestRows:
    def test_what_was_seen_is_counted_as_if_painted(self, tmp_path: Path) -> None:
        """Pixels of the last row and of the ledger are those of all windows together, which overlap at the end."""
        image, result = scanned(image_of(tmp_path, 1000))
        boxes: dict[int, list[Region]] = defaultdict(list)
        for look in image.traversal.looks:
            boxes[image.trace(look.glimpse).plan.level].append(look.glimpse.region)

        assert list(boxes) == [0]
        assert union_area(boxes[0]) == 1000**2
        assert result.glimpses[-1].cost_so_far.native_pixels == 1000**2
        assert [cost.pixels_read for cost in result.ledger] == [0, 1000**2]

    def test_failed_looks_stand_where_they_were_chosen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows are in the order of the scan, and a look that failed has cost nothing more."""
        record = image_of(tmp_path, 256 + BLOCK_PX)
        order = [look.glimpse for look in scanned(record)[0].traversal.looks]
        broken = {order[i] for i in (0, 1, 7, 40, len(order) - 1)}
        read = ImageWalk.read

        def failing(self: ImageWalk, glimpse: Glimpse) -> Window:
            if glimpse in broken:
                raise TileReadError("gone")
            return read(self, glimpse)

        monkeypatch.setattr(ImageWalk, "read", failing)
        _, result = scanned(record)
        rows = result.glimpses

        assert isinstance(result.outcome, Prediction)
        assert [row.glimpse for row in rows] == order
        assert [row.order for row in rows] == list(range(len(order)))
        assert {row.glimpse for row in rows if row.status == "failed"} == broken
        assert rows[0].cost_so_far.tiles == 0
        for before, row in pairwise(rows):
            if row.status == "failed":
                assert row.cost_so_far == before.cost_so_far
                assert (row.level, row.class_index_so_far, row.error) == (None, None, "gone")
            else:
                assert row.cost_so_far.native_pixels == (before.cost_so_far.native_pixels + 32**2)

    def test_parts_of_them_are_parts(self, tmp_path: Path) -> None:
        """Slices and indices from the end are those of a list."""
        image, result = scanned(image_of(tmp_path, 512))
        rows, looks = list(result.glimpses), list(image.traversal.looks)

        assert result.glimpses[3:200:7] == rows[3:200:7]
        assert result.glimpses[-2] == rows[-2]
        assert [one.glimpse for one in image.traversal.looks[-3:]] == [
            one.glimpse for one in looks[-3:]
        ]
        with pytest.raises(IndexError):
            result.glimpses[len(rows)]


class TestMemory:
    def test_a_look_takes_few_bytes(self, tmp_path: Path) -> None:
        """Of 4,096 looks each holds at most 250 bytes, 450 with its row, and at most 600 while rows are made.

        A full scan of a gigapixel image has a million.
        """
        scanned(image_of(tmp_path, 512))  # what is loaded and cached once
        image, model = opened(image_of(tmp_path, 2048)), Brightness()
        gc.collect()
        tracemalloc.start()
        try:
            walk(image, model)
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            result = conclude(image, model, 0.0)
            held_with_rows, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        num_looks = len(result.glimpses)

        assert num_looks == 64**2
        assert held / num_looks < 250
        assert held_with_rows / num_looks < 450
        assert peak / num_looks < 600
