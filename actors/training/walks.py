"""Walks for training and for validation, ready to be taken together."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from actors.training.scorer import BlobScorer
from actors.training.stage import Stage
from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.images.augmentation import draw_augmentation
from pipeline.images.input_spec import InputSpec
from pipeline.images.tile_cache import TileCache
from pipeline.walk.cell_scorer import CellScorer
from pipeline.walk.episode import Episode, FailedEpisode, TrainingWalk
from pipeline.walk.exploration import Explorer
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.lockstep import walk_together
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk_plan import WalkPlan

CACHE_BYTES = 256 << 20
"""Of decoded tiles; looks of one walk share them."""


class WalkScorer(CellScorer, Protocol):
    """Scores cells, and roots where they are chosen from an overview."""

    def score_roots(self, overviews: NDArray[np.float32]) -> NDArray[np.float32]:
        """(R, Q, C, p, p) overviews of an image's roots to (R, Q) log-probabilities of a look worth taking."""


class Walks:
    """Opens images and walks them, explored for training or as they are for validation.

    Args:
        spec: what the model wants to be shown.
        seed: of all exploration and augmentation.
        num_levels: J, depths below a look among which the network chooses; 0: it does not.
    """

    def __init__(self, spec: InputSpec, *, seed: int, num_levels: int = 0) -> None:
        self._num_levels = num_levels
        self._spec = spec
        self._seed = seed
        self._cache = TileCache(CACHE_BYTES)

    def explored(
        self, records: Sequence[ImageRecord], stage: Stage, scorer: WalkScorer, epoch: int
    ) -> list[Episode | FailedEpisode]:
        """Training walks. The same seed, epoch and image give the same walk of the same network."""
        opened = [self._open_explored(record, stage, scorer, epoch) for record in records]
        return list(_walked(opened, scorer))

    def plain(
        self, records: Sequence[ImageRecord], stage: Stage, scorer: WalkScorer
    ) -> list[Episode | FailedEpisode]:
        """Walks as classify takes them."""
        plan = WalkPlan(spec=self._spec, walk=replace(stage.walk, stop_at=None))
        opened = [self._open_plain(record, plan, scorer) for record in records]
        return list(_walked(opened, scorer))

    def _open_plain(
        self, record: ImageRecord, plan: WalkPlan, scorer: WalkScorer
    ) -> TrainingWalk | FailedEpisode:
        walk = self._open(record, plan, scorer)
        return walk if isinstance(walk, FailedEpisode) else TrainingWalk(walk=walk)

    def _open_explored(
        self, record: ImageRecord, stage: Stage, scorer: WalkScorer, epoch: int
    ) -> TrainingWalk | FailedEpisode:
        plan = WalkPlan(spec=self._spec, walk=replace(stage.training_walk, stop_at=None))
        seed = (self._seed, epoch, zlib.crc32(record.sample_id.encode()))
        explorer = Explorer(stage.exploration, seed=(0, *seed), base_px=self._spec.base_px)
        walk = self._open(record, plan, scorer, explorer)
        if isinstance(walk, FailedEpisode):
            return walk
        height, width = walk.pyramid.height, walk.pyramid.width
        rng = np.random.default_rng([1, *seed])
        is_blob = rng.random() < stage.exploration.blob_share
        augmentation = draw_augmentation(stage.augmentation, rng, height, width)
        if augmentation.crop is not None:
            walk.traversal.start_within(augmentation.crop)
        return TrainingWalk(
            walk=walk,
            explorer=explorer,
            augmentation=augmentation,
            scorer=self._blobs(stage) if is_blob else None,
        )

    def _blobs(self, stage: Stage) -> BlobScorer:
        return BlobScorer(stage.training_walk, stage.exploration, self._num_levels)

    def _open(
        self,
        record: ImageRecord,
        plan: WalkPlan,
        scorer: WalkScorer,
        explorer: Explorer | None = None,
    ) -> ImageWalk | FailedEpisode:
        try:
            return open_image_walk(
                record,
                plan,
                combine=_no_prediction,
                cache=self._cache,
                score_roots=scorer.score_roots,
                explore=explorer,
            )
        except ImageError as error:
            return FailedEpisode(record=record, error=str(error))


def _walked(
    opened: Sequence[TrainingWalk | FailedEpisode], scorer: CellScorer
) -> Iterator[Episode | FailedEpisode]:
    """What came of each, in order; images that could not be opened stand where they stood."""
    walks = [one for one in opened if isinstance(one, TrainingWalk)]
    episodes = iter(walk_together(walks, scorer))
    for one in opened:
        yield next(episodes) if isinstance(one, TrainingWalk) else one


def _no_prediction(kept: NDArray[np.float32]) -> NDArray[np.float64]:
    raise RuntimeError(f"training walks never stop by confidence; asked after {len(kept)} looks")
