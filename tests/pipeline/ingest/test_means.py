"""2 x 2 area means against NumPy, pixel by pixel in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.ingest.means import area_means

SIDES = [(1, 1), (1, 6), (2, 2), (5, 4), (7, 9), (64, 33)]


def brute_force(pixels: NDArray[Any], nodata: float | None) -> NDArray[Any]:
    """The rule, word by word."""
    c, h, w = pixels.shape
    found = np.empty((c, math.ceil(h / 2), math.ceil(w / 2)), pixels.dtype)
    for at in np.ndindex(found.shape):
        part = pixels[at[0], 2 * at[1] : 2 * at[1] + 2, 2 * at[2] : 2 * at[2] + 2]
        values = part.astype(np.float64).ravel()
        counted = values[~np.isnan(values) & (values != (math.inf if nodata is None else nodata))]
        if counted.size == 0:
            found[at] = math.nan if nodata is None else nodata
        elif pixels.dtype.kind == "f":
            found[at] = counted.mean()
        else:
            found[at] = math.floor(counted.mean() + 0.5)
    return found


def random_pixels(dtype: str, height: int, width: int) -> NDArray[Any]:
    """(2, height, width) over the whole range of integers; few values, so that halves are common."""
    rng = np.random.default_rng(height * 100 + width)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 1000, (2, height, width)).astype(dtype)
    info = np.iinfo(dtype)
    wide = rng.integers(info.min, info.max, (2, height, width), endpoint=True, dtype=dtype)
    narrow = rng.integers(0, 4, (2, height, width)).astype(dtype)
    return np.where(rng.random((2, height, width)) < 0.5, wide, narrow)


class TestAreaMeans:
    @pytest.mark.parametrize("sides", SIDES)
    @pytest.mark.parametrize(
        "dtype", ["uint8", "uint16", "int16", "int8", "uint32", "int32", "float32", "float64"]
    )
    def test_equals_numpy(self, dtype: str, sides: tuple[int, int]) -> None:
        """The mean of the pixels that exist, halves rounded up, for every dtype and at odd edges."""
        pixels = random_pixels(dtype, *sides)
        found = area_means(pixels, None)

        assert found.dtype == pixels.dtype
        if dtype.startswith("float"):
            np.testing.assert_allclose(found, brute_force(pixels, None), rtol=1e-6)
        else:
            np.testing.assert_array_equal(found, brute_force(pixels, None))

    @pytest.mark.parametrize("sides", SIDES)
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_leaves_no_data_out(self, dtype: str, sides: tuple[int, int], share: float) -> None:
        """Pixels without data do not count; where none counts the result is without data too."""
        pixels = random_pixels(dtype, *sides)
        rng = np.random.default_rng(3)
        pixels[rng.random(pixels.shape) < share] = 3
        found = area_means(pixels, 3.0)

        np.testing.assert_allclose(found, brute_force(pixels, 3.0), rtol=1e-6)

    @pytest.mark.parametrize("nodata", [None, -9999.0, math.nan])
    def test_leaves_nan_out(self, nodata: float | None) -> None:
        """NaN never counts, whether it is the no-data value or not."""
        pixels = random_pixels("float32", 9, 8)
        rng = np.random.default_rng(5)
        pixels[rng.random(pixels.shape) < 0.4] = np.nan
        if nodata is not None:
            pixels[rng.random(pixels.shape) < 0.4] = nodata
        found = area_means(pixels, nodata)

        np.testing.assert_allclose(found, brute_force(pixels, nodata), rtol=1e-6)

    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
    def test_leaves_out_what_is_transparent(self, dtype: str) -> None:
        """Colours under alpha 0 are no part of a mean; alpha itself is the mean of all."""
        pixels = random_pixels(dtype, 9, 8)
        rng = np.random.default_rng(5)
        pixels[1] = np.where(rng.random((9, 8)) < 0.6, 0, 200)
        colours, alpha = area_means(pixels, None, alpha=1)

        wide = np.where(pixels[1] > 0, pixels[0].astype(np.float64), np.nan)
        [expected] = brute_force(wide[None], None)
        if np.dtype(dtype).kind != "f":
            expected = np.floor(expected + 0.5)
        is_shown = ~np.isnan(expected)
        assert 0 < is_shown.sum() < is_shown.size
        np.testing.assert_allclose(colours[is_shown], expected[is_shown], rtol=1e-6)
        np.testing.assert_array_equal(alpha, brute_force(pixels[1:], None)[0])

    def test_takes_infinities(self) -> None:
        """Of opposite infinities there is no mean, and no warning."""
        pixels = np.asarray([[[np.inf, -np.inf, np.inf, 1.0]]], np.float32)

        found = area_means(pixels, None)

        np.testing.assert_array_equal(found, [[[np.nan, np.inf]]])
