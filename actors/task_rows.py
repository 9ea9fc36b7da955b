"""An image and its allowance as they travel through Ray Data: flat rows, every column always there."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import PixelSize
from pipeline.walk.allowance import Allowance

TASK_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("image_path", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("mask_path", pa.string()),
        ("pixel_size_y", pa.float64()),
        ("pixel_size_x", pa.float64()),
        ("pixel_size_unit", pa.string()),
        ("allowed_looks", pa.int64()),
        ("allowed_bytes", pa.int64()),
        ("until_s", pa.float64()),
        ("granted", pa.int64()),
    ]
)


def task_row(record: ImageRecord, allowance: Allowance) -> dict[str, Any]:
    """As it travels."""
    size = record.pixel_size
    return {
        "sample_id": record.sample_id,
        "image_path": record.image_path,
        "label": record.label,
        "split": record.split,
        "mask_path": record.mask_path,
        "pixel_size_y": size.y if size else None,
        "pixel_size_x": size.x if size else None,
        "pixel_size_unit": size.unit if size else None,
        "allowed_looks": allowance.looks,
        "allowed_bytes": allowance.num_bytes,
        "until_s": allowance.until_s,
        "granted": allowance.granted,
    }


def record_from_row(row: dict[str, Any]) -> ImageRecord:
    """The image of a row."""
    has_size = row["pixel_size_unit"] is not None
    return ImageRecord(
        sample_id=row["sample_id"],
        image_path=row["image_path"],
        label=row["label"],
        split=row["split"],
        mask_path=row["mask_path"],
        pixel_size=PixelSize(row["pixel_size_y"], row["pixel_size_x"], row["pixel_size_unit"])
        if has_size
        else None,
    )


def allowance_from_row(row: dict[str, Any]) -> Allowance:
    """What its walk may spend."""
    return Allowance(
        looks=row["allowed_looks"],
        num_bytes=row["allowed_bytes"],
        until_s=row["until_s"],
        granted=row["granted"],
    )
