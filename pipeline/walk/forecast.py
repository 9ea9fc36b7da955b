"""What the walk of an image reads at most, from the image's structure and the sizes in its index alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.images.foreground import OVERVIEW_PX
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.source import Source
from pipeline.images.window_plan import WindowPlan, level_for, plan_window
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.roots import full_scan, plan_roots
from pipeline.walk.walk_plan import WalkPlan, geometry_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of one image."""

    looks: int
    """Most looks that the walk takes."""
    requests: int
    """Reads: of the header, and one for every tile that is read."""
    bytes_read: int | None
    """Header and those tiles, each as large as the mean tile of its level; None where no index says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The looks of one depth."""

    count: int
    """How many there are at most."""
    level: int
    """Level that they are read from."""
    tiles: int
    """Tiles that one of them touches at most."""


def forecast(source: Source, pyramid: Pyramid, plan: WalkPlan) -> Forecast:
    """Of an open image that fits the model; nothing more of it is read.

    Args:
        source: the image.
        pyramid: its structure, as the manifest describes it.
        plan: the model's.
    """
    steps = list(_steps(pyramid, plan))
    looks = sum(step.count for step in steps)
    if plan.walk.budget is not None:
        looks = min(looks, plan.walk.budget)
    before = list(_read_before(pyramid, plan))
    counts = [level.num_tiles for level in pyramid.levels]
    sizes = [source.scan_bytes(index) for index in range(len(counts))]
    known = [size for size in sizes if size is not None]
    header = source.header
    return Forecast(
        looks=looks,
        requests=header.num_requests + _most(steps, looks, before, counts, counts),
        bytes_read=header.transferred_bytes + _most(steps, looks, before, counts, known)
        if len(known) == len(sizes)
        else None,
    )


def _most(
    steps: Sequence[_Step],
    looks: int,
    before: Iterable[int],
    counts: Sequence[int],
    wholes: Sequence[int],
) -> int:
    """The sum over the tiles that are read: no two looks share one, or all of each level are, whichever is less.

    Args:
        steps: of the walk.
        looks: of all of them together.
        before: levels that are read whole before the first look.
        counts: tiles of each level.
        wholes: what all tiles of each level come to.
    """

    def of_look(step: _Step) -> float:
        return step.tiles * wholes[step.level] / counts[step.level]

    left, apart = looks, 0.0
    for step in sorted(steps, key=of_look, reverse=True):
        taken = min(step.count, left)
        left -= taken
        apart += taken * of_look(step)
    everything = sum(wholes[level] for level in {step.level for step in steps})
    return round(min(apart, everything)) + sum(wholes[level] for level in before)


def _steps(pyramid: Pyramid, plan: WalkPlan) -> Iterator[_Step]:
    """Depth by depth. All looks of a depth are of one size."""
    geometry, walk = geometry_of(pyramid, plan), plan.walk
    if walk.selection == "full_scan":
        windows = full_scan(geometry, None)
        first, count = next(windows), 1 + sum(1 for _ in windows)
    else:
        roots = list(plan_roots(walk, geometry, None, pyramid.uri))
        first, count = roots[0], len(roots)
    look: Glimpse | None = first
    depth = 0
    while look is not None:
        planned = plan_window(pyramid, look.region, plan.spec.base_px)
        tiles = _most_tiles(pyramid.levels[planned.level], planned)
        yield _Step(count=count, level=planned.level, tiles=tiles)
        look = _below(look, geometry) if walk.selection != "full_scan" else None
        count = _chosen(walk, count, depth)
        depth += 1


def _below(look: Glimpse, geometry: Geometry) -> Glimpse | None:
    if not geometry.has_cells(look):
        return None
    position, region = geometry.cells(look)[0]
    return replace(look, position=position, region=region)


def _chosen(walk: WalkConfig, count: int, depth: int) -> int:
    """Looks at most that are taken one step below so many at `depth`."""
    cells = walk.grid**2
    if walk.selection == "top_k":
        numbers = walk.looks_per_region
        return count * min(cells, numbers[min(depth, len(numbers) - 1)])
    if walk.selection == "top_k_per_depth":
        numbers = walk.looks_per_depth
        return min(count * cells, numbers[min(depth, len(numbers) - 1)])
    return count * cells


def _most_tiles(level: Level, planned: WindowPlan) -> int:
    """Of a box of that size, wherever it lies."""
    rows = min(level.num_rows, -(-(planned.box.height - 1) // level.tile_height) + 1)
    return rows * min(level.num_cols, -(-(planned.box.width - 1) // level.tile_width) + 1)


def _read_before(pyramid: Pyramid, plan: WalkPlan) -> Iterator[int]:
    """Levels that are read whole to find foreground, or the roots that are worth a look."""
    if plan.walk.foreground in ("valid", "tissue"):
        large = (max(level.height, level.width) >= OVERVIEW_PX for level in pyramid.levels)
        yield max((index for index, is_large in enumerate(large) if is_large), default=0)
    if plan.walk.chooses_roots and plan.walk.proposals == "model":
        root = next(iter(plan_roots(plan.walk, geometry_of(pyramid, plan), None, pyramid.uri)))
        yield level_for(pyramid, root.region, plan.walk.overview_px)
