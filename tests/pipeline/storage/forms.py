"""One picture in every form that is read from servers, and what its stored tiles weigh, by other eyes than ours."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from pipeline.images.tile import TileKey
from tests.conftest import picture
from tests.image_files import halves, write_ome_zarr, write_pyramid_tiff
from tests.pipeline.storage.tiff_layout import relaid

HEIGHT, WIDTH = 500, 600
TILE_PX, SHARD_PX = 64, 256
_MISSING = 2**64 - 1


def tiled(path: Path, seed: int = 0) -> Path:
    """A pyramid in JPEG tiles, each level's directory before its tiles."""
    levels = halves(picture(HEIGHT, WIDTH, seed=seed), 3)
    return write_pyramid_tiff(
        path, levels, photometric="rgb", compression="jpeg", tile=(TILE_PX, TILE_PX)
    )


def cog(path: Path, seed: int = 0) -> Path:
    """All directories first, tiles with 8 bytes between them."""
    return relaid(tiled(path.with_suffix(".plain"), seed), path, index_first=True)


def svs(path: Path, seed: int = 0) -> Path:
    """Aperio's: the index at the end, a thumbnail in strips between the levels."""
    finest, *coarser = halves(picture(HEIGHT, WIDTH, seed=seed), 3)
    options: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    told = (
        f"Aperio Image Library v11\r\n{WIDTH}x{HEIGHT} (64x64) JPEG/RGB Q=70|AppMag = 20|MPP = 0.5"
    )
    plain = path.with_suffix(".plain")
    with tifffile.TiffWriter(plain) as file:
        file.write(finest, tile=(TILE_PX, TILE_PX), description=told, **options)
        file.write(coarser[-1], rowsperstrip=16, **options)
        for level in coarser:
            file.write(level, tile=(TILE_PX, TILE_PX), **options)
    return relaid(plain, path, index_first=False)


def _zarr(path: Path, seed: int, **options: Any) -> Path:
    levels = [np.moveaxis(level, 2, 0) for level in halves(picture(HEIGHT, WIDTH, seed=seed), 3)]
    return write_ome_zarr(path, levels, **options)


def zarr_04(path: Path, seed: int = 0) -> Path:
    """Zarr v2: one object per chunk, metadata in many documents."""
    return _zarr(path, seed, zarr_format=2)


def zarr_05(path: Path, seed: int = 0) -> Path:
    """Zarr v3: one object per chunk."""
    return _zarr(path, seed)


def zarr_bands(path: Path, seed: int = 0) -> Path:
    """Zarr v3: each band in chunks of its own."""
    return _zarr(path, seed, chunk=(1, TILE_PX, TILE_PX))


def zarr_sharded(path: Path, seed: int = 0) -> Path:
    """Zarr v3: 16 chunks in one object, whose index is at its end."""
    return _zarr(path, seed, shards=(3, SHARD_PX, SHARD_PX))


FORMS: dict[str, Callable[[Path], Path]] = {
    "tiled.tif": tiled,
    "cog.tif": cog,
    "slide.svs": svs,
    "v04.zarr": zarr_04,
    "v05.zarr": zarr_05,
    "bands.zarr": zarr_bands,
    "sharded.zarr": zarr_sharded,
}
"""By the names that they are served under."""


def stored_bytes(path: Path, keys: Iterable[TileKey]) -> int:
    """Encoded bytes of some tiles: by tifffile's directories, by the sizes of chunk files, by a shard's last bytes."""
    if path.suffix != ".zarr":
        return _stored_in_tiff(path, keys)
    group = zarr.open_group(str(path), mode="r")
    return sum(_stored_in_zarr(path, group, key) for key in keys)


def _stored_in_tiff(path: Path, keys: Iterable[TileKey]) -> int:
    with tifffile.TiffFile(path) as tiff:
        levels = [page for page in tiff.pages if page.is_tiled]  # not the thumbnail
        return sum(
            levels[key.level].databytecounts[
                key.row * -(-levels[key.level].imagewidth // TILE_PX) + key.col
            ]
            for key in keys
        )


def _stored_in_zarr(path: Path, group: Any, key: TileKey) -> int:
    array = group[str(key.level)]
    root = path / str(key.level)
    if array.shards is not None:
        per_shard = SHARD_PX // TILE_PX
        shard = root / f"c/0/{key.row // per_shard}/{key.col // per_shard}"
        index = shard.read_bytes()[-(16 * per_shard**2 + 4) : -4]  # a checksum follows
        place = key.row % per_shard * per_shard + key.col % per_shard
        count = struct.unpack_from("<QQ", index, 16 * place)[1]
        return 0 if count == _MISSING else int(count)
    bands = range(3 // array.chunks[0])
    name = "{}.{}.{}" if array.metadata.zarr_format == 2 else "c/{}/{}/{}"
    return sum((root / name.format(band, key.row, key.col)).stat().st_size for band in bands)
