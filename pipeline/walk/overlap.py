"""Which regions were chosen already, so that no window is read twice."""

from __future__ import annotations

from collections import defaultdict

from pipeline.images.region import Region


class ChosenRegions:
    """Grows as looks are chosen; one per traversal.

    Half-overlapping cells of neighbouring parents coincide: three levels of a 3x3 grid have 81 cells and
    49 regions. Looks of one depth may also be kept from overlapping (`max_overlap`).
    """

    def __init__(self, overlaps: tuple[float, ...] | None) -> None:
        self._overlaps = overlaps
        self._all: set[Region] = set()
        self._of_depth: dict[int, list[Region]] = defaultdict(list)

    def add(self, region: Region, depth: int) -> None:
        """Remember a chosen region."""
        self._all.add(region)
        self._of_depth[depth].append(region)

    def allows(self, region: Region, depth: int) -> bool:
        """Whether it is new, and overlaps no look of its depth too much. Once False, always False."""
        if region in self._all:
            return False
        if not self._overlaps:
            return True
        largest = self._overlaps[min(max(depth - 1, 0), len(self._overlaps) - 1)]
        return all(region.overlap(other) <= largest for other in self._of_depth[depth])

    def take(self, region: Region, depth: int) -> bool:
        """Remember a region if it is allowed; whether it was."""
        is_allowed = self.allows(region, depth)
        if is_allowed:
            self.add(region, depth)
        return is_allowed
