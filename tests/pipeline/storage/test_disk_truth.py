"""What is read of a disk, also in vain, is in the books: against every read that a disk's storage answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import AllowanceSpentError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.opening import open_source
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.disk import DiskStorage
from pipeline.storage.metered_storage import MeteredStorage
from pipeline.storage.purse import Purse
from pipeline.walk.allowance import Allowance
from pipeline.walk.config import WalkConfig
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk_plan import WalkPlan
from tests.conftest import picture
from tests.image_files import halves, write_ome_zarr

PLAN = WalkPlan(
    spec=InputSpec(base_px=32, value_ranges={"uint8": (0.0, 255.0)}),
    walk=WalkConfig(grid=4, cell_fraction=0.25, foreground="valid"),
)
KINDS = {"plain": {}, "sharded": {"shards": (3, 256, 256)}}


@dataclass(slots=True)
class Delivered:
    """By the disk."""

    num_bytes: int = 0
    """That reads brought."""
    num_requests: int = 0
    """Reads."""


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> Delivered:
    """Counts from here on."""
    count, fetch = Delivered(), DiskStorage.fetch

    def counting(self: DiskStorage, ranges: Sequence[ByteRange]) -> list[Piece]:
        pieces = fetch(self, ranges)
        count.num_bytes += sum(piece.num_bytes for piece in pieces)
        count.num_requests += sum(piece.num_requests for piece in pieces)
        return pieces

    monkeypatch.setattr(DiskStorage, "fetch", counting)
    return count


def combine(kept: NDArray[np.float32]) -> NDArray[np.float64]:
    """Nobody is asked."""
    raise AssertionError(len(kept))


def levels() -> list[NDArray[np.uint8]]:
    """Of 512 px and 256, with nothing in three quarters of them."""
    finest = np.zeros((512, 512, 3), np.uint8)
    finest[:256, :256] = picture(256, 256)
    return [np.moveaxis(level, 2, 0) for level in halves(finest, 2)]


class TestInVain:
    def test_objects_that_came_before_the_refusal(
        self, tmp_path: Path, delivered: Delivered
    ) -> None:
        """Of three objects of 60 bytes, 100 may be read: the first and a part of the second came, and count."""
        for name in "abc":
            (tmp_path / name).write_bytes(bytes(60))
        storage = MeteredStorage(DiskStorage(tmp_path), Purse(100))
        with pytest.raises(AllowanceSpentError) as caught:
            storage.fetch([ByteRange(key=name) for name in "abc"])

        assert caught.value.cost.transferred_bytes == delivered.num_bytes == 100
        assert caught.value.cost.num_requests == delivered.num_requests

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("means", [2_000, 10_000, 40_000])
    def test_images_that_cannot_be_opened(
        self, tmp_path: Path, delivered: Delivered, kind: str, means: int
    ) -> None:
        """Whatever was read in search of foreground before the share was spent is in the image's row."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels(), **KINDS[kind])
        record = ImageRecord(sample_id="a", image_path=str(path))
        allowance = Allowance(num_bytes=means, granted=means)
        with pytest.raises(AllowanceSpentError) as caught:
            open_image_walk(
                record, PLAN, combine=combine, cache=TileCache(2**24), allowance=allowance
            )

        assert 0 < delivered.num_bytes <= means
        assert caught.value.cost.transferred_bytes == delivered.num_bytes

    @pytest.mark.parametrize("kind", KINDS)
    def test_looks_that_are_forgone(self, tmp_path: Path, delivered: Delivered, kind: str) -> None:
        """Tiles and indexes that came before a refusal count, once, though their tiles are not there."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels(), **KINDS[kind])
        purse = Purse(20_000)
        tiles = TileReader(open_source(str(path), purse=purse), TileCache(2**24))
        for level in range(2):
            size = tiles.source.pyramid.levels[level]
            for key in tiles.source.pyramid.tiles_in(level, Region(0, 0, size.height, size.width)):
                try:
                    tiles.tile(key)
                except AllowanceSpentError as error:
                    tiles.charge(error.cost)

        assert purse.num_left is not None
        assert purse.num_left < 20_000 / 4
        assert tiles.cost.transferred_bytes == delivered.num_bytes
        assert tiles.cost.num_requests == delivered.num_requests


class TestNothingThere:
    @pytest.mark.parametrize("kind", KINDS)
    def test_chunks_that_are_missing_by_design(
        self, tmp_path: Path, delivered: Delivered, kind: str
    ) -> None:
        """Asking whether the store is still there reads nothing that no row knows of."""
        path = write_ome_zarr(tmp_path / "a.zarr", levels(), **KINDS[kind])
        tiles = TileReader(open_source(str(path)), TileCache(2**24))
        keys = tiles.source.pyramid.tiles_in(0, Region(0, 0, 512, 512))
        found = [tiles.tile(key).data for key in keys]

        assert sum(data is None for data in found) == len(keys) * 3 / 4
        assert tiles.cost.transferred_bytes == delivered.num_bytes
        assert tiles.cost.num_requests == delivered.num_requests
