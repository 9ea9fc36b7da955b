"""Where there is something to see."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import ImageAccessError, UnsupportedImageError
from pipeline.images.foreground import Foreground, find_foreground, read_mask
from pipeline.images.input_spec import BandFit
from pipeline.images.opening import open_source
from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from tests.array_source import ArraySource, halved

FIT = BandFit(indices=(0, 1, 2), is_mixed=False, alpha=None, low=0.0, high=255.0)
RGB = ("red", "green", "blue")


def tiles(source: ArraySource) -> TileReader:
    """A reader of an array."""
    return TileReader(source, TileCache(2**26))


def sparse_file(directory: Path, pixels: NDArray[np.uint8], form: str) -> Path:
    """An image in tiles of 128 px, of which black ones are not stored."""
    if form == "tiff":
        corners = [(y, x) for y in range(0, len(pixels), 128) for x in range(0, len(pixels), 128)]
        each = [pixels[y : y + 128, x : x + 128] for y, x in corners]
        path = directory / "sparse.tif"
        tifffile.imwrite(
            path,
            (zlib.compress(tile.tobytes()) if tile.any() else b"" for tile in each),
            shape=pixels.shape,
            dtype=np.uint8,
            tile=(128, 128),
            compression="adobe_deflate",
        )
        return path
    path = directory / "sparse.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    array = group.create_array(
        "0",
        shape=pixels.shape,
        chunks=(128, 128),
        shards=(512, 512) if form == "sharded" else None,
        dtype="uint8",
        fill_value=0,
    )
    array[:] = pixels
    axes = [{"name": name, "type": "space"} for name in ("y", "x")]
    scale = [{"type": "scale", "scale": [1.0, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs.update({"ome": ome})
    return path


class TestFraction:
    @given(st.integers(0, 63), st.integers(0, 63), st.integers(1, 64), st.integers(1, 64))
    def test_counts_foreground_in_a_region(self, y: int, x: int, height: int, width: int) -> None:
        """On a mask of the image's own size the fraction is the mean of the mask under the region."""
        mask = np.random.default_rng(1).random((64, 64)) < 0.3
        source = ArraySource([np.zeros((1, 64, 64), np.uint8)])
        foreground = Foreground.from_mask(mask, source.pyramid)
        inside = mask[y : y + height, x : x + width]

        expected = inside.sum() / (height * width)
        assert foreground.fraction(Region(y, x, height, width)) == pytest.approx(expected)


class TestFindForeground:
    def test_stain_on_white_is_tissue(self) -> None:
        """A purple disc on a white, slightly noisy slide is found to within a few pixels of its edge."""
        y, x = np.mgrid[0:1024, 0:1024]
        disc = (y - 400) ** 2 + (x - 600) ** 2 < 200**2
        rng = np.random.default_rng(0)
        pixels = np.where(disc[None], np.array([150, 60, 160])[:, None, None], 240)
        noisy = np.clip(pixels + rng.normal(0, 3, (3, 1024, 1024)), 0, 255).astype(np.uint8)
        source = ArraySource(halved(noisy, 2), bands=RGB, tile_px=128)
        foreground = find_foreground(tiles(source), FIT, "tissue")

        assert foreground is not None
        found = foreground.integral[-1, -1] / (512 * 512)
        assert found == pytest.approx(disc.mean(), rel=0.05)
        assert foreground.fraction(Region(300, 500, 200, 200)) > 0.95
        assert foreground.fraction(Region(800, 0, 200, 200)) == 0

    def test_an_empty_slide_has_no_tissue(self) -> None:
        """Noise on a blank slide is not split into tissue and background."""
        rng = np.random.default_rng(0)
        blank = np.clip(240 + rng.normal(0, 2, (3, 600, 600)), 0, 255).astype(np.uint8)
        foreground = find_foreground(tiles(ArraySource([blank], bands=RGB)), FIT, "tissue")

        assert foreground is not None
        assert foreground.integral[-1, -1] == 0

    def test_nodata_is_not_valid(self) -> None:
        """Valid data is where the scene has any."""
        pixels = np.full((3, 600, 600), 90, np.uint8)
        pixels[:, :300] = 0
        source = ArraySource([pixels], bands=RGB, nodata=0)
        foreground = find_foreground(tiles(source), FIT, "valid")

        assert foreground is not None
        assert foreground.fraction(Region(0, 0, 300, 600)) == 0
        assert foreground.fraction(Region(300, 0, 300, 600)) == 1

    def test_an_image_without_overview_is_refused(self) -> None:
        """A level too large to look over is not read whole."""
        source = ArraySource([np.zeros((1, 5000, 5000), np.uint8)])
        with pytest.raises(UnsupportedImageError, match="mask_path"):
            find_foreground(tiles(source), FIT, "tissue")

    @pytest.mark.shared
    def test_real_tissue(self, shared: Path) -> None:
        """On the stomach biopsy tissue is found, covers some but not most of the slide, and its corner is glass."""
        source = open_source(str(shared / "slides/metaplasia_stomach.tif"))
        foreground = find_foreground(TileReader(source, TileCache(2**26)), FIT, "tissue")

        assert foreground is not None
        whole = foreground.fraction(Region(0, 0, source.pyramid.height, source.pyramid.width))
        assert 0.05 < whole < 0.7


class TestReadMask:
    def test_pictures_are_stretched_over_the_image(self, tmp_path: Path) -> None:
        """A small mask picture covers the whole image."""
        mask = np.zeros((10, 10), np.uint8)
        mask[:, 5:] = 255
        cv2.imwrite(str(tmp_path / "mask.png"), mask)
        pyramid = ArraySource([np.zeros((1, 600, 800), np.uint8)]).pyramid
        foreground = read_mask(tmp_path / "mask.png", pyramid)

        assert foreground.fraction(Region(0, 0, 600, 400)) == 0
        assert foreground.fraction(Region(0, 400, 600, 400)) == 1

    def test_a_missing_mask_is_an_error(self, tmp_path: Path) -> None:
        """A mask that is named and cannot be read is not ignored."""
        pyramid = ArraySource([np.zeros((1, 600, 800), np.uint8)]).pyramid
        with pytest.raises(ImageAccessError, match=r"gone\.png"):
            read_mask(tmp_path / "gone.png", pyramid)


class TestStored:
    def test_is_where_tiles_are_and_reads_none(self) -> None:
        """Tiles that are missing by design are no foreground; nothing of the image is read to know it."""
        empty = frozenset(TileKey(0, row, col) for row in range(4) for col in range(4) if col > 0)
        source = ArraySource([np.zeros((1, 60, 60), np.uint8)], missing=empty)
        foreground = find_foreground(tiles(source), FIT, "stored")

        assert foreground is not None
        assert foreground.fraction(Region(0, 0, 60, 16)) == 1
        assert foreground.fraction(Region(0, 16, 60, 40)) == 0
        assert source.reads == []

    @pytest.mark.parametrize("form", ["sharded", "chunked", "tiff"])
    def test_equals_what_the_index_of_a_real_file_says(self, tmp_path: Path, form: str) -> None:
        """One digit-sized patch on an empty canvas is found in its own tile alone, and indexes are counted."""
        pixels = np.zeros((1024, 1024), np.uint8)
        pixels[300:320, 700:720] = 255  # within one tile of 128
        path = sparse_file(tmp_path, pixels, form)
        source = open_source(str(path))
        opening = source.header
        stored = source.stored(0)
        after = source.header.transferred_bytes - opening.transferred_bytes
        source.close()

        assert np.argwhere(stored).tolist() == [[2, 5]]
        assert (after > 0) == (form == "sharded")
