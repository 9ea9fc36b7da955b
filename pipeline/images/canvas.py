"""The pixels of a box on one level, put together from its tiles, and which of them are real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TileReadError
from pipeline.images.input_spec import BandFit
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.region import Region
from pipeline.images.tile import FailedTile, TileAnswer, TileKey
from pipeline.images.tile_reader import TileReader

_MERGED = tuple(map(np.dtype, ("uint8", "uint16", "int16", "float32")))
"""Samples that OpenCV puts together."""


@dataclass(slots=True, kw_only=True, eq=False)
class Canvas:
    """A box of pixels being filled."""

    box: Region
    """Pixels of the level; may stick out of the image."""
    pixels: NDArray[np.generic]
    """(h, w, C) in the stored dtype; 0 where not valid."""
    valid: NDArray[np.bool_] | None = None
    """(h, w), True where `pixels` were stored and mean something; None: everywhere."""
    failed_tiles: tuple[TileKey, ...] = ()
    """Tiles that could not be read."""
    failed_px: int = 0
    """Pixels of the box that they would have filled."""
    error: TileReadError | None = None
    """Why the last of them could not be read."""

    @classmethod
    def read(cls, tiles: TileReader, index: int, box: Region, fit: BandFit) -> Canvas:
        """Fill a box on level `index` from storage; what cannot be read is noted, not raised."""
        pyramid = tiles.source.pyramid
        level = pyramid.levels[index]
        shape = (box.height, box.width, len(fit.indices))
        canvas = cls(box=box, pixels=np.zeros(shape, np.dtype(pyramid.dtype)))
        if box.clipped(level.height, level.width) != box:
            canvas.valid = np.zeros(shape[:2], np.bool_)
        for answer in tiles.tiles(pyramid.tiles_in(index, box)):
            canvas._add_tile(answer, level, fit, pyramid)
        return canvas

    def _add_tile(self, answer: TileAnswer, level: Level, fit: BandFit, pyramid: Pyramid) -> None:
        region = level.tile_region(answer.key.row, answer.key.col)
        shared = self.box.intersection(region)
        if shared is None:
            return
        if isinstance(answer, FailedTile):
            self.failed_tiles += (answer.key,)
            self.failed_px += shared.area
            self.error = answer.error
        if isinstance(answer, FailedTile) or answer.data is None:
            self._mark(shared, is_valid=np.bool_(False))
            return
        part = answer.data[:, _rows(shared, region), _cols(shared, region)]  # (stored C, h, w)
        self._paste(part, shared, fit, pyramid)

    def _paste(
        self, part: NDArray[np.generic], shared: Region, fit: BandFit, pyramid: Pyramid
    ) -> None:
        target: Any = self.pixels[_rows(shared, self.box), _cols(shared, self.box)]  # (h, w, C)
        num_bands = len(fit.indices)
        is_first = fit.indices == tuple(range(num_bands))  # the common case, in one copy
        taken = part[:num_bands] if is_first else part[list(fit.indices)]
        if taken.strides[2] == taken.itemsize and taken.dtype in _MERGED:
            cv2.merge(
                list(taken), dst=target
            )  # planes side by side: NumPy would go sample by sample
        else:
            target[:] = taken.transpose(1, 2, 0)  # (h, w, C)
        is_valid = _valid(part, fit, pyramid)
        if self.valid is not None or not np.all(is_valid):
            self._mark(shared, is_valid=is_valid)

    def _mark(self, shared: Region, *, is_valid: NDArray[np.bool_] | np.bool_) -> None:
        if self.valid is None:
            self.valid = np.ones(self.pixels.shape[:2], np.bool_)
        self.valid[_rows(shared, self.box), _cols(shared, self.box)] = is_valid


def _valid(
    part: NDArray[np.generic], fit: BandFit, pyramid: Pyramid
) -> NDArray[np.bool_] | np.bool_:
    """(h, w), or one True for all: not transparent, not "no data" in every band, not NaN."""
    valid: NDArray[np.bool_] | np.bool_ = np.bool_(True)
    if fit.alpha is not None:
        valid = valid & (part[fit.alpha] > 0)
    taken = (
        part[list(fit.indices)] if pyramid.nodata is not None or part.dtype.kind == "f" else part
    )
    if pyramid.nodata is not None and not np.isnan(pyramid.nodata):
        valid = valid & ~np.all(taken == pyramid.nodata, axis=0)
    if part.dtype.kind == "f":
        valid = valid & ~np.any(np.isnan(taken), axis=0)
    return valid


def _rows(part: Region, whole: Region) -> slice:
    return slice(part.y - whole.y, part.bottom - whole.y)


def _cols(part: Region, whole: Region) -> slice:
    return slice(part.x - whole.x, part.right - whole.x)
