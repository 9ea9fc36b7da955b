"""What the looks of a walk have cost so far: looks nest, so every row of it is a walk with a smaller budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.images.pyramid import Pyramid
from pipeline.images.tile import TileKey
from pipeline.records.coverage import Coverage
from pipeline.storage.acquisition import Acquisition
from pipeline.walk.image_walk import ReadTrace


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSoFar:
    """Of opening the image, and of the different tiles of all looks up to one."""

    transferred_bytes: int
    """Bytes that storage delivered."""
    requested_bytes: int
    """Encoded bytes of the tiles, and nothing else."""
    requests: int
    """Reads."""
    tiles: int
    """Different tiles."""
    pixels: int
    """Different pixels shown to the model, of all levels together."""
    native_pixels: int
    """Those of the finest level."""


class RunningCost:
    """Adds up the looks of one image in their order.

    Args:
        pyramid: of the image.
        header: what opening it cost.
        acquisitions: what each tile cost that was read.
        opening_tiles: those that were read before the first look.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        header: Acquisition,
        acquisitions: Mapping[TileKey, Acquisition],
        opening_tiles: Iterable[TileKey] = (),
    ) -> None:
        self._levels = pyramid.levels
        self._unseen = dict(acquisitions)
        self._total = header
        self._num_tiles = 0
        self._coverage: defaultdict[int, Coverage] = defaultdict(Coverage)
        self._add_tiles(opening_tiles)

    def add(self, trace: ReadTrace) -> None:
        """One more look."""
        self._add_tiles(trace.plan.tiles)
        level = self._levels[trace.plan.level]
        shown = trace.plan.box.clipped(level.height, level.width)
        if shown is not None:
            self._coverage[trace.plan.level].add(shown)

    def _add_tiles(self, keys: Iterable[TileKey]) -> None:
        for key in keys:
            read = self._unseen.pop(key, None)
            if read is not None:
                self._num_tiles += 1
                self._total += read

    @property
    def pixels(self) -> dict[int, int]:
        """Different pixels shown to the model, per level that any were of."""
        return {level: coverage.area for level, coverage in self._coverage.items()}

    @property
    def so_far(self) -> CostSoFar:
        """The sums."""
        return CostSoFar(
            transferred_bytes=self._total.transferred_bytes,
            requested_bytes=self._total.requested_bytes,
            requests=self._total.num_requests,
            tiles=self._num_tiles,
            pixels=sum(coverage.area for coverage in self._coverage.values()),
            native_pixels=self._coverage[0].area,
        )
