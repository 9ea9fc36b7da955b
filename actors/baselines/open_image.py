"""One image of the archive, open: what a baseline is shown of it, and what that cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ImageError, TileReadError, UsageError
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec, fit_bands
from pipeline.images.opening import open_source
from pipeline.images.region import Region
from pipeline.images.tile_cache import TileCache
from pipeline.images.tile_reader import TileReader
from pipeline.images.window import WindowReader
from pipeline.records.ledger import union_area


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of one image."""

    looks: int
    """Windows shown to the network."""
    shown_px: int
    """Pixels of all windows, as the network saw them."""
    native_px: int
    """Different level-0 pixels that were read at full resolution."""
    image_px: int
    """Level-0 pixels of the image."""
    bytes_read: int
    """Transferred, header included."""
    full_scan_bytes: int | None
    """Encoded bytes of level 0; None where no index says it."""


@dataclass(slots=True, kw_only=True)
class OpenImage:
    """An image being looked at. Close it when done."""

    record: ImageRecord
    """The manifest's row."""
    windows: WindowReader
    """Shows its regions."""
    _native: list[Region] = field(default_factory=list)
    _looks: int = 0
    _shown_px: int = 0

    @property
    def shape_px(self) -> tuple[int, int]:
        """Height and width of level 0."""
        pyramid = self.windows.tiles.source.pyramid
        return pyramid.height, pyramid.width

    def window(self, region: Region) -> NDArray[np.float32]:
        """(C, base, base) values 0 to 1 of a region of level-0 pixels.

        Raises:
            UsageError: if it cannot be read.
        """
        pixels = self._read(self.windows, region)
        self._shown_px += self.windows.base_px**2
        return pixels

    def whole(self, downsample: float) -> NDArray[np.float32]:
        """(C, ceil(H / downsample), ceil(W / downsample)) values 0 to 1 of all of it, by area means.

        Raises:
            UsageError: if it cannot be read.
        """
        rows, cols = (math.ceil(side / downsample) for side in self.shape_px)
        base_px = max(rows, cols)
        side = round(base_px * downsample)  # a square from the top left; what sticks out is cut off
        reader = WindowReader(
            tiles=self.windows.tiles,
            fit=self.windows.fit,
            base_px=base_px,
            background=self.windows.background,
        )
        pixels = self._read(reader, Region(0, 0, side, side))[:, :rows, :cols]
        self._shown_px += rows * cols
        return pixels

    def reading(self) -> Reading:
        """What was read so far."""
        source = self.windows.tiles.source
        height, width = self.shape_px
        inside = [box.clipped(height, width) for box in self._native]
        return Reading(
            looks=self._looks,
            shown_px=self._shown_px,
            native_px=union_area(box for box in inside if box is not None),
            image_px=height * width,
            bytes_read=self.windows.tiles.cost.transferred_bytes,
            full_scan_bytes=source.scan_bytes(0),
        )

    def close(self) -> None:
        """Give back the file and the memory."""
        self.windows.tiles.close()

    def _read(self, reader: WindowReader, region: Region) -> NDArray[np.float32]:
        try:
            window = reader.read(region)
        except (ImageError, TileReadError) as error:
            raise _unreadable(self.record, error) from error
        if window.plan.level == 0:
            self._native.append(window.plan.box)
        self._looks += 1
        return window.pixels


def open_images(
    records: Sequence[ImageRecord], spec: InputSpec, cache: TileCache
) -> list[OpenImage]:
    """Some images, in their order.

    Raises:
        UsageError: if one cannot be opened or does not fit; none is open then.
    """
    opened: list[OpenImage] = []
    try:
        for record in records:
            opened.append(_open(record, spec, cache))  # noqa: PERF401  # those opened so far must be closed
    except ImageError as error:
        for image in opened:
            image.close()
        raise _unreadable(records[len(opened)], error) from error
    return opened


def _open(record: ImageRecord, spec: InputSpec, cache: TileCache) -> OpenImage:
    tiles = TileReader(open_source(record.image_path), cache)
    try:
        fit = fit_bands(spec, tiles.source.pyramid)
    except ImageError:
        tiles.close()
        raise
    windows = WindowReader(tiles=tiles, fit=fit, base_px=spec.base_px, background=spec.background)
    return OpenImage(record=record, windows=windows)


def _unreadable(record: ImageRecord, error: Exception) -> UsageError:
    return UsageError(
        f"{record.sample_id}: {error}. A benchmark needs all its images: mend it, or take its row out of the manifest"
    )
