"""What is kept of one image: its prediction, its looks, its costs. Plain values that cross processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AllowanceSpentError, ImageError, PutOffError
from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import Pyramid
from pipeline.records.glimpse_rows import GlimpseRow, GlimpseRows
from pipeline.records.ledger import LevelCost, header_cost, level_costs
from pipeline.records.running_cost import RunningCost
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.remembered_walk import RememberedWalk, remembered
from pipeline.walk.walk import LookModel

Status: TypeAlias = Literal["ok", "degraded", "failed"]
"""`degraded`: classified, but something of it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """The row of an image that was classified."""

    record: ImageRecord
    """The manifest's row."""
    status: Status
    """`ok` or `degraded`."""
    class_index: int
    """Most probable class; the first of equals."""
    probabilities: NDArray[np.float64]
    """(K,) class probabilities, summing to 1."""
    num_glimpses: int
    """Looks taken."""
    stop_reason: str
    """Why the walk ended."""
    height_px: int
    """Level-0 rows."""
    width_px: int
    """Level-0 columns."""
    bytes_read: int
    """Bytes transferred in all, header and index included."""
    full_scan_bytes: int | None
    """Encoded bytes of the finest level; None where no index says it."""
    seconds: float
    """From opening to the last look."""
    fingerprint: Fingerprint
    """Which file it was."""
    error: str | None
    """What could not be read, for a degraded image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The row of an image that could not be classified."""

    record: ImageRecord
    """The manifest's row."""
    error: str
    """What was found, what was wanted, and the way out."""
    seconds: float
    """Time spent on it."""
    bytes_read: int = 0
    """Bytes transferred before that was known."""
    stop_reason: str | None = None
    """`archive_budget`: its share was spent before a first look, and more would do."""
    is_put_off: bool = False
    """True: it was not taken up at all, and gets no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """Everything that is written about one image."""

    outcome: Prediction | Failure
    """Its row."""
    glimpses: Sequence[GlimpseRow] = ()
    """Its looks, in order."""
    ledger: tuple[LevelCost, ...] = ()
    """Its costs: header, then levels."""
    pyramid: Pyramid | None = None
    """What the image is, if it could be opened."""
    walk: RememberedWalk | None = None
    """What is known of it, where its walk ended only for what it may spend and may be taken up again."""


def failed(
    record: ImageRecord, error: BaseException, seconds: float, read: Acquisition | None = None
) -> ImageResult:
    """The result of an image that could not be classified. `read`: so far, where the error does not say it."""
    text = str(error) or type(error).__name__
    cost = error.cost if isinstance(error, ImageError) else read or Acquisition()
    failure = Failure(
        record=record,
        error=text,
        seconds=seconds,
        bytes_read=cost.transferred_bytes,
        stop_reason="archive_budget" if isinstance(error, AllowanceSpentError) else None,
        is_put_off=isinstance(error, PutOffError),
    )
    return ImageResult(outcome=failure, ledger=(header_cost(cost),) if cost.num_requests else ())


def conclude(image: ImageWalk, model: LookModel, started_s: float) -> ImageResult:
    """The result of an image whose walk is over. `started_s` is `time.perf_counter()` at its opening."""
    source, looks = image.tiles.source, image.traversal.looks
    acquisitions = image.tiles.acquisitions
    if not looks:
        return ImageResult(
            outcome=_nothing_seen(image, time.perf_counter() - started_s),
            ledger=level_costs(source, acquisitions, {}),
            pyramid=image.pyramid,
            walk=_to_go_on(image),
        )
    kept = looks.kept  # (L, R)
    so_far = model.combine(kept)  # (L, K)
    cost = RunningCost(image.pyramid, source.header, acquisitions, sorted(image.opening_tiles))
    glimpses = GlimpseRows(image, so_far, model.alone(kept), cost)
    ledger = level_costs(source, acquisitions, cost.pixels)
    return ImageResult(
        outcome=Prediction(
            record=image.record,
            status="degraded" if image.tiles.failures else "ok",
            class_index=int(so_far[-1].argmax()),
            probabilities=so_far[-1].copy(),  # and not a view that holds all of them
            num_glimpses=len(looks),
            stop_reason=str(image.traversal.stop_reason),
            height_px=image.pyramid.height,
            width_px=image.pyramid.width,
            bytes_read=sum(cost.acquisition.transferred_bytes for cost in ledger),
            full_scan_bytes=source.scan_bytes(0),
            seconds=time.perf_counter() - started_s,
            fingerprint=source.fingerprint,
            error=_tile_errors(image),
        ),
        glimpses=glimpses,
        ledger=ledger,
        pyramid=image.pyramid,
        walk=_to_go_on(image),
    )


def _to_go_on(image: ImageWalk) -> RememberedWalk | None:
    return remembered(image) if image.traversal.stop_reason == "archive_budget" else None


def _nothing_seen(image: ImageWalk, seconds: float) -> Failure:
    errors = [look.error for look in image.traversal.failed_looks]
    reason = errors[0] if errors else "there was nothing to look at"
    is_spent = image.traversal.stop_reason == "archive_budget"
    if is_spent:
        reason = (
            "its share of the archive's budget was spent; give the archive more, or fewer images"
        )
    return Failure(
        record=image.record,
        bytes_read=image.tiles.cost.transferred_bytes,
        error=f"{image.record.image_path}: no look could be taken: {reason}",
        seconds=seconds,
        stop_reason="archive_budget" if is_spent else None,
    )


def _tile_errors(image: ImageWalk) -> str | None:
    failures = image.tiles.failures
    if not failures:
        return None
    first = failures[min(failures)]
    return f"{len(failures)} tile(s) could not be read; the first: {first}"
