"""Which images of a manifest are finished already: those of the same file, looked at in the same way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import PixelSize
from pipeline.storage.fingerprint import Fingerprint

COLUMNS = (
    "sample_id",
    "image_path",
    "status",
    "source_size_bytes",
    "source_modified_ns",
    "source_etag",
    "mpp",
    "pixel_size_m",
    "mask_path",
)
_SIZES: tuple[tuple[str, Literal["um", "m"]], ...] = (("mpp", "um"), ("pixel_size_m", "m"))


@dataclass(frozen=True, slots=True)
class FinishedImage:
    """An image that an earlier run classified."""

    image_path: str
    """What was opened."""
    fingerprint: Fingerprint
    """Which file that was."""
    pixel_size: PixelSize | None = None
    """What the manifest said of it."""
    mask_path: str | None = None
    """Likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What is left to do."""

    to_do: tuple[ImageRecord, ...]
    """Images to classify, in the order of the manifest."""
    to_drop: frozenset[str]
    """Ids whose rows are out of date: the file changed, or they are tried again."""
    num_skipped: int
    """Images that are finished."""


def finished_images(
    predictions: pa.Table, *, tried_again: Collection[str] = ("failed",)
) -> dict[str, FinishedImage]:
    """The finished images of a predictions table, by id.

    Args:
        predictions: its `COLUMNS`.
        tried_again: statuses of images that are not finished.
    """
    return {
        row["sample_id"]: FinishedImage(
            row["image_path"],
            Fingerprint(row["source_size_bytes"], row["source_modified_ns"], row["source_etag"]),
            _given_size(row),
            row["mask_path"],
        )
        for row in predictions.to_pylist()
        if row["status"] not in tried_again
    }


def _given_size(row: Mapping[str, Any]) -> PixelSize | None:
    for name, unit in _SIZES:
        if row[name] is not None:
            return PixelSize(row[name], row[name], unit)
    return None


def plan_resumption(
    records: Iterable[ImageRecord],
    written: Iterable[str],
    finished: Mapping[str, FinishedImage],
    fingerprint: Callable[[str], Fingerprint | None],
) -> Resumption:
    """Split a manifest into finished images and those to do.

    Args:
        records: the manifest.
        written: ids that have a row in any table, whatever it says.
        finished: ids that were classified.
        fingerprint: of a path as it is now; None when it cannot be told.
    """
    everything = tuple(records)
    to_do = tuple(
        record
        for record in everything
        if not _is_finished(record, finished.get(record.sample_id), fingerprint)
    )
    return Resumption(
        to_do=to_do,
        to_drop=frozenset(record.sample_id for record in to_do) & frozenset(written),
        num_skipped=len(everything) - len(to_do),
    )


def _is_finished(
    record: ImageRecord,
    earlier: FinishedImage | None,
    fingerprint: Callable[[str], Fingerprint | None],
) -> bool:
    return (
        earlier is not None
        and earlier.image_path == record.image_path
        and earlier.pixel_size == record.pixel_size
        and earlier.mask_path == record.mask_path
        and earlier.fingerprint == fingerprint(record.image_path)
    )
