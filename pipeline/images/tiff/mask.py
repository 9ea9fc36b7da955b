"""Mask pages of a TIFF: which pixels mean something. They become a last band `alpha`, as if it had been stored so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tifffile

from pipeline.images.pyramid import Level
from pipeline.images.region import Region
from pipeline.images.tiff.plane import Plane, planes_of, tile_sides

_MASK = 4
"""Bit of NewSubfileType."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """The mask of one level, which may be tiled in another way."""

    level: Level
    """Its own tiles."""
    plane: Plane
    """Where they lie."""

    def parts_of(self, region: Region) -> Iterator[tuple[int, Region]]:
        """Number and pixels of each tile that holds some of a region."""
        rows = range(
            region.y // self.level.tile_height, -(-region.bottom // self.level.tile_height)
        )
        cols = range(region.x // self.level.tile_width, -(-region.right // self.level.tile_width))
        for row in rows:
            for col in cols:
                yield row * self.level.num_cols + col, self.level.tile_region(row, col)


def masks_of(file: tifffile.TiffFile, levels: Sequence[Level], uri: str) -> tuple[Mask | None, ...]:
    """The mask of each level, None where it has none: everything is valid there.

    Raises:
        CorruptImageError: if a mask's index does not fit it.
    """
    pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage) and _is_mask(page)]
    return tuple(_mask_of(pages, level, uri) for level in levels)


def _is_mask(page: tifffile.TiffPage) -> bool:
    return bool(int(page.subfiletype) & _MASK)


def _mask_of(pages: Sequence[tifffile.TiffPage], level: Level, uri: str) -> Mask | None:
    for page in pages:
        if (page.imagelength, page.imagewidth) == (level.height, level.width):
            series = tifffile.TiffPageSeries([page], (level.height, level.width), page.dtype, "YX")
            sides = tile_sides(series, level.height, level.width)
            own = Level(level.height, level.width, *sides, level.downsample_y, level.downsample_x)
            [plane] = planes_of(series, own, uri)
            return Mask(level=own, plane=plane)
    return None
