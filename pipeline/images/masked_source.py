"""A file and its mask in another one, as GDAL keeps them (`image.tif.msk`): the mask is a last band `alpha`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AllowanceSpentError
from pipeline.images.alpha import alpha_band, opaque_band
from pipeline.images.pyramid import Level
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import total
from pipeline.storage.fingerprint import together


class MaskedSource(Source):
    """An image without alpha, and a one-band source of the same size that is above 0 where pixels are valid.

    A level that the mask does not have at that size is valid everywhere. Closes both.
    """

    def __init__(self, image: Source, mask: Source) -> None:
        self._image, self._mask = image, mask
        self.pyramid = replace(image.pyramid, bands=(*image.pyramid.bands, "alpha"))
        self.header = image.header + mask.header
        self.fingerprint = together(image.fingerprint, mask.fingerprint)
        self.is_far = image.is_far
        self._mask_levels = [
            _level_of_size(mask.pyramid.levels, level) for level in image.pyramid.levels
        ]

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """The image's tiles, each with its mask."""
        answers = self._image.read_tiles(keys)
        for answer in answers:
            if not isinstance(answer, Tile) or answer.data is None:
                yield answer
                continue
            try:
                with_alpha = self._with_alpha(answer, answer.data)
            except AllowanceSpentError as error:
                error.cost += _in_vain([answer, *answers])
                raise
            yield with_alpha

    def scan_bytes(self, level: int) -> int | None:
        """Of image and mask."""
        number, of_image = self._mask_levels[level], self._image.scan_bytes(level)
        of_mask = 0 if number is None else self._mask.scan_bytes(number)
        return None if of_image is None or of_mask is None else of_image + of_mask

    def stored(self, level: int) -> NDArray[np.bool_]:
        """Of the image."""
        return self._image.stored(level)

    def close(self) -> None:
        """Close both files."""
        self._image.close()
        self._mask.close()

    def _with_alpha(self, tile: Tile, data: NDArray[np.generic]) -> TileAnswer:
        key = tile.key
        region = self.pyramid.levels[key.level].tile_region(key.row, key.col)
        number = self._mask_levels[key.level]
        if number is None:
            alpha = opaque_band(region, data.dtype)
            return Tile(key, np.concatenate([data, alpha[None]]), tile.acquisition)
        cost: Acquisition = tile.acquisition
        parts = []
        for part in self._mask.read_tiles(self._mask.pyramid.tiles_in(number, region)):
            cost += part.acquisition
            if isinstance(part, FailedTile):
                return FailedTile(key, part.error, cost, part.is_final)
            box = self._mask.pyramid.levels[number].tile_region(part.key.row, part.key.col)
            parts.append((box, None if part.data is None else part.data[0]))
        alpha = alpha_band(region, parts, data.dtype)
        return Tile(key, np.concatenate([data, alpha[None]]), cost)  # (C + 1, h, w)


def _in_vain(answers: Iterable[TileAnswer]) -> Acquisition:
    """What came of an image whose mask cannot be paid for."""
    came = total(answer.acquisition for answer in answers)
    return replace(came, requested_bytes=0, gap_bytes=came.transferred_bytes)


def _level_of_size(levels: Sequence[Level], wanted: Level) -> int | None:
    sizes = [(level.height, level.width) for level in levels]
    size = (wanted.height, wanted.width)
    return sizes.index(size) if size in sizes else None
