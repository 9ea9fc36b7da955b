"""How many different pixels a growing set of boxes covers, without looking at all of them again for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline.images.region import Region
from pipeline.records.ledger import union_area

BUCKET_PX = 512
"""Boxes are found again by the squares of this side that they touch."""


class Coverage:
    """Boxes of one level, counted as they come."""

    def __init__(self) -> None:
        self.area = 0
        """Different pixels so far."""
        self._buckets: defaultdict[tuple[int, int], list[Region]] = defaultdict(list)

    def add(self, box: Region) -> None:
        """Count what of a box no earlier one covers."""
        buckets = list(_buckets(box))
        near = {other for bucket in buckets for other in self._buckets[bucket]}
        shared = [part for other in near if (part := box.intersection(other)) is not None]
        self.area += box.area - union_area(shared)
        for bucket in buckets:
            self._buckets[bucket].append(box)


def _buckets(box: Region) -> Iterator[tuple[int, int]]:
    for row in range(box.y // BUCKET_PX, (box.bottom - 1) // BUCKET_PX + 1):
        for col in range(box.x // BUCKET_PX, (box.right - 1) // BUCKET_PX + 1):
            yield row, col
