"""What a walk knew when it ended: enough for a later one to go on from there, without reading or looking twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.images.window_plan import plan_on_level
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import total
from pipeline.storage.fingerprint import Fingerprint
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.image_walk import ImageWalk


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RememberedLook:
    """A look that could be read."""

    region: Region
    """Level-0 pixels."""
    observation: Observation
    """What the model said of it."""
    level: int
    """Level that was read."""
    num_failed_tiles: int
    """Tiles of it that show background because they could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RememberedWalk:
    """One image, as far as it was walked."""

    fingerprint: Fingerprint
    """Of the image: of another one nothing is known."""
    header: Acquisition
    """What opening it cost."""
    looks: Mapping[Position, RememberedLook]
    """Where it was looked."""
    failed_looks: Mapping[Position, str]
    """Where it could not be, and why."""
    tiles: Mapping[TileKey, Acquisition]
    """What each tile cost that was read."""
    failed_tiles: Mapping[TileKey, str]
    """Those that could not be read, and why."""
    opening_tiles: frozenset[TileKey]
    """Those that were read before the first look."""


def remembered(image: ImageWalk) -> RememberedWalk:
    """What is known of an image whose walk is over; its traversal has kept what was seen."""
    return RememberedWalk(
        fingerprint=image.tiles.source.fingerprint,
        header=image.tiles.source.header,
        looks={
            look.glimpse.position: _remembered(image, look.glimpse)
            for look in image.traversal.looks
        },
        failed_looks={one.glimpse.position: one.error for one in image.traversal.failed_looks},
        tiles=image.tiles.acquisitions,
        failed_tiles={key: str(error) for key, error in image.tiles.failures.items()},
        opening_tiles=image.opening_tiles,
    )


def _remembered(image: ImageWalk, glimpse: Glimpse) -> RememberedLook:
    trace = image.trace(glimpse)
    return RememberedLook(
        region=glimpse.region,
        observation=image.traversal.seen[glimpse.position],
        level=trace.plan.level,
        num_failed_tiles=trace.num_failed_tiles,
    )


def go_on(image: ImageWalk, from_here: RememberedWalk) -> None:
    """Let a walk that has not begun go on where an earlier one ended, with its costs.

    Where the file is another one by now only the costs are taken over, as what belongs to no level.
    """
    if from_here.fingerprint != image.tiles.source.fingerprint:
        image.tiles.charge(from_here.header + total(from_here.tiles.values()))
        return
    image.tiles.take_over(from_here.tiles, from_here.failed_tiles)
    image.tiles.charge(from_here.header)
    image.opening_tiles |= from_here.opening_tiles
    for position, look in from_here.looks.items():
        plan = plan_on_level(image.pyramid, look.region, image.windows.base_px, look.level)
        image.note(position, look.region, plan, look.num_failed_tiles)
    seen = {position: look.observation for position, look in from_here.looks.items()}
    image.traversal.go_on_from({**seen, **from_here.failed_looks})
