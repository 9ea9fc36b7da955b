"""Half the size by 2 x 2 area means.

A pixel of the next level is the mean of those of its four that exist (at an odd edge two or one), that are
not "no data", not NaN and not transparent; band by band. Means of integers are rounded to the nearest, halves
towards plus infinity: floor(mean + 0.5).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_FAST = ("uint8", "uint16", "int16")
"""OpenCV's area means of these are exact and rounded as ours."""


def area_means(
    pixels: NDArray[np.generic], nodata: float | None, alpha: int | None = None
) -> NDArray[np.generic]:
    """(C, h, w) to (C, ceil(h / 2), ceil(w / 2)) of the same dtype.

    Where no pixel counts, the result is `nodata`, or NaN when there is none (of integers 0). `alpha` is the
    band that is above 0 where the others mean something.
    """
    even: NDArray[Any] = _made_even(pixels)
    counted = _counted(even, nodata, alpha)
    if even.dtype.kind == "f":
        return _of_floats(even, counted, nodata)
    if even.dtype.name in _FAST and counted.all():
        return _fast(even)
    return _of_integers(even, counted, nodata)


def _counted(
    pixels: NDArray[Any], nodata: float | None, alpha: int | None
) -> NDArray[np.bool_] | np.bool_:
    """(C, h, w), or one True for all: which samples are part of a mean."""
    counted: NDArray[np.bool_] | np.bool_ = np.bool_(True)
    if pixels.dtype.kind == "f":
        counted = ~np.isnan(pixels)
    if nodata is not None:
        counted = counted & (pixels != pixels.dtype.type(nodata))
    if alpha is not None:
        others = np.arange(len(pixels)) != alpha  # alpha itself is a mean of all
        counted = counted & ((pixels[alpha] > 0) | ~others[:, None, None])
    return counted


def _made_even(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Last row and column doubled where they are odd: that leaves means as they are."""
    _, h, w = pixels.shape
    if h % 2 == 0 and w % 2 == 0:
        return pixels
    return np.pad(pixels, ((0, 0), (0, h % 2), (0, w % 2)), mode="edge")


def _fast(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    c, h, w = pixels.shape
    means = np.empty((c, h // 2, w // 2), pixels.dtype)
    for band in range(c):
        cv2.resize(pixels[band], (w // 2, h // 2), means[band], interpolation=cv2.INTER_AREA)
    return means


def _of_integers(
    pixels: NDArray[Any], counted: NDArray[np.bool_] | np.bool_, nodata: float | None
) -> NDArray[np.generic]:
    # Eight times a sample must fit.
    kind: type[Any] = np.int32 if pixels.dtype.itemsize <= 2 else np.int64
    total: NDArray[Any] = _sums(np.where(counted, pixels, 0).astype(kind))
    count: NDArray[Any] = _sums(np.broadcast_to(counted, pixels.shape).astype(kind))
    # floor(total / count + 1 / 2), in whole numbers
    means = (2 * total + count) // np.maximum(2 * count, 1)
    if nodata is not None:
        means[count == 0] = int(nodata)
    whole: NDArray[np.generic] = means.astype(pixels.dtype)
    return whole


def _of_floats(
    pixels: NDArray[np.generic], counted: NDArray[np.bool_] | np.bool_, nodata: float | None
) -> NDArray[np.generic]:
    wide = pixels.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of two infinities there is no mean but NaN
        total = _sums(np.where(counted, wide, np.float64(0)))
    count = _sums(np.broadcast_to(counted, pixels.shape).astype(np.float64))
    nothing = np.nan if nodata is None else nodata
    means = np.full(total.shape, nothing)
    np.divide(total, count, out=means, where=count > 0)
    return means.astype(pixels.dtype)


def _sums(values: NDArray[Any]) -> NDArray[Any]:
    """(C, h, w) to (C, h / 2, w / 2)."""
    top = values[:, ::2, ::2] + values[:, ::2, 1::2]
    bottom = values[:, 1::2, ::2] + values[:, 1::2, 1::2]
    total: NDArray[Any] = top + bottom
    return total
