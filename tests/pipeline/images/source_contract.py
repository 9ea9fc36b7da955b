"""What every source must do, whatever its format. A subclass makes an image and reads it independently."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images.opening import fingerprint_of, open_source
from pipeline.images.source import Source
from pipeline.images.tile import TileKey


def all_keys(source: Source) -> list[TileKey]:
    """Every stored tile of every level."""
    return [
        TileKey(index, row, col)
        for index, level in enumerate(source.pyramid.levels)
        for row in range(level.num_rows)
        for col in range(level.num_cols)
    ]


class SourceContract:
    """Inherit, and give an image and its levels."""

    @pytest.fixture
    def image(self, tmp_path: Path) -> tuple[Path, list[NDArray[Any]]]:
        """An image on disk, and its (C, H, W) levels as another reader sees them."""
        raise NotImplementedError

    def test_levels_shrink_and_tile_without_gap(
        self, image: tuple[Path, list[NDArray[Any]]]
    ) -> None:
        """Levels have the sizes of the oracle, finest first, and tiles cover each exactly once."""
        path, levels = image
        pyramid = open_source(str(path)).pyramid

        assert [(one.height, one.width) for one in pyramid.levels] == [
            level.shape[1:] for level in levels
        ]
        for level in pyramid.levels:
            canvas = np.zeros((level.height, level.width), np.int64)
            for row in range(level.num_rows):
                for col in range(level.num_cols):
                    box = level.tile_region(row, col)
                    canvas[box.y : box.bottom, box.x : box.right] += 1
            assert (canvas == 1).all()

    def test_tiles_equal_the_oracle(self, image: tuple[Path, list[NDArray[Any]]]) -> None:
        """Every tile holds exactly the samples that an independent reader finds there."""
        path, levels = image
        source = open_source(str(path))
        for key in all_keys(source):
            box = source.pyramid.levels[key.level].tile_region(key.row, key.col)
            expected = levels[key.level][:, box.y : box.bottom, box.x : box.right]
            data = source.read_tile(key).data

            assert data is not None
            assert data.dtype == np.dtype(source.pyramid.dtype)
            np.testing.assert_array_equal(data, expected)

    def test_threads_read_the_same(self, image: tuple[Path, list[NDArray[Any]]]) -> None:
        """Eight threads that read at random find what one finds."""
        path, _ = image
        source = open_source(str(path))
        rng = np.random.default_rng(0)
        keys = [all_keys(source)[i] for i in rng.integers(0, len(all_keys(source)), 64)]
        alone = [source.read_tile(key).data for key in keys]
        with ThreadPoolExecutor(8) as pool:
            together = [tile.data for tile in pool.map(source.read_tile, keys)]

        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_scan_bytes_are_the_bytes_of_all_tiles(
        self, image: tuple[Path, list[NDArray[Any]]]
    ) -> None:
        """The index knows what reading everything costs, to the byte."""
        source = open_source(str(image[0]))
        for index in range(len(source.pyramid.levels)):
            keys = [key for key in all_keys(source) if key.level == index]
            read = sum(source.read_tile(key).acquisition.requested_bytes for key in keys)

            assert source.scan_bytes(index) == read

    def test_pyramid_is_a_plain_value(self, image: tuple[Path, list[NDArray[Any]]]) -> None:
        """The structure crosses processes: it pickles small, and equal."""
        pyramid = open_source(str(image[0])).pyramid
        pickled = pickle.dumps(pyramid)

        assert pickle.loads(pickled) == pyramid  # made two lines above
        assert len(pickled) < 4096

    def test_closed_sources_refuse(self, image: tuple[Path, list[NDArray[Any]]]) -> None:
        """Reading after close is our own error; closing twice is none."""
        source = open_source(str(image[0]))
        source.close()
        source.close()

        with pytest.raises(TileReadError, match="closed"):
            source.read_tile(TileKey(0, 0, 0))

    def test_fingerprint_needs_no_opening(self, image: tuple[Path, list[NDArray[Any]]]) -> None:
        """An image is known as the same one without being opened, and opening it costs counted bytes."""
        source = open_source(str(image[0]))

        assert fingerprint_of(str(image[0])) == source.fingerprint
        assert source.header.transferred_bytes > 0
        assert source.header.num_requests > 0

    def test_costs_are_the_bytes_read(
        self, image: tuple[Path, list[NDArray[Any]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Transferred bytes are what the operating system handed over, whatever was read."""
        source = open_source(str(image[0]))
        pread, read = os.pread, []

        def recording(descriptor: int, count: int, offset: int) -> bytes:
            read.append(len(pread(descriptor, count, offset)))
            return pread(descriptor, count, offset)

        monkeypatch.setattr(os, "pread", recording)
        costs = [source.read_tile(key).acquisition for key in all_keys(source)]

        assert sum(cost.transferred_bytes for cost in costs) == sum(read)
        assert sum(cost.num_requests for cost in costs) == len(read)
        assert all(cost.requested_bytes <= cost.transferred_bytes for cost in costs)

    @pytest.mark.parametrize("key", [(99, 0, 0), (-1, 0, 0), (0, 99999, 0), (0, 0, -1)])
    def test_wrong_keys_are_told(
        self, image: tuple[Path, list[NDArray[Any]]], key: tuple[int, int, int]
    ) -> None:
        """A tile that does not exist is our own error, never another tile."""
        with pytest.raises(TileReadError, match="there is no"):
            open_source(str(image[0])).read_tile(TileKey(*key))
