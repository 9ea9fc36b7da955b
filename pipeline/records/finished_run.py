"""A run's directory read back: one image after another, with its looks and costs, as plain values."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import UsageError
from pipeline.images.region import Region
from pipeline.records.finished_image import FinishedImage, FinishedLevel, FinishedLook

_PROBABILITY = "prob_"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """The directory of a run."""

    directory: Path
    """Where it lies."""
    facts: Mapping[str, Any]
    """run.json."""
    num_images: int
    """Rows of predictions/."""

    def images(self) -> Iterator[FinishedImage]:
        """All of them, in the order of their ids."""
        predictions = _rows(self.directory, "predictions")
        structure = {row["sample_id"]: row for row in _rows(self.directory, "images")}
        looks = _grouped(self.directory, "glimpses")
        ledgers = _grouped(self.directory, "ledger")
        for row in sorted(predictions, key=lambda row: str(row["sample_id"])):
            name = row["sample_id"]
            yield _image(row, structure.get(name, {}), looks[name], ledgers[name])


def open_run(directory: Path) -> FinishedRun:
    """The run in a directory.

    Raises:
        UsageError: if there is none, or one that cannot be read.
    """
    path = directory / "run.json"
    if not path.is_file() or not (directory / "predictions").is_dir():
        raise UsageError(
            f"{directory}: no run there (run.json and predictions/); give the --out of foveate classify "
            "or foveate savings"
        )
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        sizes = [pq.read_metadata(part).num_rows for part in _parts(directory, "predictions")]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(
            f"{directory}: the run there cannot be read: {error}; copy it again, or run foveate classify anew into "
            "another directory"
        ) from error
    return FinishedRun(directory=directory, facts=facts, num_images=sum(sizes))


def _parts(directory: Path, table: str) -> list[Path]:
    """None as yet where the run was killed before its first image."""
    return sorted((directory / table).glob("[!._]*.parquet"))  # as Arrow reads a directory


def _rows(directory: Path, table: str) -> list[dict[str, Any]]:
    if not _parts(directory, table):
        return []
    found: list[dict[str, Any]] = pq.read_table(directory / table).to_pylist()
    return found


def _grouped(directory: Path, table: str) -> dict[str, list[dict[str, Any]]]:
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(directory, table):
        groups[row["sample_id"]].append(row)
    return groups


def _image(
    row: Mapping[str, Any],
    structure: Mapping[str, Any],
    looks: list[dict[str, Any]],
    ledger: list[dict[str, Any]],
) -> FinishedImage:
    y, x = structure.get("pixel_size_y"), structure.get("pixel_size_x")
    transform = structure.get("transform")
    probabilities = {
        name.removeprefix(_PROBABILITY): value
        for name, value in row.items()
        if name.startswith(_PROBABILITY) and value is not None
    }
    return FinishedImage(
        sample_id=row["sample_id"],
        image_path=row["image_path"],
        status=row["status"],
        label=row["label"],
        confidence=row["confidence"],
        probabilities=probabilities,
        true_label=row["true_label"],
        error=row["error"],
        stop_reason=row["stop_reason"],
        seconds=row["seconds"],
        bytes_read=row["bytes_read"],
        height_px=structure.get("height_px") or 0,
        width_px=structure.get("width_px") or 0,
        pixel_size=None if y is None or x is None else (y, x),
        pixel_size_unit=structure.get("pixel_size_unit"),
        crs=structure.get("crs"),
        transform=None if transform is None else tuple(transform),
        looks=tuple(_look(one) for one in sorted(looks, key=lambda one: int(one["order"]))),
        ledger=tuple(
            FinishedLevel(**{name: one[name] for name in FinishedLevel.__dataclass_fields__})
            for one in sorted(ledger, key=lambda one: -1 if one["level"] is None else one["level"])
        ),
    )


def _look(row: Mapping[str, Any]) -> FinishedLook:
    return FinishedLook(
        order=row["order"],
        wave=row.get("wave"),
        depth=row["depth"],
        level=row["level"],
        region=Region(row["y_px"], row["x_px"], row["height_px"], row["width_px"]),
        score=row["score"],
        label_so_far=row["label_so_far"],
        confidence_so_far=row["confidence_so_far"],
        bytes_so_far=row["bytes_so_far"],
        requests_so_far=row["requests_so_far"],
    )
