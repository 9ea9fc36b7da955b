"""The looks of a run that resemble an example most: the answer to a search."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

from pipeline.images.region import Region
from pipeline.records.output import Output

MATCHES = "matches.csv"
LIKE = "like"
"""Class of a model that was made of an example."""
_LEAST = 0.001
"""Coarser looks, and what is not alike at all, lie below."""
_HEADER = ("likeness", "sample_id", "image_path", "y_px", "x_px", "height_px", "width_px")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A region of an image."""

    likeness: float
    """0 to 1; 1 is the example itself."""
    sample_id: str
    """The image's name."""
    image_path: str
    """Where it is."""
    region: Region
    """Level-0 pixels."""

    @property
    def order(self) -> tuple[float, str, Region]:
        """The most alike first; ties by place."""
        return (-self.likeness, self.sample_id, self.region)


def best_matches(output: Output, count: int) -> list[Match]:
    """The `count` looks most like the example, of all images; in memory is never more than those.

    Looks without a prediction are of an image that was under way when its process ended, and do not count.
    """
    paths = {row["sample_id"]: row["image_path"] for row in _rows(output, "predictions")}
    looks = (row for row in _rows(output, "glimpses") if row["sample_id"] in paths)
    found = (_match(row, paths) for row in looks)
    return heapq.nsmallest(
        count, (one for one in found if one.likeness >= _LEAST), key=lambda one: one.order
    )


def matches_csv(matches: list[Match]) -> str:
    """A table with a header."""
    text = StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(_HEADER)
    for one in matches:
        where = one.region
        rows.writerow(
            [
                f"{one.likeness:.6f}",
                one.sample_id,
                one.image_path,
                where.y,
                where.x,
                where.height,
                where.width,
            ]
        )
    return text.getvalue()


def _rows(output: Output, table: str) -> Iterator[dict[str, Any]]:
    for batch in output.batches(table):
        yield from batch.to_pylist()


def _match(row: dict[str, Any], paths: dict[str, str]) -> Match:
    confidence = row["confidence_alone"] or 0.0
    is_like = row["label_alone"] == LIKE
    return Match(
        likeness=confidence if is_like or not confidence else 1 - confidence,
        sample_id=row["sample_id"],
        image_path=paths[row["sample_id"]],
        region=Region(row["y_px"], row["x_px"], row["height_px"], row["width_px"]),
    )
