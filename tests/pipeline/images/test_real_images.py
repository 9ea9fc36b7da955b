"""Real slides and rasters, against openslide and tifffile's own readers."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline.errors import ImageError, TileReadError
from pipeline.images.canvas import Canvas
from pipeline.images.input_spec import BandFit
from pipeline.images.opening import open_source
from pipeline.images.pyramid import PixelSize
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from tests.conftest import SHARED

MAX_TILES_READ = 30
"""Of one odd file; they are small, and a hostile one may claim millions."""

pytestmark = pytest.mark.shared

SATELLITE = sorted((SHARED / "satellite").glob("*.[tT][iI][fF]"))
OME_TIFFS = sorted((SHARED / "microscopy").glob("*.ome.tif"))


def pixels(source: Source, level: int, box: Region) -> NDArray[np.generic]:
    """(H, W, C) of a region, put together from tiles as a window is."""
    bands = tuple(range(len(source.pyramid.bands)))
    fit = BandFit(indices=bands, is_mixed=False, alpha=None, low=0, high=1)
    canvas = Canvas.read(TileReader(source, TileCache(2**26)), level, box, fit)
    assert not canvas.failed_tiles
    return canvas.pixels


def random_boxes(height: int, width: int, count: int) -> list[Region]:
    """Boxes of up to 300 px anywhere in a level."""
    rng = np.random.default_rng([height, width])
    side = (min(300, height), min(300, width))
    return [
        Region(
            int(rng.integers(0, height - side[0] + 1)),
            int(rng.integers(0, width - side[1] + 1)),
            *side,
        )
        for _ in range(count)
    ]


class TestSlides:
    @pytest.mark.parametrize(
        "name",
        [
            "slides/metaplasia_stomach.tif",
            "microscopy/CMU-1-Small-Region.svs",
            "slide_archive/images/wsi_002.tif",
            "slide_archive/images/wsi_007.tif",
        ],
    )
    def test_regions_equal_openslide(self, shared: Path, name: str) -> None:
        """Random regions at every level are openslide's pixels; both decode with libjpeg, so exactly."""
        source = open_source(str(shared / name))
        slide = openslide.OpenSlide(shared / name)
        assert slide.level_dimensions == tuple(
            (level.width, level.height) for level in source.pyramid.levels
        )
        for index, level in enumerate(source.pyramid.levels):
            for box in random_boxes(level.height, level.width, 6):
                scale = slide.level_downsamples[index]
                # openslide places regions in level-0 pixels; whole tiles of the level avoid its rounding
                origin = Region(box.y - box.y % 240, box.x - box.x % 240, box.height, box.width)
                at = (round(origin.x * scale), round(origin.y * scale))
                if index and any(abs(a / scale - round(a / scale)) > 1e-9 for a in at):
                    origin, at = Region(0, 0, box.height, box.width), (0, 0)
                expected = np.asarray(slide.read_region(at, index, (box.width, box.height)))

                inside = origin.clipped(level.height, level.width)
                assert inside is not None
                found = pixels(source, index, inside)
                np.testing.assert_array_equal(found, expected[: inside.height, : inside.width, :3])

    def test_pixel_sizes_are_what_the_scanner_wrote(self, shared: Path) -> None:
        """Read from the resolution tags, and from Aperio's description."""
        stomach = open_source(str(shared / "slides/metaplasia_stomach.tif")).pyramid
        aperio = open_source(str(shared / "microscopy/CMU-1-Small-Region.svs")).pyramid
        unknown = open_source(str(shared / "slide_archive/images/wsi_002.tif")).pyramid

        assert stomach.pixel_size is not None
        assert stomach.pixel_size.y == pytest.approx(0.2528)
        assert aperio.pixel_size == PixelSize(0.499, 0.499, "um")
        assert unknown.pixel_size is None


class TestRasters:
    @pytest.mark.parametrize("path", [*SATELLITE, *OME_TIFFS], ids=lambda path: path.name)
    def test_regions_equal_tifffile(self, path: Path) -> None:
        """Random regions at every level are the pixels of tifffile's whole pages."""
        try:
            source = open_source(str(path))
        except ImageError as error:
            assert path.name == "multi-channel-z-series.ome.tif"
            assert "CZYX" in str(error)
            return
        with tifffile.TiffFile(path) as file:
            arrays = _levels(file)
        for index, level in enumerate(source.pyramid.levels):
            if level.height * level.width > 2e7:  # the oracle would decode it whole
                continue
            whole = arrays[level.height, level.width]
            for box in random_boxes(level.height, level.width, 3):
                expected = whole[box.y : box.bottom, box.x : box.right]

                found = pixels(source, index, box)[
                    :, :, : whole.shape[2]
                ]  # without a mask as alpha
                np.testing.assert_array_equal(found, expected)

    def test_a_level_that_tifffile_leaves_out_is_found(self, shared: Path) -> None:
        """cog_dateline.tif steps down by 4, 2 and 2; all four levels are there."""
        levels = open_source(str(shared / "satellite/cog_dateline.tif")).pyramid.levels

        assert [level.height for level in levels] == [2355, 589, 295, 147]

    def test_bit_order_is_kept(self, shared: Path) -> None:
        """16bit.r.tif is raw and stores its bits turned round; tifffile turns them back, and so do we."""
        path = shared / "odd_files/pillow/16bit.r.tif"
        data = open_source(str(path)).read_tile(TileKey(0, 0, 0)).data

        np.testing.assert_array_equal(data, tifffile.imread(path)[None])

    def test_masks_are_no_levels(self, shared: Path) -> None:
        """The mask pages of cogeo.tif become alpha, not levels."""
        levels = open_source(str(shared / "satellite/cogeo.tif")).pyramid.levels

        assert [level.height for level in levels] == [1024, 512, 256, 128, 64, 32, 16]


def _levels(file: tifffile.TiffFile) -> dict[tuple[int, int], NDArray[np.generic]]:
    """(H, W, C) of every page or stack of channels that is small enough, by its size."""
    found = {}
    for series in file.series:
        for level in series.levels:
            lengths = dict(zip(level.axes, level.shape, strict=True))
            if lengths["Y"] * lengths["X"] > 2e7 or level.keyframe.subfiletype & 4:
                continue
            array = level.asarray()
            if level.axes[0] in "SC" and len(level.axes) == 3:
                array = np.moveaxis(array, 0, 2)
            elif array.ndim == 2:
                array = array[:, :, None]
            found[lengths["Y"], lengths["X"]] = array
    return found


class TestHostileFiles:
    def test_every_file_opens_or_says_why(self, shared: Path) -> None:
        """Odd, hostile and broken files raise nothing but our own errors, and none takes long."""
        files = [path for path in (shared / "odd_files").rglob("*") if path.is_file()]
        slowest = 0.0
        num_opened = 0
        for path in files:
            started = time.monotonic()
            try:
                source = open_source(str(path))
            except ImageError as error:
                assert path.name in str(error)
                continue
            num_opened += 1
            finest = source.pyramid.levels[0]
            numbers = {*range(min(finest.num_tiles, MAX_TILES_READ)), finest.num_tiles - 1}
            for row, col in (divmod(number, finest.num_cols) for number in sorted(numbers)):
                try:
                    source.read_tile(TileKey(0, row, col))
                except TileReadError as error:
                    assert path.name in str(error)
            source.close()
            slowest = max(slowest, time.monotonic() - started)

        assert len(files) > 300
        assert num_opened > 200
        assert slowest < 10
