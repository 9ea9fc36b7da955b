"""Many images walked together, one wave of each at a time, as training does it.

The walk is classify's own. What differs: cells are scored by whatever scorer is given, the pixels are kept for
the gradient pass, and the finest looks are not scored at all, for nothing follows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ImageError, TileReadError
from pipeline.walk.cell_scorer import CellScorer
from pipeline.walk.episode import (
    NOTHING,
    Episode,
    FailedEpisode,
    Shown,
    TrainingWalk,
    episode_of,
)
from pipeline.walk.glimpse import Glimpse, Observation

_WHOLE_WAVE = 1 << 30


def walk_together(
    images: Sequence[TrainingWalk], scorer: CellScorer
) -> list[Episode | FailedEpisode]:
    """Walk images to their end and close them; what came of each, in their order."""
    shown: list[Shown] = [{} for _ in images]
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
    return [episode_of(image, pixels) for image, pixels in zip(images, shown, strict=True)]


def _take(
    looks: Iterable[tuple[TrainingWalk, Shown, Glimpse]],
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
            traversal.observe(glimpse, Observation(NOTHING, NOTHING))
    for own in {id(image.scorer): image.scorer for image, _, _ in coarse}.values():
        _score([one for one in coarse if one[0].scorer is own], own or scorer)


def _score(
    coarse: Sequence[tuple[TrainingWalk, Glimpse, NDArray[np.float32]]], scorer: CellScorer
) -> None:
    """Tell walks what the cells of their coarse looks are worth."""
    windows = [window for _, _, window in coarse]
    positions = [image.seen(glimpse.position) for image, glimpse, _ in coarse]
    downsamples = [glimpse.region.height / window.shape[1] for _, glimpse, window in coarse]
    scores = scorer.score(windows, positions, downsamples)
    for (image, glimpse, _), cells, levels in zip(coarse, scores.cells, scores.levels, strict=True):
        in_image = image.augmentation.unmirrored(cells)  # (G,)
        image.walk.traversal.observe(glimpse, Observation(NOTHING, in_image, levels))
