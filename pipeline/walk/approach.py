"""The looks by which a walk would come to a region: what to look for, seen from far to near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.images.region import Region
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.grid import grown, moved_inside


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproachingLook:
    """A look that shows the region in one of its cells."""

    region: Region
    """Level-0 pixels of the look."""
    cell: int
    """The cell whose centre is nearest to that of the region; row by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """A way from a root down to a region."""

    looks: tuple[ApproachingLook, ...]
    """One per depth, the root first; none if the root itself is no larger than need be."""
    end: Region
    """A look of its own about the region's centre, at the depth below the last."""

    @property
    def depth(self) -> int:
        """Of the look at the end."""
        return len(self.looks)


def approach(geometry: Geometry, roots: Sequence[Glimpse], target: Region) -> Approach:
    """The way that goes on while a cell can still hold all of `target`.

    Args:
        geometry: of the image.
        roots: one or more, of one size.
        target: level-0 pixels.

    Raises:
        UsageError: if it does not lie in the image, or no root can hold it.
    """
    inside = target.clipped(geometry.height, geometry.width)
    if inside != target:
        raise UsageError(
            f"the region {_told(target)} does not lie in the image, {geometry.height} x {geometry.width} px"
        )
    look = min(roots, key=lambda root: (_distance(root.region, target), root.position))
    if not _holds(look.region, target):
        raise UsageError(
            f"the region is {target.height} x {target.width} px, and the model's first look shows no more than "
            f"{look.region.height} x {look.region.width}; give a smaller region, or a larger walk.root_downsample"
        )
    looks: list[ApproachingLook] = []
    while geometry.has_cells(look):
        cells = geometry.cells(look)
        best = min(range(len(cells)), key=lambda i: (_distance(cells[i][1], target), i))
        position, region = cells[best]
        if not _holds(region, target):
            break
        looks.append(ApproachingLook(region=look.region, cell=best))
        look = Glimpse(
            position=position, region=region, parent=look.position, score=0.0, cell_log_prob=0.0
        )
    return Approach(looks=tuple(looks), end=_about(target, look.region, geometry))


def _about(target: Region, like: Region, geometry: Geometry) -> Region:
    """As large as `like`, about the target's centre, inside the image as far as it fits."""
    larger = grown(target, like.height, like.width)
    return moved_inside(larger, geometry.height, geometry.width)


def _holds(region: Region, target: Region) -> bool:
    return region.height >= target.height and region.width >= target.width


def _distance(region: Region, target: Region) -> int:
    """Of the centres, along rows and columns, in half pixels."""
    rows = 2 * region.y + region.height - 2 * target.y - target.height
    cols = 2 * region.x + region.width - 2 * target.x - target.width
    return abs(rows) + abs(cols)


def _told(region: Region) -> str:
    return f"{region.y},{region.x},{region.height},{region.width}"
