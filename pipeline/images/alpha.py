"""Masks as a band: 0 where a pixel means nothing, and the most where it does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region


def alpha_band(
    region: Region,
    parts: Iterable[tuple[Region, NDArray[np.generic] | None]],
    dtype: np.dtype[np.generic],
) -> NDArray[np.generic]:
    """(h, w) of a region from decoded mask tiles, (h, w) each, None where none is stored: valid above 0."""
    shown = np.zeros((region.height, region.width), dtype)
    for box, samples in parts:
        shared = region.intersection(box)
        if shared is None or samples is None:
            continue
        target = shown[_within(shared, region)]
        target[samples[_within(shared, box)] != 0] = _most(dtype)
    return shown


def opaque_band(region: Region, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """(h, w) of a region that is valid everywhere."""
    return np.full((region.height, region.width), _most(dtype), dtype)


def _most(dtype: np.dtype[np.generic]) -> int:
    return 255 if dtype == np.uint8 else 1


def _within(part: Region, whole: Region) -> tuple[slice, slice]:
    return (
        slice(part.y - whole.y, part.bottom - whole.y),
        slice(part.x - whole.x, part.right - whole.x),
    )
