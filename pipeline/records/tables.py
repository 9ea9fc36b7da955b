"""The rows that an image comes to in each table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import Pyramid
from pipeline.records.glimpse_rows import GlimpseRow
from pipeline.records.ledger import LevelCost
from pipeline.records.result import Failure, ImageResult, Prediction
from pipeline.records.schemas import GLIMPSES, IMAGES, LEDGER, predictions_schema

ROWS_PER_BATCH = 10_000
"""Looks put into a table at once; a full scan of a gigapixel image has a million."""


def tables_of(result: ImageResult, class_names: Sequence[str]) -> dict[str, pa.Table]:
    """The rows of one image, per table."""
    sample_id = result.outcome.record.sample_id
    found = result.pyramid
    return {
        "images": pa.Table.from_pylist(
            [] if found is None else [_image_row(result.outcome.record, found)], IMAGES
        ),
        "ledger": pa.Table.from_pylist(
            [_ledger_row(sample_id, cost) for cost in result.ledger], LEDGER
        ),
        "glimpses": pa.Table.from_batches(_glimpse_batches(result, class_names), GLIMPSES),
        "predictions": pa.Table.from_pylist(
            [_outcome_row(result.outcome, class_names)], predictions_schema(class_names)
        ),
    }


def _outcome_row(outcome: Prediction | Failure, class_names: Sequence[str]) -> dict[str, object]:
    given = outcome.record.pixel_size
    row: dict[str, object] = {
        "sample_id": outcome.record.sample_id,
        "image_path": outcome.record.image_path,
        "status": "failed",
        "error": outcome.error,
        "seconds": outcome.seconds,
        "true_label": outcome.record.label,
        "split": outcome.record.split,
        "mpp": given.y if given and given.unit == "um" else None,
        "pixel_size_m": given.y if given and given.unit == "m" else None,
        "mask_path": outcome.record.mask_path,
        "num_glimpses": 0,
        "bytes_read": outcome.bytes_read,
        "stop_reason": outcome.stop_reason,
    }
    if isinstance(outcome, Failure):
        return row
    probabilities = outcome.probabilities.tolist()
    return {
        **row,
        **{f"prob_{name}": p for name, p in zip(class_names, probabilities, strict=True)},
        "status": outcome.status,
        "label": class_names[outcome.class_index],
        "confidence": probabilities[outcome.class_index],
        "num_glimpses": outcome.num_glimpses,
        "full_scan_bytes": outcome.full_scan_bytes,
        "height_px": outcome.height_px,
        "width_px": outcome.width_px,
        "source_size_bytes": outcome.fingerprint.size_bytes,
        "source_modified_ns": outcome.fingerprint.modified_ns,
        "source_etag": outcome.fingerprint.etag,
    }


def _image_row(record: ImageRecord, pyramid: Pyramid) -> dict[str, object]:
    size = pyramid.pixel_size
    return {
        "sample_id": record.sample_id,
        "image_path": record.image_path,
        "format": pyramid.format,
        "height_px": pyramid.height,
        "width_px": pyramid.width,
        "num_levels": len(pyramid.levels),
        "dtype": pyramid.dtype,
        "bands": list(pyramid.bands),
        "pixel_size_y": None if size is None else size.y,
        "pixel_size_x": None if size is None else size.x,
        "pixel_size_unit": None if size is None else size.unit,
        "nodata": pyramid.nodata,
        "crs": pyramid.crs,
        "transform": pyramid.transform,
        "metadata": list(pyramid.metadata),
    }


def _glimpse_batches(result: ImageResult, class_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some at a time: a row as a dict takes twenty times the memory of a row of a table."""
    sample_id = result.outcome.record.sample_id
    for first in range(0, len(result.glimpses), ROWS_PER_BATCH):
        part = result.glimpses[first : first + ROWS_PER_BATCH]
        rows = [_glimpse_row(sample_id, row, class_names) for row in part]
        yield pa.RecordBatch.from_pylist(rows, GLIMPSES)


def _glimpse_row(sample_id: str, row: GlimpseRow, class_names: Sequence[str]) -> dict[str, object]:
    glimpse, cost = row.glimpse, row.cost_so_far
    return {
        "sample_id": sample_id,
        "order": row.order,
        "wave": row.wave,
        "depth": glimpse.position.depth,
        "level": row.level,
        "y_px": glimpse.region.y,
        "x_px": glimpse.region.x,
        "height_px": glimpse.region.height,
        "width_px": glimpse.region.width,
        "score": glimpse.score,
        "cell_probability": math.exp(glimpse.cell_log_prob),
        "label_so_far": _name_of(row.class_index_so_far, class_names),
        "confidence_so_far": row.confidence_so_far,
        "label_alone": _name_of(row.class_index_alone, class_names),
        "confidence_alone": row.confidence_alone,
        "bytes_so_far": cost.transferred_bytes,
        "requested_bytes_so_far": cost.requested_bytes,
        "requests_so_far": cost.requests,
        "tiles_so_far": cost.tiles,
        "pixels_so_far": cost.pixels,
        "native_pixels_so_far": cost.native_pixels,
        "status": row.status,
        "error": row.error,
    }


def _name_of(index: int | None, class_names: Sequence[str]) -> str | None:
    return None if index is None else class_names[index]


def _ledger_row(sample_id: str, cost: LevelCost) -> dict[str, object]:
    read = cost.acquisition
    return {
        "sample_id": sample_id,
        "level": cost.level,
        "tiles_total": cost.tiles_total,
        "tiles_read": cost.tiles_read,
        "pixels_total": cost.pixels_total,
        "pixels_read": cost.pixels_read,
        "requested_bytes": read.requested_bytes,
        "gap_bytes": read.gap_bytes,
        "index_bytes": read.index_bytes,
        "transferred_bytes": read.transferred_bytes,
        "requests": read.num_requests,
        "seconds": read.seconds,
        "full_scan_bytes": cost.full_scan_bytes,
    }
