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

_PROBABILITY = "prob_"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLook:
    """A row of glimpses/."""

    order: int
    """0 is the first."""
    wave: int | None
    """Looks that were decided together; None: a run of an earlier version, which did not say."""
    depth: int
    """Steps from the coarsest look."""
    level: int | None
    """Level that was read; None: it could not be."""
    region: Region
    """Level-0 pixels."""
    score: float
    """What chose it."""
    label_so_far: str | None
    """Prediction after it."""
    confidence_so_far: float | None
    """Its probability."""
    bytes_so_far: int
    """Bytes up to it."""
    requests_so_far: int
    """Reads up to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLevel:
    """A row of ledger/."""

    level: int | None
    """None: header and index."""
    tiles_total: int
    """Stored tiles."""
    tiles_read: int
    """Different ones read."""
    pixels_total: int
    """Pixels."""
    pixels_read: int
    """Different ones shown."""
    transferred_bytes: int
    """Bytes."""
    requests: int
    """Reads."""
    full_scan_bytes: int | None
    """Bytes of all its tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedImage:
    """An image with everything that the run kept of it."""

    sample_id: str
    """Its name."""
    image_path: str
    """Where it is."""
    status: str
    """ok, degraded or failed."""
    label: str | None
    """Prediction."""
    confidence: float | None
    """Its probability."""
    probabilities: Mapping[str, float]
    """Of every class; empty when failed."""
    true_label: str | None
    """Of the manifest."""
    error: str | None
    """What went wrong."""
    stop_reason: str | None
    """Why its walk ended; None of a failed one."""
    seconds: float
    """Of its walk."""
    bytes_read: int
    """Bytes in all."""
    height_px: int
    """Level-0 rows; 0 when it could not be opened."""
    width_px: int
    """Level-0 columns."""
    pixel_size: tuple[float, float] | None
    """Height and width of a level-0 pixel."""
    pixel_size_unit: str | None
    """um or m."""
    crs: str | None
    """Coordinate reference system, of a map."""
    transform: tuple[float, ...] | None
    """(a, b, c, d, e, f): pixel corner (x, y) to map (a x + b y + c, d x + e y + f)."""
    looks: tuple[FinishedLook, ...]
    """In order."""
    ledger: tuple[FinishedLevel, ...]
    """Header, then levels, finest first."""

    @property
    def finest_level(self) -> int | None:
        """Finest level that a look was read from."""
        return min((look.level for look in self.looks if look.level is not None), default=None)


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
