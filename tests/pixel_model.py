"""A model without weights: what it says depends on every pixel and on the place, and on nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.glimpse import Observation, Position


class PixelModel:
    """Says something else of every window, and of every place that it is shown from."""

    batch_size, num_lanes = 4, 1
    num_levels = 0
    """Depths below a look among which it chooses."""

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        found = []
        for window, position in zip(windows, positions, strict=True):
            rng = np.random.default_rng([zlib.crc32(window.tobytes()), *position])
            cells = np.log(rng.dirichlet(np.ones(9))).astype(np.float32)
            kept = rng.normal(size=2).astype(np.float32)
            levels = rng.normal(size=self.num_levels).astype(np.float32)
            found.append(Observation(kept, cells, levels))
        return found

    def score_roots(self, overviews: NDArray[np.float32]) -> NDArray[np.float32]:
        return -overviews.mean(axis=(2, 3, 4))

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        powers = np.exp(np.cumsum(kept.astype(np.float64), axis=0))
        return powers / powers.sum(axis=1, keepdims=True)

    def alone(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        powers = np.exp(kept.astype(np.float64))
        return powers / powers.sum(axis=1, keepdims=True)
