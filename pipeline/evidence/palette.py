"""Colours of a map, told apart by colour-blind people: dark blue to yellow; blue below 0 and orange above it."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STEPS = 255
"""Of values; 0 of a picture's palette is where nothing is said."""
_SEQUENTIAL = (
    (0, 34, 78),
    (53, 69, 108),
    (102, 105, 112),
    (148, 142, 119),
    (200, 184, 102),
    (254, 232, 56),
)
"""Ever lighter, and blue and yellow differ for every kind of colour blindness (after cividis, Nunez et al., 2018)."""
_BELOW, _ABOVE = (86, 180, 233), (255, 159, 0)
"""Sky blue and orange of Okabe and Ito."""
_FAINT, _FULL = 0.2, 0.9
"""Opacity of small values and of large ones."""
NUM_LEGEND = 9
"""Colours of a legend."""


def indices(values: NDArray[np.float32], largest: float, *, is_signed: bool) -> NDArray[np.uint8]:
    """(m, n) values to steps 1 to 255 of the palette; 0 for NaN.

    Args:
        values: from 0 to `largest`, or from -`largest`.
        largest: the value of the last colour.
        is_signed: whether the middle step is 0.
    """
    share = np.nan_to_num(values, nan=0.0) / (largest or 1.0)
    share = (share + 1) / 2 if is_signed else share
    steps = 1 + np.round(np.clip(share, 0, 1) * (STEPS - 1))
    return np.where(np.isnan(values), 0, steps).astype(np.uint8)


def colours(*, is_signed: bool) -> NDArray[np.uint8]:
    """(256, 4) red, green, blue and opacity of each step; step 0 cannot be seen."""
    share = np.linspace(-1 if is_signed else 0, 1, STEPS)
    found = np.zeros((STEPS + 1, 4))
    if is_signed:
        found[1:, :3] = np.where((share < 0)[:, None], _BELOW, _ABOVE)
        found[1:, 3] = _FULL * np.sqrt(np.abs(share))
    else:
        anchors = np.linspace(0, 1, len(_SEQUENTIAL))
        for band in range(3):
            found[1:, band] = np.interp(share, anchors, [one[band] for one in _SEQUENTIAL])
        found[1:, 3] = _FAINT + (_FULL - _FAINT) * share
    found[:, 3] *= 255
    return np.round(found).astype(np.uint8)


def drawn(values: NDArray[np.float32], largest: float, *, is_signed: bool) -> str:
    """A PNG of (m, n) values, one pixel each, as a data URL."""
    table = colours(is_signed=is_signed)
    picture = Image.fromarray(indices(values, largest, is_signed=is_signed), mode="P")
    picture.putpalette(table[:, :3].tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True, transparency=table[:, 3].tobytes())
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def legend(*, is_signed: bool) -> list[str]:
    """Colours as CSS writes them, from the lowest value to the highest."""
    steps = np.linspace(1, STEPS, NUM_LEGEND).round().astype(int)
    table = colours(is_signed=is_signed)[steps]
    return [f"rgba({r},{g},{b},{a / 255:.2f})" for r, g, b, a in table.tolist()]
