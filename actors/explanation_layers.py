"""From torch's explanations of looks to layers of a report: plain values over regions of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.explanations.explanation import Explanation
from pipeline.evidence.layer import Layer, Patch
from pipeline.evidence.methods import METHODS
from pipeline.evidence.retrace import RetracedLook
from pipeline.images.resample import to_size

MAX_MAP_PX = 96
"""Longer side of a map inside a look."""


def layer_of_looks(explanation: Explanation, looks: Sequence[RetracedLook]) -> Layer:
    """A map per look, over the look's region."""
    patches = tuple(
        Patch(
            look=look.order,
            region=look.glimpse.region,
            depth=look.glimpse.position.depth,
            values=_small(one),
        )
        for look, one in zip(looks, _maps(explanation), strict=True)
    )
    return Layer(method=METHODS[explanation.method], patches=patches, unit=explanation.unit)


def layer_of_cells(explanation: Explanation, looks: Sequence[RetracedLook]) -> Layer:
    """A value per candidate cell of each look, over the cell's region; cells of a look overlap."""
    patches = tuple(
        Patch(
            look=look.order,
            region=region,
            depth=position.depth,
            values=np.full((1, 1), value, np.float32),
        )
        for look, one in zip(looks, _maps(explanation), strict=True)
        for (position, region), value in zip(look.cells, one.flat, strict=True)
    )
    return Layer(method=METHODS[explanation.method], patches=patches, unit=explanation.unit)


def _maps(explanation: Explanation) -> NDArray[np.float32]:
    """(B, m, n)."""
    maps: NDArray[np.float32] = explanation.maps.detach().float().cpu().numpy()
    return maps


def _small(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(m, n), at most `MAX_MAP_PX` a side, by area means."""
    m, n = values.shape
    size = min(m, MAX_MAP_PX), min(n, MAX_MAP_PX)
    return to_size(values[:, :, None], *size)[:, :, 0].astype(np.float32, copy=False)
