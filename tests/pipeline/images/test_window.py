"""Windows, against means taken by plain NumPy."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images import strip
from pipeline.images.input_spec import BandFit
from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.images.window_plan import plan_window
from tests.array_source import ArraySource, halved

GRAY = BandFit(indices=(0,), is_mixed=False, alpha=None, low=0.0, high=255.0)


def noise(side: int, *, bands: int = 1) -> NDArray[np.uint8]:
    """(C, side, side)."""
    return np.random.default_rng(side).integers(0, 256, (bands, side, side), dtype=np.uint8)


def reader(source: ArraySource, base_px: int, fit: BandFit = GRAY) -> WindowReader:
    """Shows an array; background is 0.5."""
    tiles = TileReader(source, TileCache(2**24))
    return WindowReader(tiles=tiles, fit=fit, base_px=base_px, background=0.5)


def mean_of(pixels: NDArray[Any], box: Region, base_px: int) -> NDArray[np.float64]:
    """(base, base): exact area means of a box of a (H, W) array, every output pixel summed by itself."""
    weights = []
    for start, side in ((box.y, box.height), (box.x, box.width)):
        edges = start + np.arange(base_px + 1) * side / base_px
        at = np.arange(start, start + side)
        low = np.maximum(edges[:-1, None], at[None])
        share = np.clip(np.minimum(edges[1:, None], at[None] + 1) - low, 0, None)
        weights.append(share / share.sum(axis=1, keepdims=True))
    cut = pixels[box.y : box.bottom, box.x : box.right].astype(np.float64)
    return weights[0] @ cut @ weights[1].T


class TestPlanWindow:
    @given(
        y=st.integers(-40, 900),
        x=st.integers(-40, 900),
        height=st.integers(32, 1024),
        width=st.integers(32, 1024),
    )
    def test_the_coarsest_level_with_enough_pixels(
        self, y: int, x: int, height: int, width: int
    ) -> None:
        """No coarser level has a pixel (within 5 %) per window pixel, and the chosen one has."""
        pyramid = ArraySource(halved(noise(1024), 5)).pyramid
        level = plan_window(pyramid, Region(y, x, height, width), 32).level
        smaller = min(height, width)

        assert 2**level * 32 <= smaller * 1.05 or level == 0
        assert level == 4 or 2 ** (level + 1) * 32 > smaller * 1.05

    @given(st.integers(-40, 900), st.integers(-40, 900), st.integers(1, 300), st.integers(1, 300))
    def test_tiles_hold_the_box(self, y: int, x: int, height: int, width: int) -> None:
        """The tiles of a plan are exactly those that share a pixel with its box."""
        pyramid = ArraySource(halved(noise(512), 3), tile_px=32).pyramid
        plan = plan_window(pyramid, Region(y, x, height, width), 16)
        level = pyramid.levels[plan.level]
        expected = {
            TileKey(plan.level, row, col)
            for row in range(level.num_rows)
            for col in range(level.num_cols)
            if level.tile_region(row, col).intersection(plan.box)
        }

        assert set(plan.tiles) == expected


class TestWindowReader:
    def test_native_windows_are_the_stored_pixels(self) -> None:
        """A region of the window's own size is copied, scaled to 0..1, not resampled."""
        finest = noise(256)
        shown = reader(ArraySource([finest]), 64).read(Region(33, 71, 64, 64)).pixels

        np.testing.assert_array_equal(
            shown[0], finest[0, 33:97, 71:135].astype(np.float32) * np.float32(1 / 255)
        )

    @given(
        y=st.integers(0, 100), x=st.integers(0, 100), h=st.integers(40, 150), w=st.integers(40, 150)
    )
    @settings(max_examples=40, deadline=None)
    def test_shrinking_takes_area_means(self, y: int, x: int, h: int, w: int) -> None:
        """Every window pixel is the mean of the area under it, fractional edges included."""
        finest = noise(256).astype(np.float32)
        box = Region(y, x, h, w)
        shown = reader(ArraySource([finest], bands=("gray",)), 32).read(box).pixels

        np.testing.assert_allclose(shown[0] * 255, mean_of(finest[0], box, 32), atol=0.02)

    @given(st.integers(200, 500), st.integers(200, 500))
    @settings(max_examples=10, deadline=None)
    def test_strip_by_strip_is_the_same(self, height: int, width: int) -> None:
        """A box too large to hold at once gives the same means when it is read in strips."""
        finest = noise(512).astype(np.float32)
        box = Region(5, 7, height, width)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strip, "MAX_CANVAS_PX", 20_000)
            shown = reader(ArraySource([finest]), 16).read(box).pixels

        np.testing.assert_allclose(shown[0] * 255, mean_of(finest[0], box, 16), atol=0.05)

    def test_a_strip_is_never_floats_as_a_whole(self) -> None:
        """Reading a huge box takes few bytes more than its samples, also where some of them are not valid."""
        source = ArraySource([np.zeros((1, 2048, 2048), np.uint8)], tile_px=2048, nodata=0)
        windows = reader(source, 32)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strip, "MAX_CANVAS_PX", 2**21)
            tracemalloc.start()
            windows.read(Region(0, 0, 2048, 2048))
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()

        assert peak_bytes < 8 * 2**21

    def test_outside_is_background(self) -> None:
        """What lies outside the image shows the background, not black."""
        source = ArraySource([np.full((1, 64, 64), 255, np.uint8)])
        shown = reader(source, 32).read(Region(-8, -4, 32, 32)).pixels

        assert (shown[0, :8] == 0.5).all()
        assert (shown[0, :, :4] == 0.5).all()
        assert (shown[0, 8:, 4:] == 1.0).all()

    def test_nodata_does_not_darken_its_neighbours(self) -> None:
        """Means are taken over valid pixels only; where there are none, the background shows."""
        finest = np.full((1, 64, 64), 200, np.uint8)
        finest[:, :, :17] = 0
        source = ArraySource([finest], nodata=0)
        shown = reader(source, 32).read(Region(0, 0, 64, 64)).pixels

        assert (shown[0, :, :8] == 0.5).all()
        np.testing.assert_allclose(shown[0, :, 8:] * 255, 200, atol=0.01)

    def test_transparent_pixels_are_no_pixels(self) -> None:
        """Where alpha is 0 the background shows."""
        finest = np.full((4, 64, 64), 100, np.uint8)
        finest[3, :32] = 0
        fit = BandFit(indices=(0, 1, 2), is_mixed=False, alpha=3, low=0.0, high=255.0)
        source = ArraySource([finest], bands=("red", "green", "blue", "alpha"))
        shown = reader(source, 64, fit).read(Region(0, 0, 64, 64)).pixels

        assert (shown[:, :32] == 0.5).all()
        np.testing.assert_allclose(shown[:, 32:] * 255, 100, atol=0.01)

    def test_luma_mixes_three_bands(self) -> None:
        """Three bands become one by the weights of BT.601."""
        finest = noise(64, bands=3)
        fit = BandFit(indices=(0, 1, 2), is_mixed=True, alpha=None, low=0.0, high=255.0)
        source = ArraySource([finest], bands=("red", "green", "blue"))
        shown = reader(source, 64, fit).read(Region(0, 0, 64, 64)).pixels
        expected = np.tensordot([0.299, 0.587, 0.114], finest.astype(np.float64), 1)

        np.testing.assert_allclose(shown[0] * 255, expected, atol=1e-3)

    @pytest.mark.parametrize("side", [32, 64, 5000])
    @pytest.mark.parametrize("is_mixed", [True, False])
    def test_a_window_of_nothing_is_all_background(self, side: int, is_mixed: bool) -> None:
        """Where no tile of it is stored, native, shrunk or strip by strip, a window is float32 background."""
        keys = frozenset(TileKey(0, y, x) for y in range(20) for x in range(20))
        source = ArraySource([noise(side, bands=3)], tile_px=256, missing=keys)
        fit = BandFit(indices=(0, 1, 2), is_mixed=is_mixed, alpha=None, low=0.0, high=255.0)
        window = reader(source, 32, fit).read(Region(0, 0, side, side))

        expected = np.full((1 if is_mixed else 3, 32, 32), np.float32(0.5))
        assert window.pixels.dtype == np.float32
        np.testing.assert_array_equal(window.pixels, expected)

    def test_missing_tiles_are_background(self) -> None:
        """A tile that is missing by design shows the background and fails nothing."""
        source = ArraySource([noise(64)], tile_px=32, missing=frozenset([TileKey(0, 0, 1)]))
        window = reader(source, 64).read(Region(0, 0, 64, 64))

        assert (window.pixels[0, :32, 32:] == 0.5).all()
        assert window.failed_tiles == ()

    def test_a_small_failure_is_noted(self) -> None:
        """A window with one unreadable tile of 16 is shown without it, and says so."""
        broken = TileKey(0, 1, 2)
        source = ArraySource([noise(64)], tile_px=16, broken=frozenset([broken]))
        window = reader(source, 64).read(Region(0, 0, 64, 64))

        assert window.failed_tiles == (broken,)
        assert (window.pixels[0, 16:32, 32:48] == 0.5).all()

    def test_a_large_failure_is_no_look(self) -> None:
        """With a third of its pixels unreadable a window is refused, never shown as background."""
        broken = frozenset(TileKey(0, row, 0) for row in range(2)) | {TileKey(0, 0, 1)}
        source = ArraySource([noise(48)], tile_px=16, broken=broken)

        with pytest.raises(TileReadError, match="broken"):
            reader(source, 48).read(Region(0, 0, 48, 48))

    def test_a_finer_level_stands_in_for_a_broken_one(self) -> None:
        """Where the coarse level cannot be read the same pixels come from the next finer one."""
        levels = halved(noise(128), 2)
        broken = frozenset(TileKey(1, row, col) for row in range(4) for col in range(4))
        source = ArraySource(levels, tile_px=16, broken=broken)
        window = reader(source, 64).read(Region(0, 0, 128, 128))
        expected = mean_of(levels[0][0], Region(0, 0, 128, 128), 64)

        assert window.plan.level == 0
        np.testing.assert_allclose(window.pixels[0] * 255, expected, atol=0.51)
