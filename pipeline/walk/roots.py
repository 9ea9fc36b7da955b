"""The first looks of a walk: the whole image, a grid of coarse regions, or every finest window (the full scan)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipeline.errors import NothingToSeeError
from pipeline.images.foreground import Foreground
from pipeline.images.region import Region
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Position

_NAMES = {
    "none": "foreground",
    "valid": "valid data",
    "tissue": "tissue",
    "stored": "stored tile",
}


def plan_roots(
    config: WalkConfig, geometry: Geometry, foreground: Foreground | None, uri: str
) -> Iterator[Glimpse]:
    """The roots of one image, in the order in which a budget is spent on them.

    Raises:
        NothingToSeeError: if the foreground is empty.
    """
    if foreground is not None and foreground.integral[-1, -1] == 0:
        raise NothingToSeeError(
            f"{uri}: no {_NAMES[config.foreground]} found; look at the image, give a 'mask_path' in the "
            "manifest, or use --set walk.foreground=none"
        )
    if config.selection == "full_scan":
        return full_scan(geometry, foreground)
    if config.roots != "image":
        return iter(root_grid(config, geometry, foreground))
    return iter((_root(Position(0, 0, 0), Region(0, 0, geometry.height, geometry.width)),))


def root_grid(
    config: WalkConfig, geometry: Geometry, foreground: Foreground | None
) -> list[Glimpse]:
    """Regions of `root_downsample` times the finest look, those with most foreground first."""
    roots = list(_tiling(geometry, *_root_side(config, geometry), depth=0))
    if foreground is None:
        return roots
    shares = {root.position: foreground.fraction(root.region) for root in roots}
    seen = [root for root in roots if shares[root.position] > 0]
    return sorted(seen, key=lambda root: (-shares[root.position], root.position))


def root_grid_shape(config: WalkConfig, geometry: Geometry) -> tuple[int, int]:
    """Rows and columns of the grid, whether there is foreground in them or not."""
    height, width = _root_side(config, geometry)
    return -(-geometry.height // height), -(-geometry.width // width)


def full_scan(geometry: Geometry, foreground: Foreground | None) -> Iterator[Glimpse]:
    """Every finest window that holds foreground, row by row; a million of them cost no memory."""
    depth = _steps_to_finest(geometry)
    for root in _tiling(geometry, geometry.finest_height, geometry.finest_width, depth=depth):
        if foreground is None or foreground.fraction(root.region) > 0:
            yield root


def _root_side(config: WalkConfig, geometry: Geometry) -> tuple[int, int]:
    height = min(geometry.height, round(geometry.finest_height * config.root_downsample))
    return height, min(geometry.width, round(geometry.finest_width * config.root_downsample))


def _tiling(geometry: Geometry, height: int, width: int, *, depth: int) -> Iterator[Glimpse]:
    """Side by side from the top left; the last ones are moved inside the image."""
    for row in range(-(-geometry.height // height)):
        y = max(0, min(row * height, geometry.height - height))
        for col in range(-(-geometry.width // width)):
            x = max(0, min(col * width, geometry.width - width))
            yield _root(Position(depth, row, col), Region(y, x, height, width))


def _root(position: Position, region: Region) -> Glimpse:
    return Glimpse(position=position, region=region, parent=None, score=0.0, cell_log_prob=0.0)


def _steps_to_finest(geometry: Geometry) -> int:
    """Depth at which a walk from the whole image arrives at the finest look."""
    fraction = geometry.grid.cell_fraction
    if geometry.grid.num_per_side == 0 or fraction >= 1:
        return 0
    shrink = max(
        geometry.height / geometry.finest_height, geometry.width / geometry.finest_width, 1.0
    )
    return math.ceil(math.log(shrink) / -math.log(fraction) - 1e-9)
