"""A coarse scan of a whole image that says which of its roots are worth a look: a gigapixel image has thousands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images.window import WindowReader
from pipeline.walk.glimpse import Glimpse

ScoreRoots: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(R, Q, C, p, p) overviews of the roots of one image, values 0 to 1, to (R, Q) log-probabilities that a look there
tells something."""


def unscored(overviews: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of whoever walks without choosing roots.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(f"nobody scores roots here; asked about {overviews.shape[:2]} of them")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RootScan:
    """What was seen of the roots, and what it was taken for."""

    overviews: NDArray[np.float32]
    """(R, Q, C, p, p), values 0 to 1; background where a root was not read."""
    roots: tuple[Glimpse, ...]
    """Those that were read, with their scores."""

    def index_of(self, root: Glimpse) -> int:
        """Its place among all R Q, row by row."""
        cols: int = self.overviews.shape[1]
        return root.position.y * cols + root.position.x


def scan_roots(
    roots: Sequence[Glimpse], shape: tuple[int, int], windows: WindowReader, score: ScoreRoots
) -> RootScan:
    """Read a small overview of every root, and score them all in sight of each other.

    A root whose overview cannot be read shows background; the tile's failure is in the image's account.

    Args:
        roots: of one image, those with foreground.
        shape: (R, Q) rows and columns of the grid that they lie in.
        windows: shows regions as overviews, (C, p, p).
        score: (R, Q, C, p, p) to (R, Q).
    """
    side, bands = windows.base_px, windows.fit.num_bands
    overviews = np.full((*shape, bands, side, side), windows.background, np.float32)
    for root in roots:
        try:
            overviews[root.position.y, root.position.x] = windows.read(root.region).pixels
        except TileReadError:
            continue
    log_probs = score(overviews)  # (R, Q)
    found = [(root, float(log_probs[root.position.y, root.position.x])) for root in roots]
    return RootScan(
        overviews=overviews,
        roots=tuple(replace(root, score=value, cell_log_prob=value) for root, value in found),
    )
