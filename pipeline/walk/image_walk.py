"""One image, open and being walked: the windows it shows, its traversal, and a log of what was read."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.images.pyramid import Pyramid
from pipeline.images.tile import TileKey
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import Window, WindowPlan, WindowReader
from pipeline.manifest import ImageRecord
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
    traces: dict[Position, ReadTrace] = field(default_factory=dict)
    """What was read for each look."""

    def read(self, glimpse: Glimpse) -> Window:
        """The pixels of a look.

        Raises:
            TileReadError: if too much of it cannot be read.
        """
        window = self.windows.read(glimpse.region)
        self.traces[glimpse.position] = ReadTrace(
            plan=window.plan, num_failed_tiles=len(window.failed_tiles)
        )
        return window

    def close(self) -> None:
        """Give back the file and the memory."""
        self.tiles.close()
