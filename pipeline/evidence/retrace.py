"""The looks of a finished run once more: read where they lay, shown to the model, and found again in the tree of looks.

The tables say where a look lay, not which cell of which look it was; the walk's own rules say which could be. Where
cells of several looks coincide, the score that chose the look says which it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ImageChangedError
from pipeline.images.pyramid import PixelSize
from pipeline.images.region import Region
from pipeline.images.window import WindowReader
from pipeline.records.finished_image import FinishedImage, FinishedLook
from pipeline.walk.candidate_rule import CandidateRule
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.roots import plan_roots
from pipeline.walk.walk_plan import WalkPlan, geometry_of

TakeLooks: TypeAlias = Callable[
    [Sequence[NDArray[np.float32]], Sequence[Position]], list[Observation]
]
"""Windows, (C, base, base) with values 0 to 1, and where each is in the tree, to what the model says of each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetracedLook:
    """A look that was taken again."""

    order: int
    """Its place in the walk."""
    glimpse: Glimpse
    """Where, and why there."""
    observation: Observation
    """What the model says of it now."""
    cells: Sequence[tuple[Position, Region]]
    """The cells that the network scored, row by row; none where the walk ends."""


def retrace(
    image: FinishedImage,
    windows: WindowReader,
    plan: WalkPlan,
    take_looks: TakeLooks,
    *,
    batch_size: int,
) -> list[RetracedLook]:
    """The looks of a run that could be read, in their order.

    Args:
        image: what the run kept of it.
        windows: shows it to the model, as in the walk.
        plan: the run's.
        take_looks: the model; at most `batch_size` windows at once.
        batch_size: as it says.

    Raises:
        ImageChangedError: if it is not the image any more that the run looked at.
        ImageMismatchError: if it does not fit the model any more.
        TileReadError: if a look cannot be read any more.
    """
    geometry = _geometry(image, windows, plan)
    rule = CandidateRule(
        proposals=plan.walk.proposals,
        score=plan.walk.score,
        name=image.sample_id,
        image_px=(image.height_px, image.width_px),
    )
    taken = [look for look in image.looks if look.level is not None]
    candidates = _roots(image, plan, geometry, {look.region for look in taken})
    found: list[RetracedLook] = []
    for depth in sorted({look.depth for look in taken}):
        wave = [look for look in taken if look.depth == depth]
        glimpses = [_chosen(image, look, candidates) for look in wave]
        seen = _observed(glimpses, windows, take_looks, batch_size)
        for look, glimpse, observation in zip(wave, glimpses, seen, strict=True):
            cells = geometry.cells(glimpse) if geometry.has_cells(glimpse) else ()
            for cell in rule.opened(glimpse, geometry, observation) if cells else ():
                candidates[cell.position.depth, cell.region].append(cell)
            found.append(
                RetracedLook(
                    order=look.order, glimpse=glimpse, observation=observation, cells=cells
                )
            )
    return sorted(found, key=lambda one: one.order)


_Candidates: TypeAlias = defaultdict[tuple[int, Region], list[Glimpse]]
"""By depth and region."""


def _geometry(image: FinishedImage, windows: WindowReader, plan: WalkPlan) -> Geometry:
    pyramid = windows.tiles.source.pyramid
    if (pyramid.height, pyramid.width) != (image.height_px, image.width_px):
        raise ImageChangedError(
            f"{image.image_path}: the image has {pyramid.height} x {pyramid.width} px now and had "
            f"{image.height_px} x {image.width_px} in the run; it is another one"
        )
    size, unit = image.pixel_size, image.pixel_size_unit
    if size is not None:
        of_run = PixelSize(*size, "m" if unit == "m" else "um")
        pyramid = replace(pyramid, pixel_size=of_run)
    return geometry_of(pyramid, plan)


def _roots(
    image: FinishedImage, plan: WalkPlan, geometry: Geometry, regions: set[Region]
) -> _Candidates:
    """Those that lie where a look lay; a full scan has a million of them."""
    found: _Candidates = defaultdict(list)
    for root in plan_roots(plan.walk, geometry, None, image.image_path):
        if root.region in regions:
            found[root.position.depth, root.region].append(root)
    return found


def _chosen(image: FinishedImage, look: FinishedLook, candidates: _Candidates) -> Glimpse:
    there = candidates.get((look.depth, look.region), [])
    if not there:
        raise ImageChangedError(
            f"{image.image_path}: look {look.order + 1} of the run lies where this model's walk has no cell; was "
            "the image or its pixel size changed since?"
        )
    nearest = min(there, key=lambda one: (abs(one.score - look.score), one.position))
    return replace(
        nearest, score=look.score
    )  # a root's may come from an overview, which is not read again


def _observed(
    glimpses: Sequence[Glimpse], windows: WindowReader, take_looks: TakeLooks, batch_size: int
) -> Iterator[Observation]:
    for first in range(0, len(glimpses), batch_size):
        batch = glimpses[first : first + batch_size]
        pixels = [windows.read(glimpse.region).pixels for glimpse in batch]
        yield from take_looks(pixels, [glimpse.position for glimpse in batch])
