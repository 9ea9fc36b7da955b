"""From the tables of a run to measures at every budget: looks nest, so one run holds them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipeline.records.output import Output
from pipeline.savings.measure import Measure, Way

_PREDICTION = (
    "sample_id",
    "status",
    "label",
    "confidence",
    "true_label",
    "num_glimpses",
    "bytes_read",
    "seconds",
)
_LOOK = (
    "sample_id",
    "order",
    "label_so_far",
    "confidence_so_far",
    "bytes_so_far",
    "requested_bytes_so_far",
    "requests_so_far",
    "tiles_so_far",
    "pixels_so_far",
    "native_pixels_so_far",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPerLook:
    """Multiplications of the network."""

    per_look: int
    """For a window."""
    per_image: int
    """Once, for the prediction."""

    def of(self, looks: int) -> int:
        """For an image."""
        return looks * self.per_look + self.per_image


def measures_of(
    output: Output,
    way: Way,
    budgets: Sequence[int | None],
    *,
    scanned: Mapping[str, str],
    work: WorkPerLook,
) -> Iterator[Measure]:
    """Every classified image of a run at every budget, image by image.

    Args:
        output: the run's tables; its own budget is at least the largest of `budgets`.
        way: how it looked.
        budgets: None: all looks there are.
        scanned: label of the full scan, by sample_id, of images that had one.
        work: of the network.
    """
    images = {
        row["sample_id"]: row
        for row in output.read("predictions", _PREDICTION).to_pylist()
        if row["status"] != "failed"
    }
    looks = output.read("glimpses", _LOOK).sort_by(
        [("sample_id", "ascending"), ("order", "ascending")]
    )
    for sample_id, rows in groupby(_rows(looks), key=lambda row: row["sample_id"]):
        if sample_id in images:
            taken = [row for row in rows if row["label_so_far"] is not None]
            for budget in budgets:
                yield _measure(images[sample_id], taken, way, budget, scanned, work)


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _measure(
    image: Mapping[str, Any],
    taken: Sequence[Mapping[str, Any]],
    way: Way,
    budget: int | None,
    scanned: Mapping[str, str],
    work: WorkPerLook,
) -> Measure:
    count = len(taken) if budget is None else min(budget, len(taken))
    last = taken[count - 1]
    sample_id, label, truth = image["sample_id"], last["label_so_far"], image["true_label"]
    return Measure(
        sample_id=sample_id,
        way=way,
        budget=budget,
        is_run=True,
        label=label,
        confidence=last["confidence_so_far"],
        is_right=None if truth is None else label == truth,
        agrees=label == scanned[sample_id] if sample_id in scanned else None,
        looks=count,
        pixels=last["pixels_so_far"],
        native_pixels=last["native_pixels_so_far"],
        tiles=last["tiles_so_far"],
        requested_bytes=last["requested_bytes_so_far"],
        bytes_read=last["bytes_so_far"],
        requests=last["requests_so_far"],
        seconds=image["seconds"] * count / len(taken),
        multiplications=work.of(count),
    )
