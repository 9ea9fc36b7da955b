"""The tree of looks of one image: which cells a look has, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.images.region import Region
from pipeline.images.window_plan import LEVEL_TOLERANCE
from pipeline.walk.axis import Axis
from pipeline.walk.cells import Cells
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.grid import Grid

MAX_CELLS = 10_000
"""Most candidates of one look; a grid of 7 x 7 has 2,401 cells two depths down and 117,649 three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Plain numbers of one image and one model."""

    height: int
    """Level-0 rows of the image."""
    width: int
    """Level-0 columns of the image."""
    finest_height: int
    """Level-0 rows of the finest look that the model wants."""
    finest_width: int
    """Level-0 columns of the finest look."""
    grid: Grid
    """Candidate cells of every look."""
    depths: int | None
    """Steps of the walk, or None: until the finest look."""

    def has_cells(self, glimpse: Glimpse) -> bool:
        """Whether finer looks inside this one exist."""
        if self.grid.num_per_side == 0:
            return False
        if self.depths is not None and glimpse.position.depth + 1 >= self.depths:
            return False
        return self.is_coarse(glimpse.region)

    def is_coarse(self, region: Region) -> bool:
        """Whether the image holds finer pixels than a window of this region shows."""
        return (
            region.height > self.finest_height * LEVEL_TOLERANCE
            or region.width > self.finest_width * LEVEL_TOLERANCE
        )

    def num_steps(self, glimpse: Glimpse, at_most: int) -> int:
        """Depths below a look with cells that its next looks may lie at: 1 to as far as the finest, and `MAX_CELLS`."""
        n, steps = self.grid.num_per_side, 1
        inner = glimpse
        while steps < at_most and n ** (2 * steps + 2) <= MAX_CELLS:
            position, region = self.cells(inner)[0]
            inner = replace(inner, position=position, region=region)
            if not self.has_cells(inner):
                break
            steps += 1
        return steps

    def cells(self, glimpse: Glimpse, steps: int = 1) -> Cells:
        """The candidate cells of a look, row by row.

        Cells that would be finer than the finest look grow to it, about their centre and inside the image.

        Args:
            glimpse: a look with cells.
            steps: depths below it that the cells lie at; of those in between nothing is looked at.
        """
        region, (depth, y, x) = glimpse.region, glimpse.position
        rows = Axis.of(region.y, region.height)
        cols = Axis.of(region.x, region.width)
        for _ in range(steps):
            rows, cols = rows.divided(self.grid), cols.divided(self.grid)
            if rows.side < self.finest_height or cols.side < self.finest_width:
                rows = rows.grown(self.finest_height).moved_inside(self.height)
                cols = cols.grown(self.finest_width).moved_inside(self.width)
        finer = self.grid.num_per_side**steps
        return Cells(
            first=Position(depth + steps, y * finer, x * finer),
            ys=rows.starts,
            xs=cols.starts,
            height=rows.side,
            width=cols.side,
        )
