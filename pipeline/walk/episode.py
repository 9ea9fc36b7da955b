"""A walk that somebody learns from: what goes into it, and what is left when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.image_record import ImageRecord
from pipeline.images.augmentation import NO_AUGMENTATION, Augmentation
from pipeline.storage.acquisition import Acquisition
from pipeline.walk.cell_scorer import CellScorer
from pipeline.walk.exploration import Explorer
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.image_walk import ImageWalk

Shown: TypeAlias = dict[Position, NDArray[np.float32]]
"""(C, base, base) of each look, varied."""
NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWalk:
    """An image to be walked."""

    walk: ImageWalk
    """Open, at its beginning."""
    explorer: Explorer | None = None
    """What explores in it, to know which looks were forced."""
    augmentation: Augmentation = NO_AUGMENTATION
    """How its windows are varied."""
    scorer: CellScorer | None = None
    """Who scores its cells; None: whoever scores those of the others."""

    def seen(self, position: Position) -> Position:
        """As the network sees it; mirrored images have one root, so that depth d has n ** d columns."""
        if not self.augmentation.is_mirrored:
            return position
        n = self.walk.traversal.num_cells_per_side
        return position._replace(x=n**position.depth - 1 - position.x)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenLook:
    """One look as the network saw it."""

    glimpse: Glimpse
    """Where, in the image."""
    pixels: NDArray[np.float32]
    """(C, base, base), values 0 to 1, varied."""
    position: Position
    """In the tree of looks, as the network saw it: mirrored where the image was."""
    parent: int
    """Index of the look that proposed it, in the same walk; -1 for a root."""
    cell: int
    """Index among that look's cells, as the network saw them; of a root among all roots, -1 where none was chosen."""
    is_random: bool
    """Whether chance chose it."""
    level_noise: NDArray[np.float32]
    """(J',) what the depth of its own next looks was drawn with, of depths that exist; (0,) where none was drawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """A walk that is over."""

    record: ImageRecord
    """Which image."""
    looks: tuple[SeenLook, ...]
    """In the order of the walk; at least one."""
    cost: Acquisition
    """What was read."""
    overviews: NDArray[np.float32] | None = None
    """(R, Q, C, p, p) of all roots, where they were chosen from an overview."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEpisode:
    """An image that showed nothing; the others of its step go on."""

    record: ImageRecord
    """Which image."""
    error: str
    """What went wrong."""


def episode_of(image: TrainingWalk, shown: Shown) -> Episode | FailedEpisode:
    """What is left of a walk that is over, and of what each of its looks showed."""
    walk = image.walk
    glimpses = [look.glimpse for look in walk.traversal.looks]
    if not glimpses:
        failed = [look.error for look in walk.traversal.failed_looks]
        return FailedEpisode(record=walk.record, error="; ".join(failed) or "nothing to see")
    index = {glimpse.position: order for order, glimpse in enumerate(glimpses)}
    forced = image.explorer.forced if image.explorer else set()
    noise = image.explorer.level_noise if image.explorer else {}
    looks = tuple(
        SeenLook(
            glimpse=glimpse,
            pixels=shown[glimpse.position],
            position=image.seen(glimpse.position),
            parent=-1 if glimpse.parent is None else index[glimpse.parent],
            cell=_cell(image, glimpse),
            is_random=glimpse.position in forced,
            level_noise=noise.get(glimpse.position, NOTHING),
        )
        for glimpse in glimpses
    )
    return Episode(
        record=walk.record,
        looks=looks,
        cost=walk.tiles.cost,
        overviews=walk.scan.overviews if walk.scan else None,
    )


def _cell(image: TrainingWalk, glimpse: Glimpse) -> int:
    if glimpse.parent is None:
        return -1 if image.walk.scan is None else image.walk.scan.index_of(glimpse)
    n = image.walk.traversal.num_cells_per_side
    # A look further down lies in a cell, too: in that of its parent's grid which holds it.
    finer: int = n ** (glimpse.position.depth - glimpse.parent.depth - 1)
    row, col = glimpse.position.y // finer % n, glimpse.position.x // finer % n
    return row * n + (n - 1 - col if image.augmentation.is_mirrored else col)
