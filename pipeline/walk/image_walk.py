"""One image, open and being walked: the windows it shows, its traversal, and a log of what was read."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.image_record import ImageRecord
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import Window, WindowReader
from pipeline.images.window_plan import WindowPlan, level_for, plan_window
from pipeline.walk.glimpse import Glimpse, Position
from pipeline.walk.root_scan import RootScan
from pipeline.walk.traversal import Traversal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTrace:
    """Where the pixels of a look came from."""

    plan: WindowPlan
    """Level, box and tiles."""
    num_failed_tiles: int
    """Tiles of it that show background because they could not be read."""


@dataclass(slots=True, kw_only=True)
class ImageWalk:
    """An image in flight. `read` may be called from many threads; the rest has one owner."""

    record: ImageRecord
    """The manifest's row."""
    pyramid: Pyramid
    """Structure of the image; the pixel size is the manifest's where it gives one."""
    tiles: TileReader
    """Its tiles, with their cost."""
    windows: WindowReader
    """Shows its regions to the model."""
    traversal: Traversal
    """What to look at next."""
    scan: RootScan | None = None
    """What an overview said of its roots, where they are chosen from one."""
    opening_tiles: frozenset[TileKey] = frozenset()
    """Tiles that were read before the first look, to find foreground or to score roots."""
    detours: dict[Position, ReadTrace] = field(default_factory=dict)
    """Looks that were not read as they were planned; of all others the plan says it, and a full scan has a million."""

    def read(self, glimpse: Glimpse) -> Window:
        """The pixels of a look.

        Raises:
            TileReadError: if too much of it cannot be read.
        """
        window = self.windows.read(glimpse.region)
        self.note(glimpse.position, glimpse.region, window.plan, len(window.failed_tiles))
        return window

    def note(
        self, position: Position, region: Region, plan: WindowPlan, num_failed_tiles: int
    ) -> None:
        """Remember how a look was read."""
        planned = level_for(self.pyramid, region, self.windows.base_px)
        if num_failed_tiles or plan.level != planned:
            self.detours[position] = ReadTrace(plan=plan, num_failed_tiles=num_failed_tiles)

    def trace(self, glimpse: Glimpse) -> ReadTrace:
        """How a look was read that was taken."""
        detour = self.detours.get(glimpse.position)
        if detour is not None:
            return detour
        plan = plan_window(self.pyramid, glimpse.region, self.windows.base_px)
        return ReadTrace(plan=plan, num_failed_tiles=0)

    def close(self) -> None:
        """Give back the file and the memory."""
        self.tiles.close()
