"""What an ingest would do with each image, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.console import err, out
from pipeline.errors import FoveateError, UsageError
from pipeline.image_record import ImageRecord
from pipeline.ingest.settings import IngestSettings
from pipeline.records.summary import readable_bytes

if TYPE_CHECKING:  # they load zarr and dask, which wrong use and help must not wait for
    from pipeline.ingest.ingest import IngestTask
    from pipeline.ingest.survey import Survey

NUM_READERS = 8
BIG_GROWTH = 2.0
"""Results that are larger than this, as a multiple of the image, are worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """An image, and what would be done with it."""

    sample_id: str
    """Which image."""
    task: IngestTask
    """What would be done."""
    survey: Survey | None = None
    """What is known of it; None: it cannot be ingested."""
    problem: str | None = None
    """Why not."""


def survey_images(
    records: Sequence[ImageRecord], tasks: Sequence[IngestTask], *, with_pyramids: bool
) -> Iterator[Surveyed]:
    """Look at all images before anything is written.

    Raises:
        UsageError: if a result that is there may not be replaced.
    """
    from pipeline.ingest.survey import survey  # not above: it loads zarr and dask

    def look(record: ImageRecord, task: IngestTask) -> Surveyed:
        named: dict[str, Any] = {"sample_id": record.sample_id, "task": task}
        try:
            return Surveyed(**named, survey=survey(task, with_pyramids=with_pyramids))
        except UsageError:
            raise
        except (FoveateError, OSError) as error:
            return Surveyed(**named, problem=str(error))

    with ThreadPoolExecutor(NUM_READERS) as pool:
        yield from pool.map(look, records, tasks)


def tell(one: Surveyed, settings: IngestSettings) -> None:
    """A line of what would be done with an image, and how large it gets."""
    found = one.survey
    if found is None:
        err.print(f"{one.sample_id}: {one.problem}", markup=False, style="red")
        return
    now = f"{one.sample_id}: {found.num_pixels / 1e6:.1f} megapixels, {readable_bytes(found.source_bytes)} now"
    if found.state == "has a pyramid":
        told = f"has a pyramid ({found.num_levels} levels): left alone, classify reads it where it lies (--all)"
    elif found.state == "done":
        told = f"already there: {one.task.final}"
    else:
        told = _growth(found, settings)
    out.print(f"{now}; {told}", markup=False)


def _growth(found: Survey, settings: IngestSettings) -> str:
    after = found.result_bytes or 0
    times = after / found.source_bytes if found.source_bytes else 1.0
    told = f"about {readable_bytes(after)} after ({times:.1f}x, {settings.codec})"
    if found.lossy_bytes is not None and times > BIG_GROWTH:
        told += f"; it is stored lossy now: --codec jpeg makes it about {readable_bytes(found.lossy_bytes)}"
    if times > BIG_GROWTH:
        told += "; classify reads it where it lies without this"
    return told
