"""What an image is before any pixel is read: plain values, no open handles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.images.region import Region
from pipeline.images.tile import TileKey


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Size of a level-0 pixel on the specimen or on the ground."""

    y: float
    """Height of a pixel, in `unit`."""
    x: float
    """Width of a pixel, in `unit`."""
    unit: Literal["um", "m"]
    """Micrometres (microscopy) or metres (satellite)."""


@dataclass(frozen=True, slots=True)
class Level:
    """One stored resolution."""

    height: int
    """Rows, in pixels of this level."""
    width: int
    """Columns, in pixels of this level."""
    tile_height: int
    """Rows of a stored tile; for strips, rows per strip."""
    tile_width: int
    """Columns of a stored tile; for strips, the full width."""
    downsample_y: float
    """Level-0 rows per row of this level; 1.0 for level 0. Real pyramids are not exact powers of two."""
    downsample_x: float
    """Level-0 columns per column of this level."""

    @property
    def num_rows(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile_height)

    @property
    def num_cols(self) -> int:
        """Columns of tiles."""
        return -(-self.width // self.tile_width)

    @property
    def num_tiles(self) -> int:
        """Stored tiles of the level."""
        return self.num_rows * self.num_cols

    def tile_region(self, row: int, col: int) -> Region:
        """The pixels of tile (row, col), cut at the image's edge.

        Raises:
            ValueError: if there is no such tile.
        """
        y, x = row * self.tile_height, col * self.tile_width
        if not (0 <= y < self.height and 0 <= x < self.width):
            raise ValueError(f"tile ({row}, {col}) of {self.num_rows} x {self.num_cols}")
        height, width = self.height - y, self.width - x
        return Region(y, x, min(height, self.tile_height), min(width, self.tile_width))


@dataclass(frozen=True, slots=True)
class Pyramid:
    """An image's structure: what is stored, at which resolutions."""

    uri: str
    """Path or URL, as the user gave it."""
    format: str
    """Short name of the file's format, e.g. `svs`, `geotiff`, `ome-zarr-0.5`."""
    levels: tuple[Level, ...]
    """Finest first; level 0 is the image at full resolution."""
    dtype: str
    """NumPy name of the stored samples, e.g. `uint8`."""
    bands: tuple[str, ...]
    """Meaning of each band in order: `gray`, `red`, `green`, `blue`, `alpha`, a channel name, or `band_0`, ..."""
    pixel_size: PixelSize | None = None
    """Size of a level-0 pixel, or None when the file does not say."""
    nodata: float | None = None
    """Sample value that means "no data", or None."""
    crs: str | None = None
    """Coordinate reference system of the map, such as `EPSG:32618`, or None when it is no map."""
    transform: tuple[float, float, float, float, float, float] | None = None
    """(a, b, c, d, e, f): the corner (x, y) of a level-0 pixel lies at (a x + b y + c, d x + e y + f) of the map."""
    metadata: tuple[tuple[str, str], ...] = ()
    """What the file says of how it was made (instrument, objective, date, ...): names and values, sorted."""

    @property
    def height(self) -> int:
        """Level-0 rows."""
        return self.levels[0].height

    @property
    def width(self) -> int:
        """Level-0 columns."""
        return self.levels[0].width

    def tiles_in(self, level: int, box: Region) -> tuple[TileKey, ...]:
        """Stored tiles that hold the part of `box` (pixels of that level) inside the image, row by row."""
        found = self.levels[level]
        inside = box.clipped(found.height, found.width)
        if inside is None:
            return ()
        rows = range(inside.y // found.tile_height, -(-inside.bottom // found.tile_height))
        cols = range(inside.x // found.tile_width, -(-inside.right // found.tile_width))
        return tuple(TileKey(level, row, col) for row in rows for col in cols)
