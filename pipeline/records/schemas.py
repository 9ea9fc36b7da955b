"""The columns of the tables that a run writes. See docs/tables.md."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

TABLES = ("images", "ledger", "glimpses", "predictions")
"""In the order of writing: an image is finished when its prediction is there."""
IMAGES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("image_path", pa.string()),
        ("format", pa.string()),
        ("height_px", pa.int64()),
        ("width_px", pa.int64()),
        ("num_levels", pa.int32()),
        ("dtype", pa.string()),
        ("bands", pa.list_(pa.string())),
        ("pixel_size_y", pa.float64()),
        ("pixel_size_x", pa.float64()),
        ("pixel_size_unit", pa.string()),
        ("nodata", pa.float64()),
        ("crs", pa.string()),
        ("transform", pa.list_(pa.float64())),
        ("metadata", pa.map_(pa.string(), pa.string())),
    ]
)
GLIMPSES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("order", pa.int32()),
        ("wave", pa.int32()),
        ("depth", pa.int32()),
        ("level", pa.int32()),
        ("y_px", pa.int64()),
        ("x_px", pa.int64()),
        ("height_px", pa.int64()),
        ("width_px", pa.int64()),
        ("score", pa.float64()),
        ("cell_probability", pa.float64()),
        ("label_so_far", pa.string()),
        ("confidence_so_far", pa.float64()),
        ("label_alone", pa.string()),
        ("confidence_alone", pa.float64()),
        ("bytes_so_far", pa.int64()),
        ("requested_bytes_so_far", pa.int64()),
        ("requests_so_far", pa.int64()),
        ("tiles_so_far", pa.int64()),
        ("pixels_so_far", pa.int64()),
        ("native_pixels_so_far", pa.int64()),
        ("status", pa.string()),
        ("error", pa.string()),
    ]
)
LEDGER = pa.schema(
    [
        ("sample_id", pa.string()),
        ("level", pa.int32()),
        ("tiles_total", pa.int64()),
        ("tiles_read", pa.int64()),
        ("pixels_total", pa.int64()),
        ("pixels_read", pa.int64()),
        ("requested_bytes", pa.int64()),
        ("gap_bytes", pa.int64()),
        ("index_bytes", pa.int64()),
        ("transferred_bytes", pa.int64()),
        ("requests", pa.int64()),
        ("seconds", pa.float64()),
        ("full_scan_bytes", pa.int64()),
    ]
)


def predictions_schema(class_names: Sequence[str]) -> pa.Schema:
    """One row per image; a column `prob_NAME` per class."""
    return pa.schema(
        [
            ("sample_id", pa.string()),
            ("image_path", pa.string()),
            ("status", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float64()),
            *((f"prob_{name}", pa.float64()) for name in class_names),
            ("num_glimpses", pa.int32()),
            ("stop_reason", pa.string()),
            ("bytes_read", pa.int64()),
            ("full_scan_bytes", pa.int64()),
            ("seconds", pa.float64()),
            ("error", pa.string()),
            ("true_label", pa.string()),
            ("split", pa.string()),
            ("mpp", pa.float64()),
            ("pixel_size_m", pa.float64()),
            ("mask_path", pa.string()),
            ("height_px", pa.int64()),
            ("width_px", pa.int64()),
            ("source_size_bytes", pa.int64()),
            ("source_modified_ns", pa.int64()),
            ("source_etag", pa.string()),
        ]
    )
