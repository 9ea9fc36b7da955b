"""The whole algorithm on one page, one image at a time, in one thread: the reference.

Every other way of running (many images at once, on Ray, resumed) must give the same looks and the same
prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AllowanceSpentError, TileReadError
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.image_walk import ImageWalk


class LookModel(Protocol):
    """A network, seen from the walk."""

    @property
    def batch_size(self) -> int:
        """Most windows it takes at once."""

    @property
    def num_lanes(self) -> int:
        """Calls of `look` that may run side by side."""

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        """What it says of each window, (C, base, base) with values 0 to 1.

        A window's answer must not depend on the others of its batch, to the last bit.
        """

    def score_roots(self, overviews: NDArray[np.float32]) -> NDArray[np.float32]:
        """(R, Q, C, p, p) overviews of an image's roots to (R, Q) log-probabilities of a look worth taking.

        Asked only where `walk.roots` is `scan`.
        """

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """(L, R) kept of looks, in order, to (L, K) class probabilities after each of them."""

    def alone(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """(L, R) kept of looks to (L, K) class probabilities of each of them by itself."""


def walk(image: ImageWalk, model: LookModel) -> None:
    """Walk an open image to its end; the looks are then in `image.traversal`."""
    while not image.traversal.is_finished:
        for glimpse in image.traversal.propose(model.batch_size):
            _take_look(image, glimpse, model)


def _take_look(image: ImageWalk, glimpse: Glimpse, model: LookModel) -> None:
    try:
        window = image.read(glimpse)
    except TileReadError as error:
        image.traversal.fail(glimpse, str(error))
        return
    except AllowanceSpentError as error:
        image.tiles.charge(error.cost)
        image.traversal.forgo(glimpse)
        return
    [observation] = model.look([window.pixels], [glimpse.position])
    image.traversal.observe(glimpse, observation)
