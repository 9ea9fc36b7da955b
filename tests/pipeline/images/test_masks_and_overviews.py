"""Masks and overviews, inside the file or beside it; rasterio, which is GDAL, writes them and is the oracle."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy

from pipeline.errors import AllowanceSpentError
from pipeline.images.opening import fingerprint_of, open_source
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from pipeline.storage.byte_range import total
from pipeline.storage.purse import Purse
from tests.image_files import picture
from tests.pipeline.images.source_contract import SourceContract

HEIGHT, WIDTH = 300, 420


def valid_pixels() -> NDArray[np.bool_]:
    """A disc."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (y - 150) ** 2 + (x - 200) ** 2 < 120**2


def write_map(
    path: Path, *, dtype: str = "uint8", bands: int = 3, mask: bool | None = None, **profile: Any
) -> Path:
    """A GeoTIFF; mask: None for none, True inside the file, False beside it."""
    data = np.moveaxis(picture(HEIGHT, WIDTH, bands=bands), 2, 0).astype(dtype)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=mask is True),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=HEIGHT,
            width=WIDTH,
            count=bands,
            dtype=dtype,
            transform=rasterio.Affine(1.0, 0.0, 5.0, 0.0, -1.0, 9.0),
            **profile,
        ) as file,
    ):
        file.write(data)
        if mask is not None:
            file.write_mask(valid_pixels())
    return path


def build_overviews(path: Path) -> None:
    """Two, in a file of their own."""
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)


TILED = {"tiled": True, "blockxsize": 128, "blockysize": 64}


def num_open_files() -> int:
    """Of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def whole(source: Source, level: int) -> NDArray[np.generic]:
    """(C, H, W) of a level, put together from its tiles."""
    one = source.pyramid.levels[level]
    shape = (len(source.pyramid.bands), one.height, one.width)
    found = np.zeros(shape, np.dtype(source.pyramid.dtype))
    for row in range(one.num_rows):
        for col in range(one.num_cols):
            box = one.tile_region(row, col)
            data = source.read_tile(TileKey(level, row, col)).data
            assert data is not None
            found[:, box.y : box.bottom, box.x : box.right] = data
    return found


class TestMasks:
    @pytest.mark.parametrize("mask", [True, False])
    @pytest.mark.parametrize("profile", [TILED, {"blockysize": 7}, {**TILED, "interleave": "band"}])
    def test_masks_become_alpha(
        self, tmp_path: Path, mask: bool, profile: dict[str, Any]
    ) -> None:  # a parameter
        """The last band is GDAL's mask, whatever the tiles; the others are the image."""
        path = write_map(tmp_path / "a.tif", mask=mask, **profile)
        source = open_source(str(path))
        with rasterio.open(path) as file:
            expected = np.concatenate([file.read(), file.dataset_mask()[None]])

        assert source.pyramid.bands == ("red", "green", "blue", "alpha")
        np.testing.assert_array_equal(whole(source, 0), expected)

    @pytest.mark.parametrize("mask", [True, False])
    def test_other_samples(self, tmp_path: Path, mask: bool) -> None:  # a parameter
        """For samples that are not bytes, valid pixels are 1."""
        path = write_map(tmp_path / "a.tif", mask=mask, dtype="float32", bands=1, **TILED)
        found = whole(open_source(str(path)), 0)

        np.testing.assert_array_equal(found[-1], valid_pixels().astype(np.float32))

    def test_tiles_of_another_size(self, tmp_path: Path) -> None:
        """A mask beside the image is tiled as its writer liked."""
        path = write_map(tmp_path / "a.tif", **TILED)
        with rasterio.open(
            tmp_path / "a.tif.msk",
            "w",
            driver="GTiff",
            height=HEIGHT,
            width=WIDTH,
            count=1,
            dtype="uint8",
            transform=rasterio.Affine(1.0, 0.0, 5.0, 0.0, -1.0, 9.0),
            tiled=True,
            blockxsize=96,
            blockysize=80,
        ) as file:
            file.write((valid_pixels() * 255).astype(np.uint8), 1)

        np.testing.assert_array_equal(whole(open_source(str(path)), 0)[-1] > 0, valid_pixels())

    def test_a_mask_of_another_image(self, tmp_path: Path) -> None:
        """A companion that does not fit, or is no image, is left alone."""
        path = write_map(tmp_path / "a.tif", **TILED)
        (tmp_path / "a.tif.msk").write_bytes(b"no image")
        (tmp_path / "a.tif.ovr").write_bytes(b"")
        source = open_source(str(path))

        assert source.pyramid.bands == ("red", "green", "blue")
        assert fingerprint_of(str(path)) == source.fingerprint

    @pytest.mark.parametrize("is_image", [True, False])
    def test_companions_that_do_not_fit(
        self, tmp_path: Path, is_image: bool
    ) -> None:  # a parameter
        """What trying one cost is counted, and no file stays open when the image is closed."""
        path = write_map(tmp_path / "a.tif", **TILED)
        other = write_map(tmp_path / "other.tif", bands=1, dtype="uint16", **TILED).read_bytes()
        (tmp_path / "a.tif.ovr").write_bytes(other if is_image else b"II*\0" + bytes(range(200)))
        before = num_open_files()
        purse = Purse(10**6)
        source = open_source(str(path), purse=purse)
        source.close()

        assert source.header.transferred_bytes == purse.num_spent
        assert num_open_files() == before


class TestSmallPurse:
    """Images with masks beside them, and not enough bytes to read them."""

    @pytest.mark.parametrize("share", [0.3, 0.6])
    def test_of_opening(self, tmp_path: Path, share: float) -> None:
        """What was read of the image before its mask proved too long is told, and nothing stays open."""
        path = write_map(tmp_path / "a.tif", mask=False, **TILED)
        whole_purse = Purse(10**6)
        open_source(str(path), purse=whole_purse).close()
        purse = Purse(int(share * whole_purse.num_spent))
        before = num_open_files()
        with pytest.raises(AllowanceSpentError) as caught:
            open_source(str(path), purse=purse)

        assert caught.value.cost.transferred_bytes == purse.num_spent
        assert num_open_files() == before

    def test_of_reading(self, tmp_path: Path) -> None:
        """Tiles that came, but not their masks, are told as read in vain."""
        path = write_map(tmp_path / "a.tif", mask=False, **TILED)
        needed = Purse(10**6)
        with closing(open_source(str(path), purse=needed)) as source:
            keys = source.pyramid.tiles_in(0, Region(0, 0, HEIGHT, WIDTH))
            assert len(list(source.read_tiles(keys))) == len(keys)
        purse = Purse(needed.num_spent - 1)
        with closing(open_source(str(path), purse=purse)) as source:
            costs = [source.header]
            with pytest.raises(AllowanceSpentError) as caught:
                costs.extend(tile.acquisition for tile in source.read_tiles(keys))

        assert 1 < len(costs) < 1 + len(keys)
        assert total([*costs, caught.value.cost]).transferred_bytes == purse.num_spent


class TestOverviews:
    @pytest.mark.parametrize("mask", [None, True])
    def test_external_overviews_are_levels(
        self, tmp_path: Path, mask: bool | None
    ) -> None:  # a parameter
        """Levels beside the file follow those in it, with GDAL's pixels; the mask stays with the finest."""
        path = write_map(tmp_path / "a.tif", mask=mask, bands=1, **TILED)
        build_overviews(path)
        source = open_source(str(path))

        assert (tmp_path / "a.tif.ovr").exists()
        if mask is None:
            assert [(one.height, one.width) for one in source.pyramid.levels] == [
                (300, 420),
                (150, 210),
                (75, 105),
            ]
            for level, factor in ((1, 2), (2, 4)):
                with rasterio.open(path, overview_level=level - 1) as file:
                    np.testing.assert_array_equal(whole(source, level), file.read())
                assert source.pyramid.levels[level].downsample_y == factor

    def test_internal_overviews_and_masks(self, tmp_path: Path) -> None:
        """A COG with masks has one for each level."""
        path = write_map(tmp_path / "a.tif", mask=True, **TILED)
        cog = tmp_path / "cog.tif"
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            copy(path, cog, driver="COG", blocksize=128, compress="deflate")
        source = open_source(str(cog))

        assert len(source.pyramid.levels) > 1
        for level in range(len(source.pyramid.levels)):
            kwargs = {"overview_level": level - 1} if level else {}
            with rasterio.open(cog, **kwargs) as file:
                np.testing.assert_array_equal(whole(source, level)[-1], file.dataset_mask())
                np.testing.assert_array_equal(whole(source, level)[:3], file.read())


class TestLayeredAndMasked(SourceContract):
    @pytest.fixture
    def image(self, tmp_path: Path) -> tuple[Path, list[NDArray[Any]]]:
        """An image with a mask and overviews, all in files of their own."""
        path = write_map(tmp_path / "a.tif", mask=False, **TILED)
        with rasterio.open(path) as file:
            finest = np.concatenate([file.read(), file.dataset_mask()[None]])
        return path, [finest]


class TestLayered(SourceContract):
    @pytest.fixture
    def image(self, tmp_path: Path) -> tuple[Path, list[NDArray[Any]]]:
        """An image with overviews beside it."""
        path = write_map(tmp_path / "a.tif", bands=1, **TILED)
        build_overviews(path)
        levels = []
        for kwargs in ({}, {"overview_level": 0}, {"overview_level": 1}):
            with rasterio.open(path, **kwargs) as file:
                levels.append(file.read())
        return path, levels
