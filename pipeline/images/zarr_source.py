"""OME-Zarr 0.4 and 0.5 in a local directory, chunked or sharded."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.errors import CorruptImageError, ImageError, TileReadError, UnsupportedImageError
from pipeline.images.acquisition import Acquisition
from pipeline.images.pyramid import Pyramid
from pipeline.images.source import Fingerprint
from pipeline.images.tile import Tile, TileKey
from pipeline.images.tile_lookup import tile_region
from pipeline.images.zarr_chunks import ChunkLayout, open_array
from pipeline.images.zarr_documents import document_sizes, fingerprint_of_zarr, read_attributes
from pipeline.images.zarr_level import ZarrLevel
from pipeline.images.zarr_shards import ShardIndexes
from pipeline.images.zarr_structure import Multiscale, channel_names, read_multiscale


class ZarrSource:
    """An open OME-Zarr. Tiles are read from any thread.

    Raises:
        ImageError: whatever is wrong with it.
        OSError: if storage fails; `open_source` makes it an ImageAccessError.
    """

    def __init__(self, path: str) -> None:
        started = time.perf_counter()
        self._path = path
        self._is_open = True
        self._indexes = ShardIndexes()
        self.pyramid: Pyramid
        self._levels: tuple[ZarrLevel, ...]
        self._levels, self.pyramid = _opened(path)
        self.fingerprint: Fingerprint = fingerprint_of_zarr(Path(path))
        sizes = document_sizes(Path(path))
        sizes += [size for one in self._levels for size in document_sizes(one.directory)]
        self.header = Acquisition(sum(sizes), sum(sizes), len(sizes), time.perf_counter() - started)

    def read_tile(self, key: TileKey) -> Tile:
        """One stored chunk in y and x with all its bands, (C, H, W), cut at the image's edge.

        Raises:
            TileReadError: whatever was wrong with it.
        """
        started = time.perf_counter()
        region = tile_region(self.pyramid, key)
        level = self._levels[key.level]
        data = np.full(
            (level.num_bands, region.height, region.width), level.layout.fill_value, level.dtype
        )
        cost, is_stored = Acquisition(), False
        for first, chunk in level.chunks_of(key):
            try:
                if not self._is_open:
                    raise ValueError("the image is closed")  # noqa: TRY301  # one way out for all that may be wrong
                samples, read = level.read_chunk(chunk, self._indexes)
            except (
                Exception
            ) as error:  # zarr and its codecs raise whatever they like on damaged data
                raise TileReadError(
                    f"{level.path_of(chunk)}: chunk {chunk} cannot be read: {type(error).__name__}: "
                    f"{error}; the file is damaged, copy it again from where it came"
                ) from error
            cost += read
            if samples is not None:
                is_stored = True
                part = data[first : first + len(samples)]
                part[:] = samples[: len(part), : region.height, : region.width]
        seconds = time.perf_counter() - started
        return Tile(key, data if is_stored else None, replace(cost, seconds=seconds))

    def scan_bytes(self, level: int) -> int:
        """Stored bytes of all chunks of a level, from the sizes of its files."""
        return self._levels[level].stored_bytes()

    def close(self) -> None:
        """Nothing is held open; reading afterwards fails all the same."""
        self._is_open = False


def _opened(path: str) -> tuple[tuple[ZarrLevel, ...], Pyramid]:
    """The boundary: whatever zarr raises on a hostile store becomes our own error, here and once."""
    try:
        multiscale = read_multiscale(read_attributes(Path(path)), path)
        return _planned(multiscale, path)
    except (ImageError, OSError):
        raise  # OSError: storage failed, which says nothing about the image
    except Exception as error:
        raise CorruptImageError(
            f"{path}: not an OME-Zarr that can be understood: {type(error).__name__}: {error}; if it "
            "opens elsewhere, write it again from there"
        ) from error


def _planned(multiscale: Multiscale, path: str) -> tuple[tuple[ZarrLevel, ...], Pyramid]:
    axes = multiscale.axes
    found = {}
    for name, size in zip(multiscale.paths, multiscale.pixel_sizes, strict=True):
        directory = Path(path) / name
        layout = ChunkLayout(open_array(directory, path), path)
        if len(layout.shape) != len(axes):
            raise CorruptImageError(
                f"{path}: level {name} has shape {layout.shape}, its axes are {', '.join(axes)}; "
                "write the image again"
            )
        axis = axes.index("c") if "c" in axes else None
        found[ZarrLevel(directory=directory, layout=layout, channel_axis=axis)] = size
    levels = _shrinking(list(found))
    finest = levels[0]
    _check_length(multiscale, finest, path)
    return levels, Pyramid(
        uri=path,
        format=f"ome-zarr-{multiscale.version}",
        levels=tuple(level.plan(finest, path) for level in levels),
        dtype=finest.dtype.name,
        bands=channel_names(multiscale, finest.num_bands),
        pixel_size=found[finest],
    )


def _check_length(multiscale: Multiscale, finest: ZarrLevel, path: str) -> None:
    for name, side in zip(multiscale.axes[:-2], finest.layout.shape[:-2], strict=True):
        if name != "c" and side > 1:
            raise UnsupportedImageError(
                f"{path}: axis {name} is {side} long; wanted one focal plane and one time: write the "
                "one to look at as an image of its own"
            )


def _shrinking(levels: list[ZarrLevel]) -> tuple[ZarrLevel, ...]:
    """Finest first, each level smaller than the one before."""
    ordered = sorted(
        levels, key=lambda one: one.layout.shape[-2] * one.layout.shape[-1], reverse=True
    )
    kept = ordered[:1]
    for level in ordered[1:]:
        sides, before = level.layout.shape[-2:], kept[-1].layout.shape[-2:]
        if sides != before and sides[0] <= before[0] and sides[1] <= before[1]:
            kept.append(level)
    return tuple(kept)
