"""Images by the page of the reference, one at a time: what every other way of running must come to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from actors.engine import Engine
from actors.engine_config import EngineConfig
from pipeline.image_record import ImageRecord
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import ImageResult, conclude
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.opening import open_image_walk
from pipeline.walk.walk import LookModel, walk
from pipeline.walk.walk_plan import WalkPlan


@contextlib.contextmanager
def walked(record: ImageRecord, plan: WalkPlan, model: LookModel) -> Iterator[ImageWalk]:
    """One image, walked to its end; closed afterwards."""
    image = open_image_walk(
        record,
        plan,
        combine=model.combine,
        cache=TileCache(2**24),
        score_roots=model.score_roots,
    )
    walk(image, model)
    yield image
    image.close()


def reference(record: ImageRecord, plan: WalkPlan, model: LookModel) -> ImageResult:
    """What one image comes to."""
    with walked(record, plan, model) as image:
        return conclude(image, model, time.perf_counter())


def walked_alike(
    records: Sequence[ImageRecord], plan: WalkPlan, model: LookModel
) -> list[ImageResult]:
    """All of them by the engine; it is asserted that none is missing and that each has the reference's looks."""
    with Engine(plan, model, EngineConfig()) as engine:
        results = list(engine.classify(records))
    assert len(results) == len(records)
    for result in results:
        assert result.glimpses == reference(result.outcome.record, plan, model).glimpses
    return results
