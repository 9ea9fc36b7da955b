"""Many images walked together, one wave of each at a time, as training does it.

The walk is classify's own. What differs: cells are scored by whatever scorer is given, the pixels are kept for
the gradient pass, and the finest looks are not scored at all, for nothing follows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ImageError, TileReadError
from pipeline.image_record import ImageRecord
from pipeline.images.augmentation import NO_AUGMENTATION, Augmentation
from pipeline.storage.acquisition import Acquisition
from pipeline.walk.exploration import Explorer
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.image_walk import ImageWalk

_WHOLE_WAVE = 1 << 30
_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookScores:
    """What to do after some looks. Larger is better."""

    cells: NDArray[np.float32]
    """(B, G) log-probabilities of their cells, or the like."""
    levels: NDArray[np.float32]
    """(B, J) the same of the depths below them; J is 0 where the next one is taken."""


class CellScorer(Protocol):
    """Says which cells of a look are worth one of their own."""

    def score(
        self,
        windows: Sequence[NDArray[np.float32]],
        positions: Sequence[Position],
        downsamples: Sequence[float],
    ) -> LookScores:
        """Scores of the cells of some looks, as the network sees them.

        Args:
            windows: (C, base, base) each, values 0 to 1.
            positions: where in the tree of looks each is.
            downsamples: level-0 pixels per window pixel of each.
        """


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


def walk_together(
    images: Sequence[TrainingWalk], scorer: CellScorer
) -> list[Episode | FailedEpisode]:
    """Walk images to their end and close them; what came of each, in their order."""
    shown: list[dict[Position, NDArray[np.float32]]] = [{} for _ in images]
    while True:
        looks = [
            (image, pixels, glimpse)
            for image, pixels in zip(images, shown, strict=True)
            if not image.walk.traversal.is_finished
            for glimpse in image.walk.traversal.propose(_WHOLE_WAVE)
        ]
        if not looks:
            break
        _take(looks, scorer)
    for image in images:
        image.walk.close()
    return [_episode(image, pixels) for image, pixels in zip(images, shown, strict=True)]


def _take(
    looks: Iterable[tuple[TrainingWalk, dict[Position, NDArray[np.float32]], Glimpse]],
    scorer: CellScorer,
) -> None:
    """Read a wave of every image, score the looks that go on, and tell the walks."""
    coarse: list[tuple[TrainingWalk, Glimpse, NDArray[np.float32]]] = []
    for image, pixels, glimpse in looks:
        traversal = image.walk.traversal
        try:
            window = image.augmentation.vary(image.walk.read(glimpse).pixels)
        except (TileReadError, ImageError) as error:
            traversal.fail(glimpse, str(error))
            continue
        pixels[glimpse.position] = window
        if traversal.wants_cells(glimpse):
            coarse.append((image, glimpse, window))
        else:
            traversal.observe(glimpse, Observation(_NOTHING, _NOTHING))
    for own in {id(image.scorer): image.scorer for image, _, _ in coarse}.values():
        _score([one for one in coarse if one[0].scorer is own], own or scorer)


def _score(
    coarse: Sequence[tuple[TrainingWalk, Glimpse, NDArray[np.float32]]], scorer: CellScorer
) -> None:
    """Tell walks what the cells of their coarse looks are worth."""
    windows = [window for _, _, window in coarse]
    positions = [_seen(image, glimpse.position) for image, glimpse, _ in coarse]
    downsamples = [glimpse.region.height / window.shape[1] for _, glimpse, window in coarse]
    scores = scorer.score(windows, positions, downsamples)
    for (image, glimpse, _), cells, levels in zip(coarse, scores.cells, scores.levels, strict=True):
        in_image = image.augmentation.unmirrored(cells)  # (G,)
        image.walk.traversal.observe(glimpse, Observation(_NOTHING, in_image, levels))


def _episode(
    image: TrainingWalk, shown: dict[Position, NDArray[np.float32]]
) -> Episode | FailedEpisode:
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
            position=_seen(image, glimpse.position),
            parent=-1 if glimpse.parent is None else index[glimpse.parent],
            cell=_cell(image, glimpse),
            is_random=glimpse.position in forced,
            level_noise=noise.get(glimpse.position, _NOTHING),
        )
        for glimpse in glimpses
    )
    return Episode(
        record=walk.record,
        looks=looks,
        cost=walk.tiles.cost,
        overviews=walk.scan.overviews if walk.scan else None,
    )


def _seen(image: TrainingWalk, position: Position) -> Position:
    """As the network sees it; one root, so that depth d has n ** d columns."""
    if not image.augmentation.is_mirrored:
        return position
    n = image.walk.traversal.num_cells_per_side
    return position._replace(x=n**position.depth - 1 - position.x)


def _cell(image: TrainingWalk, glimpse: Glimpse) -> int:
    if glimpse.parent is None:
        return -1 if image.walk.scan is None else image.walk.scan.index_of(glimpse)
    n = image.walk.traversal.num_cells_per_side
    # A look further down lies in a cell, too: in that of its parent's grid which holds it.
    finer: int = n ** (glimpse.position.depth - glimpse.parent.depth - 1)
    row, col = glimpse.position.y // finer % n, glimpse.position.x // finer % n
    return row * n + (n - 1 - col if image.augmentation.is_mirrored else col)
