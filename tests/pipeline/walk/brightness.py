"""A network that likes bright cells: to the walk of the reference, and to walks taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.walk.cell_scorer import LookScores
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.root_scan import unscored


class Brightness:
    """Sees windows of 32 px as 4 x 4 cells.

    Args:
        levels: (J,) what it says of every look of going 1 to J depths down; nothing: it takes the next.
    """

    batch_size = 3
    num_lanes = 1

    def __init__(self, levels: Sequence[float] = ()) -> None:
        self._levels = np.array(levels, np.float32)

    def score(
        self,
        windows: Sequence[NDArray[np.float32]],
        positions: Sequence[Position],
        downsamples: Sequence[float],
    ) -> LookScores:
        """Log of each cell's share of the light, a little given to every one."""
        assert len(windows) == len(positions) == len(downsamples)
        light = np.stack([w[0].reshape(4, 8, 4, 8).mean(axis=(1, 3)).ravel() for w in windows])
        log = np.log(light + 1e-3)
        log -= np.log(np.exp(log).sum(axis=1, keepdims=True))  # (B, 16)
        levels = np.tile(self._levels, (len(windows), 1))  # (B, J)
        return LookScores(cells=log.astype(np.float32), levels=levels)

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        """The same for the reference."""
        scores = self.score(windows, positions, [1.0] * len(windows))
        kept = np.zeros(2, np.float32)
        return [
            Observation(kept, cells, levels)
            for cells, levels in zip(scores.cells, scores.levels, strict=True)
        ]

    score_roots = staticmethod(unscored)

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """Nothing is known."""
        return np.full((len(kept), 2), 0.5)

    alone = combine
