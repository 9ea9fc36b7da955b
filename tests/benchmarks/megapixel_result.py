"""What a run over megapixel-MNIST came to, from the tables that classify wrote and the truth of the archive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.benchmarks.score import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkedImage:
    """One image's walk, look by look, and its truth."""

    label: str
    """True class."""
    side_px: tuple[int, int]
    """Height and width of level 0."""
    full_scan_bytes: int | None
    """Encoded bytes of level 0."""
    seconds: float
    """From opening to the end of the walk."""
    boxes: NDArray[np.int64]
    """(L, 4) y0, x0, y1, x1 of the looks, level-0 pixels."""
    levels: NDArray[np.int64]
    """(L,) level that each read."""
    labels: Sequence[str]
    """(L,) prediction after each look."""
    confidences: NDArray[np.float64]
    """(L,) its probability."""
    bytes_so_far: NDArray[np.int64]
    """(L,) header included."""
    digits: NDArray[np.int64]
    """(D, 4) y0, x0, y1, x1 of the pasted digits."""

    def last(self, budget: int) -> int:
        """Index of the last look of a walk with this budget."""
        return min(budget, len(self.labels)) - 1

    def first_confident(self, stop_at: float) -> int:
        """Index of the look after which a walk with this stop rule ends."""
        reached = np.flatnonzero(self.confidences >= stop_at)
        return int(reached[0]) if len(reached) else len(self.labels) - 1

    def native_share(self, last: int) -> float:
        """Share of level-0 pixels shown at full resolution, each counted once."""
        height, width = self.side_px
        seen = np.zeros((height, width), bool)
        for y0, x0, y1, x1 in self._native(last):
            seen[max(y0, 0) : y1, max(x0, 0) : x1] = True
        return float(seen.mean())

    def digits_read(self, last: int) -> int:
        """Digits that lie wholly inside one of the native looks."""
        native = self._native(last)
        return sum(
            any(
                y0 <= d[0] and x0 <= d[1] and d[2] <= y1 and d[3] <= x1 for y0, x0, y1, x1 in native
            )
            for d in self.digits
        )

    def _native(self, last: int) -> list[NDArray[np.int64]]:
        until = last + 1
        return list(self.boxes[:until][self.levels[:until] == 0])


def read_run(out: Path, truth: Path) -> list[WalkedImage]:
    """The walks of a run that `foveate classify` wrote to `out`; images without any look are left out."""
    digits = _digits(truth)
    glimpses = _by_image(_table(out / "glimpses"))
    images = []
    for row in _table(out / "predictions").to_pylist():
        looks = glimpses.get(row["sample_id"])
        if looks is None:
            continue
        columns = {
            name: looks[name].to_numpy() for name in ("y_px", "x_px", "height_px", "width_px")
        }
        y, x = columns["y_px"], columns["x_px"]
        images.append(
            WalkedImage(
                label=row["true_label"],
                side_px=(row["height_px"], row["width_px"]),
                full_scan_bytes=row["full_scan_bytes"],
                seconds=row["seconds"],
                boxes=np.stack([y, x, y + columns["height_px"], x + columns["width_px"]], axis=1),
                levels=looks["level"].to_numpy(),
                labels=looks["label_so_far"].to_pylist(),
                confidences=looks["confidence_so_far"].to_numpy(),
                bytes_so_far=looks["bytes_so_far"].to_numpy(),
                digits=digits.get(row["sample_id"], np.zeros((0, 4), np.int64)),
            )
        )
    return images


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Means over an archive whose walks end where some rule says."""

    score: Score
    """Right answers."""
    digit_recall: float
    """Share of pasted digits inside a native look."""
    looks: float
    """Per image."""
    native_share: float
    """Level-0 pixels seen at full resolution, of all."""
    look_share: float
    """Pixels shown at all depths together, of those of level 0."""
    byte_share: float
    """Bytes read, of those of a full scan of level 0 (summed over images)."""


def point(images: Sequence[WalkedImage], ends: Sequence[int], base_px: int) -> Point:
    """What the walks came to that end after the looks `ends` (an index per image)."""
    pairs = list(zip(images, ends, strict=True))
    num_digits = sum(len(image.digits) for image in images)
    area = [math.prod(image.side_px) for image in images]
    full = sum(image.full_scan_bytes or 0 for image in images)
    read = sum(int(image.bytes_so_far[end]) for image, end in pairs)
    return Point(
        score=Score(
            num_right=sum(image.labels[end] == image.label for image, end in pairs),
            num_images=len(images),
        ),
        digit_recall=sum(image.digits_read(end) for image, end in pairs) / max(num_digits, 1),
        looks=float(np.mean([end + 1 for end in ends])),
        native_share=float(np.mean([image.native_share(end) for image, end in pairs])),
        look_share=float(
            np.mean([(end + 1) * base_px**2 / a for end, a in zip(ends, area, strict=True)])
        ),
        byte_share=read / full if full else math.nan,
    )


def budget_curve(
    images: Sequence[WalkedImage], budgets: Sequence[int], base_px: int
) -> Iterator[tuple[int, Point]]:
    """One run gives every smaller budget: looks are nested."""
    for budget in budgets:
        yield budget, point(images, [image.last(budget) for image in images], base_px)


def stop_curve(
    images: Sequence[WalkedImage], levels: Sequence[float], base_px: int
) -> Iterator[tuple[float, Point]]:
    """What stopping at a confidence would have come to."""
    for level in levels:
        ends = [image.first_confident(level) for image in images]
        yield level, point(images, ends, base_px)


def class_probabilities(out: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(N, K) final probabilities and (N,) true classes of a run, failed images left out."""
    table = _table(out / "predictions").filter(pa.compute.field("status") != "failed")
    names = [name for name in table.column_names if name.startswith("prob_")]
    probabilities = np.stack([table[name].to_numpy() for name in names], axis=1)  # (N, K)
    classes = [name.removeprefix("prob_") for name in names]
    labels = np.array([classes.index(label) for label in table["true_label"].to_pylist()])
    return probabilities, labels


def _table(directory: Path) -> pa.Table:
    return ds.dataset(directory, format="parquet").to_table()


def _by_image(glimpses: pa.Table) -> Mapping[str, pa.Table]:
    good = glimpses.filter(pa.compute.field("status") != "failed")
    ordered = good.sort_by([("sample_id", "ascending"), ("order", "ascending")])
    names = ordered["sample_id"].to_numpy(zero_copy_only=False)
    found, first, counts = np.unique(names, return_index=True, return_counts=True)
    return {
        str(name): ordered.slice(int(at), int(count))
        for name, at, count in zip(found, first, counts, strict=True)
    }


def _digits(truth: Path) -> Mapping[str, NDArray[np.int64]]:
    table = pq.read_table(truth).to_pandas()
    table["y1"], table["x1"] = table.y_px + table.side_px, table.x_px + table.side_px
    return {
        str(name): group[["y_px", "x_px", "y1", "x1"]].to_numpy(np.int64)
        for name, group in table.groupby("sample_id")
    }
