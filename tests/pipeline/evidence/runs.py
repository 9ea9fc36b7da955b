"""Runs on disk, without a model: tables as classify writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.records.schemas import GLIMPSES, IMAGES, LEDGER, predictions_schema
from tests.image_files import slide

CLASSES = ("cat", "dog")
NUM_LOOKS = 6
SETTINGS = {
    "model.sha256": "0" * 64,
    "input.base_px": 64,
    "input.bands": "rgb",
    "input.value_ranges": {"uint8": [0, 255]},
    "input.background": 1.0,
    "input.pixel_size_um": None,
    "input.pixel_size_m": None,
}


def write_run(directory: Path, names: list[str], *, num_files: int = 3) -> Path:
    """Images called `names`, each a walk of six looks over one of a few slides; every fourth is wrong.

    The last look overlaps the one before it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [slide(directory / f"{i}.tif", 600, 500, seed=i) for i in range(num_files)]
    rng = np.random.default_rng(0)
    tables: dict[str, list[dict[str, object]]] = {name: [] for name in ("i", "g", "l", "p")}
    for index, name in enumerate(names):
        path = str(paths[index % num_files])
        label = CLASSES[index % 2]
        confidence = float(rng.uniform(0.5, 1))
        tables["i"].append(
            {"sample_id": name, "image_path": path, "height_px": 600, "width_px": 500}
        )
        tables["p"].append(
            {
                "sample_id": name,
                "image_path": path,
                "status": "ok",
                "label": label,
                "confidence": confidence,
                "prob_cat": confidence,
                "prob_dog": 1 - confidence,
                "num_glimpses": NUM_LOOKS,
                "bytes_read": 1000 + index,
                "full_scan_bytes": 100_000,
                "seconds": 0.5,
                "true_label": label if index % 4 else CLASSES[1 - index % 2],
            }
        )
        y, x = 0, 0
        for order in range(NUM_LOOKS):
            is_last = order == NUM_LOOKS - 1
            y, x = (y + 16, x + 16) if is_last else (int(at) for at in rng.integers(0, 400, 2))
            box = (0, 0, 600, 500) if not order else (y, x, 64, 64)
            tables["g"].append(
                dict(zip(("y_px", "x_px", "height_px", "width_px"), box, strict=True))
                | {
                    "sample_id": name,
                    "order": order,
                    "depth": min(order, 1),
                    "level": 2 if not order else 0,
                    "score": 0.0,
                    "label_so_far": label if order else "cat",
                    "confidence_so_far": confidence * (order + 1) / NUM_LOOKS,
                    "bytes_so_far": 200 * order,
                    "requests_so_far": order,
                    "status": "ok",
                }
            )
        for level in (None, 0, 1, 2):
            tables["l"].append(
                dict.fromkeys(set(LEDGER.names) - {"sample_id", "level", "seconds"}, 10)
                | {"sample_id": name, "level": level, "seconds": 0.1}
            )
    schemas = {"i": IMAGES, "g": GLIMPSES, "l": LEDGER, "p": predictions_schema(CLASSES)}
    folders = {"i": "images", "g": "glimpses", "l": "ledger", "p": "predictions"}
    for key, rows in tables.items():
        (directory / folders[key]).mkdir(exist_ok=True)
        pq.write_table(
            pa.Table.from_pylist(rows, schemas[key]), directory / folders[key] / "rows.parquet"
        )
    facts = {"settings": SETTINGS, "seconds": 12.0, "is_trained": True, "model": "m"}
    (directory / "run.json").write_text(json.dumps(facts))
    return directory
