"""Slides that only OpenSlide reads: MIRAX, Hamamatsu VMS and VMU, Sakura, Zeiss. An optional extra.

OpenSlide says neither where tiles lie nor what it reads. So a level is cut into tiles of its own grid where it has one,
and costs are what the kernel counts for the reading thread: exact on Linux, 0 elsewhere. OpenSlide's own cache is off;
ours keeps tiles, so a cost never depends on who read before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import (
    CorruptImageError,
    ImageChangedError,
    ImageError,
    TileReadError,
    UnsupportedImageError,
)
from pipeline.images.openslide.files import fingerprint_of_openslide
from pipeline.images.openslide.pyramid import slide_pyramid
from pipeline.images.pyramid import Pyramid
from pipeline.images.region import Region
from pipeline.images.source import Source
from pipeline.images.tile import FailedTile, Tile, TileAnswer, TileKey
from pipeline.images.tile_lookup import tile_region
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import is_far, local_path, shown
from pipeline.storage.storage import closed
from pipeline.storage.thread_reads import Reads, ThreadReads

if TYPE_CHECKING:
    from openslide import OpenSlide
    from PIL.Image import Image


class OpenSlideSource(Source):
    """A slide opened by OpenSlide. Levels are whole: what was not scanned is transparent, and costs nothing.

    Args:
        uri: path of the slide, as the user gave it.

    Raises:
        UnsupportedImageError: if it is far, OpenSlide is not installed, or does not know it.
        CorruptImageError: if OpenSlide cannot read its structure.
        OSError: if a file cannot be looked at; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, uri: str) -> None:
        self._path = _local(uri)
        self._openslide = _library(uri)
        started, reads = time.perf_counter(), ThreadReads()
        self.fingerprint: Fingerprint = fingerprint_of_openslide(self._path)
        self._lock = threading.Lock()
        try:
            self._slide: OpenSlide | None = self._opened()
            self.pyramid: Pyramid = slide_pyramid(uri, self._slide)
        except ImageError as error:
            error.cost = _index_cost(reads.so_far(), time.perf_counter() - started)
            raise
        self.header = _index_cost(reads.so_far(), time.perf_counter() - started)

    def read_tiles(self, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
        """(4, h, w) each: red, green, blue as they are, and alpha. Read one after another."""
        self._check_unchanged()
        return (self._answer(key) for key in keys)

    def scan_bytes(self, level: int) -> int | None:  # noqa: ARG002  # part of the contract
        """Unknown: OpenSlide does not say."""
        return None

    def close(self) -> None:
        """Give back the slide; it is closed when reads under way are done."""
        with self._lock:
            self._slide = None

    def _check_unchanged(self) -> None:
        try:
            is_same = fingerprint_of_openslide(self._path) == self.fingerprint
        except OSError:  # a file has gone
            is_same = False
        if not is_same:
            raise ImageChangedError(
                f"{shown(self.pyramid.uri)}: the slide changed while it was read; run again when nothing writes to it"
            )

    def _answer(self, key: TileKey) -> TileAnswer:
        started, reads = time.perf_counter(), ThreadReads()
        try:
            region = tile_region(self.pyramid, key)
        except TileReadError as error:
            return FailedTile(key, error, is_final=True)
        slide = self._slide
        if slide is None:
            return FailedTile(
                key, TileReadError(str(closed(shown(self.pyramid.uri)))), is_final=True
            )
        try:
            image = self._read(slide, key.level, region)
        except Exception as error:  # noqa: BLE001  # whatever OpenSlide says of damaged data
            cost = _tile_cost(reads.so_far(), time.perf_counter() - started)
            return FailedTile(key, self._told(key, error), cost)
        cost = _tile_cost(reads.so_far(), time.perf_counter() - started)
        samples = np.asarray(image)  # (h, w, 4); Pillow's, not premultiplied
        data = samples.transpose(2, 0, 1) if samples[:, :, 3].any() else None  # (4, h, w)
        return Tile(key, data, cost)

    def _read(self, slide: OpenSlide, level: int, region: Region) -> Image:
        """RGBA.

        An error stays with a slide for ever, and another thread may have caused it. So a tile that failed is
        read again on a slide of its own, which takes the place of the first if all goes well.
        """
        scale = self.pyramid.levels[level]
        corner = round(region.x * scale.downsample_x), round(region.y * scale.downsample_y)
        size = region.width, region.height
        try:
            return slide.read_region(corner, level, size)
        except self._openslide.OpenSlideError:
            fresh = self._opened()
            image = fresh.read_region(corner, level, size)
        with self._lock:
            if self._slide is slide:
                self._slide = fresh
        return image

    def _opened(self) -> OpenSlide:
        library = self._openslide
        try:
            slide: OpenSlide = library.OpenSlide(self._path)
        except library.OpenSlideUnsupportedFormatError as error:
            raise UnsupportedImageError(
                f"{self._path}: OpenSlide {library.__library_version__} does not know it; copy it again with all files "
                "that belong to it (of MIRAX, the directory of that name), install a newer openslide-bin, or write it "
                "as a pyramidal TIFF or OME-Zarr"
            ) from error
        except library.OpenSlideError as error:
            raise CorruptImageError(
                f"{self._path}: a slide that OpenSlide cannot open: {error}; copy it again from where it came, with "
                "all files that belong to it"
            ) from error
        slide.set_cache(library.OpenSlideCache(0))
        return slide

    def _told(self, key: TileKey, error: Exception) -> TileReadError:
        return TileReadError(
            f"{shown(self.pyramid.uri)}: tile {key.row}, {key.col} of level {key.level} cannot be read: "
            f"{type(error).__name__}: {error}; the slide is damaged there, copy it again from where it came"
        )


def _local(uri: str) -> Path:
    if is_far(uri):
        raise UnsupportedImageError(
            f"{shown(uri)}: OpenSlide reads local files only; copy it to a disk, with all files that belong to it"
        )
    return local_path(uri)


def _library(uri: str) -> ModuleType:
    try:
        import openslide  # not above: an optional extra
    except ImportError as error:
        raise UnsupportedImageError(
            f"{shown(uri)}: a slide that is read by OpenSlide, which is not installed ({error}); "
            "pip install 'foveate[openslide]'"
        ) from error
    return openslide


def _tile_cost(reads: Reads, seconds: float) -> Acquisition:
    """OpenSlide reads for a tile what it needs for it; which of that is tile and which is index, it does not say."""
    return Acquisition(
        requested_bytes=reads.num_bytes,
        transferred_bytes=reads.num_bytes,
        num_requests=reads.num_calls,
        seconds=seconds,
    )


def _index_cost(reads: Reads, seconds: float) -> Acquisition:
    return Acquisition(
        index_bytes=reads.num_bytes,
        transferred_bytes=reads.num_bytes,
        num_requests=reads.num_calls,
        seconds=seconds,
    )
