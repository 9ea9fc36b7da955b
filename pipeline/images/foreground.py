"""Where there is something to see: tissue on a slide, valid data in a scene, or a mask that the user gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ImageAccessError, StorageError, UnsupportedImageError
from pipeline.images.canvas import Canvas
from pipeline.images.input_spec import BandFit
from pipeline.images.pyramid import Level, Pyramid
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile_reader import TileReader

ForegroundKind: TypeAlias = Literal["none", "valid", "tissue", "stored"]
"""`none`: everywhere; `valid`: where there is data; `tissue`: where a slide is stained; `stored`: where a sparsely
written image has tiles at all, which its index tells without reading one."""

OVERVIEW_PX = 512
"""The mask is found on the coarsest level whose longer side has at least this many pixels."""
MAX_OVERVIEW_PX = 4096 * 4096
"""A coarsest level with more pixels than this is no overview."""
MAX_ASKED_TILES = 4096
"""Stored tiles are looked for on the finest level that has no more than these."""
MIN_CONTRAST = 15
"""Otsu's threshold (0 to 255) is not trusted below this: an empty slide has only noise to split."""


@dataclass(frozen=True, slots=True, eq=False)
class Foreground:
    """A mask over a whole image, asked by level-0 regions."""

    integral: NDArray[np.float64]
    """(h + 1, w + 1) sums of the mask above and left of each corner."""
    height: int
    """Level-0 rows of the image."""
    width: int
    """Level-0 columns of the image."""

    @classmethod
    def from_mask(cls, mask: NDArray[np.bool_], pyramid: Pyramid) -> Foreground:
        """A (h, w) mask stretched over the image; True is something to see."""
        return cls(_integral(mask), pyramid.height, pyramid.width)

    @classmethod
    def from_tiles(cls, stored: NDArray[np.bool_], level: Level) -> Foreground:
        """(rows, columns) of a level's tiles; the last ones may stick out of the image."""
        rows, cols = stored.shape
        height = round(rows * level.tile_height * level.downsample_y)
        return cls(_integral(stored), height, round(cols * level.tile_width * level.downsample_x))

    def fraction(self, region: Region) -> float:
        """Share (0 to 1) of the level-0 region that is foreground; what lies outside is not."""
        inside = region.clipped(self.height, self.width)
        if inside is None:
            return 0.0
        h, w = self.integral.shape[0] - 1, self.integral.shape[1] - 1
        top, bottom = _span(inside.y, inside.bottom, h / self.height, h)
        left, right = _span(inside.x, inside.right, w / self.width, w)
        total = self.integral
        found = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return float(found / ((bottom - top) * (right - left))) * inside.area / region.area


def find_foreground(tiles: TileReader, fit: BandFit, kind: ForegroundKind) -> Foreground | None:
    """The mask of an image, or None for `none`.

    Raises:
        UnsupportedImageError: if no level is small enough to look for it.
    """
    if kind == "none":
        return None
    if kind == "stored":
        return _find_stored(tiles.source)
    pyramid = tiles.source.pyramid
    index = _overview_level(pyramid)
    level = pyramid.levels[index]
    canvas = Canvas.read(tiles, index, Region(0, 0, level.height, level.width), fit)
    valid = np.ones(canvas.pixels.shape[:2], np.bool_) if canvas.valid is None else canvas.valid
    mask = valid & _stained(canvas.pixels, fit) if kind == "tissue" else valid
    return Foreground.from_mask(mask, pyramid)


def _find_stored(source: Source) -> Foreground:
    levels = source.pyramid.levels
    few = [at for at, level in enumerate(levels) if level.num_tiles <= MAX_ASKED_TILES]
    index = min(few, default=len(levels) - 1)
    try:
        return Foreground.from_tiles(source.stored(index), levels[index])
    except StorageError as error:
        raise ImageAccessError(f"{source.pyramid.uri}: {error}") from error


def read_mask(path: Path, pyramid: Pyramid) -> Foreground:
    """The mask that the manifest names: any picture, above 0 is foreground.

    Raises:
        ImageAccessError: if it cannot be read.
    """
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    if mask is None:
        raise ImageAccessError(
            f"{path}: the mask of {pyramid.uri} cannot be read; give a PNG, JPEG or TIFF picture "
            "in 'mask_path', or leave the cell empty"
        )
    return Foreground.from_mask(np.asarray(mask) > 0, pyramid)


def _stained(pixels: NDArray[np.generic], fit: BandFit) -> NDArray[np.bool_]:
    """(h, w, C) to (h, w): Otsu on the saturation of colours, or on the brightness of one band."""
    scaled = (pixels.astype(np.float32) - fit.low) * (255 / (fit.high - fit.low))
    bytes_ = np.clip(scaled, 0, 255).astype(np.uint8)
    if bytes_.shape[2] >= 3:
        signal = bytes_[:, :, :3].max(axis=2) - bytes_[:, :, :3].min(axis=2)
    else:
        signal = np.ascontiguousarray(bytes_[:, :, 0])
    smooth = cv2.medianBlur(signal, 5)
    threshold, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    stained: NDArray[np.bool_] = np.asarray(smooth) > max(threshold, MIN_CONTRAST)
    return stained


def _integral(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    integral = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    integral[1:, 1:] = mask.cumsum(0).cumsum(1)
    return integral


def _overview_level(pyramid: Pyramid) -> int:
    big_enough = [
        index
        for index, level in enumerate(pyramid.levels)
        if max(level.height, level.width) >= OVERVIEW_PX
    ]
    index = max(big_enough, default=0)
    level = pyramid.levels[index]
    if level.height * level.width > MAX_OVERVIEW_PX:
        raise UnsupportedImageError(
            f"{pyramid.uri}: its coarsest level is {level.height} x {level.width} px, too large to "
            "find tissue or valid data on; give a 'mask_path' in the manifest, use "
            "--set walk.foreground=none, or write the image with a pyramid"
        )
    return index


def _span(start: int, stop: int, scale: float, length: int) -> tuple[int, int]:
    first = min(int(start * scale), length - 1)
    return first, max(first + 1, min(length, int(np.ceil(stop * scale))))
