"""What an ingest of an image would do, said before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.images.opening import open_source
from pipeline.images.source import Source
from pipeline.ingest.codec import chunk_codec
from pipeline.ingest.estimate import estimate
from pipeline.ingest.ingest import IngestTask, attributes_of, is_done
from pipeline.ingest.lossiness import is_stored_lossy
from pipeline.ingest.plan import IngestPlan
from pipeline.ingest.planning import plan_ingest
from pipeline.ingest.settings import IngestSettings, can_be_jpeg, refuse_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Of one image."""

    state: Literal["to do", "has a pyramid", "done"]
    """`has a pyramid`: it is left alone. `done`: this very result is there."""
    num_levels: int
    """Stored resolutions of the image."""
    num_pixels: int
    """Of level 0."""
    source_bytes: int
    """Size of the image now."""
    result_bytes: int | None = None
    """About the size of the result; None when nothing will be written."""
    lossy_bytes: int | None = None
    """About its size with the lossy codec; None when that is not offered, or was asked for."""


def survey(task: IngestTask, *, with_pyramids: bool) -> Survey:
    """Open an image, and encode a small sample of it.

    Args:
        task: what would be done.
        with_pyramids: True: also an image that has a pyramid is ingested.

    Raises:
        ImageError: if it cannot be ingested as asked.
        UsageError: if there is another result under its name.
        OSError: if storage fails.
    """
    source = open_source(task.uri, task.places)
    try:
        plan = plan_ingest(source.pyramid)
        if len(source.pyramid.levels) > 1 and not with_pyramids:
            return _of(source, "has a pyramid")
        is_lossy = is_stored_lossy(task.uri)
        if task.settings.is_lossy:
            refuse_loss(source.pyramid, is_source_lossy=is_lossy)
        if is_done(task, attributes_of(source, plan, task)):
            return _of(source, "done")
        can_lose = is_lossy and can_be_jpeg(source.pyramid) and not task.settings.is_lossy
        lossy = IngestSettings(codec="jpeg", quality=task.settings.quality)
        return _of(
            source,
            "to do",
            result_bytes=_estimated(source, plan, task.settings),
            lossy_bytes=_estimated(source, plan, lossy) if can_lose else None,
        )
    finally:
        source.close()


def _estimated(source: Source, plan: IngestPlan, settings: IngestSettings) -> int:
    return estimate(source, plan, chunk_codec(settings, plan.num_bands)).result_bytes


def _of(
    source: Source,
    state: Literal["to do", "has a pyramid", "done"],
    result_bytes: int | None = None,
    lossy_bytes: int | None = None,
) -> Survey:
    levels = source.pyramid.levels
    stored = [source.scan_bytes(level) or 0 for level in range(len(levels))]
    return Survey(
        state=state,
        num_levels=len(levels),
        num_pixels=source.pyramid.height * source.pyramid.width,
        source_bytes=max(source.fingerprint.size_bytes, sum(stored)),
        result_bytes=result_bytes,
        lossy_bytes=lossy_bytes,
    )
