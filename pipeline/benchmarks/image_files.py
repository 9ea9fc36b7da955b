"""Sparse pyramids as files that any reader opens: OME-Zarr 0.5, where black costs nothing, or a tiled TIFF."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import tifffile
import zarr
from zarr.codecs import ZstdCodec

from pipeline.benchmarks.sparse_pyramid import BLOCK_PX, Place, SparseLevel
from pipeline.errors import UsageError
from pipeline.images.region import Region
from pipeline.images.zarr.encoded_shard import encoded_shard

SHARD_TILES = 8
"""Tiles along a side of a shard, one file. Who reads one tile also reads the index of its shard, 16 bytes a tile."""
ZSTD_LEVEL = 0
"""What zstd itself thinks best."""
MAX_TIFF_PX = 16384
"""A TIFF is written level by level from memory."""


def write_ome_zarr(path: Path, levels: Sequence[SparseLevel], *, tile_px: int, name: str) -> None:
    """A directory; it appears whole, or not at all. Chunks that are black are not written."""
    partial = path.with_name(f".unfinished-{path.name}")
    shutil.rmtree(partial, ignore_errors=True)
    group = zarr.open_group(str(partial), mode="w", zarr_format=3)
    for index, level in enumerate(levels):
        _write_level(group, partial / str(index), level, tile_px)
    group.attrs.update({"ome": _ome(name, len(levels))})
    partial.rename(path)


def _write_level(group: zarr.Group, directory: Path, level: SparseLevel, tile_px: int) -> None:
    blocks = max(1, min(SHARD_TILES * tile_px, level.side_px) // BLOCK_PX)
    across = blocks * BLOCK_PX // tile_px  # tiles along a side of a shard
    array = group.create_array(
        directory.name,
        shape=(level.side_px, level.side_px),
        chunks=(tile_px, tile_px),
        shards=(across * tile_px, across * tile_px),
        dtype="uint8",
        compressors=ZstdCodec(level=ZSTD_LEVEL),
        fill_value=0,
        dimension_names=("y", "x"),
    )
    shards: dict[Place, dict[Place, bytes]] = {}
    for (row, col), pixels in sorted(level.tiles(tile_px), key=lambda tile: _z_order(*tile[0])):
        encoded = bytes(imagecodecs.zstd_encode(pixels.tobytes(), level=ZSTD_LEVEL))
        shard = shards.setdefault((row // across, col // across), {})
        shard[row % across, col % across] = encoded
    for place, tiles in shards.items():
        path = directory / array.metadata.encode_chunk_key(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(encoded_shard((across, across), tiles)))


def _z_order(row: int, col: int) -> int:
    """Along a curve on which what is near in the image is near in the file; zarr-python writes so, too."""
    bits = max(row, col).bit_length()
    return sum(
        ((row >> bit & 1) << 2 * bit) | ((col >> bit & 1) << 2 * bit + 1) for bit in range(bits)
    )


def write_tiff(path: Path, levels: Sequence[SparseLevel], *, tile_px: int) -> None:
    """A pyramidal TIFF: deflate tiles, coarser levels as SubIFDs. It appears whole, or not at all.

    Raises:
        UsageError: if the image is too large to be held in memory.
    """
    side = levels[0].side_px
    if side > MAX_TIFF_PX:
        raise UsageError(
            f"--format tiff: {side} px is more than {MAX_TIFF_PX}; larger canvases need --format zarr"
        )
    partial = path.with_name(f".unfinished-{path.name}")
    with tifffile.TiffWriter(partial, bigtiff=side > 8192) as file:
        for index, level in enumerate(levels):
            pixels = level.region(Region(0, 0, level.side_px, level.side_px))
            file.write(
                pixels,
                shape=(level.side_px, level.side_px),
                dtype="uint8",
                photometric="minisblack",
                compression="adobe_deflate",
                tile=(tile_px, tile_px),
                subifds=len(levels) - 1 if index == 0 else None,
                subfiletype=1 if index else 0,
                metadata=None,
            )
    partial.rename(path)


def _ome(name: str, num_levels: int) -> dict[str, Any]:
    """Scale and translation of each level: the centre of a mean lies between those of its pixels."""
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [2.0**level] * 2},
                {"type": "translation", "translation": [(2.0**level - 1) / 2] * 2},
            ],
        }
        for level in range(num_levels)
    ]
    axes = [{"name": axis, "type": "space"} for axis in ("y", "x")]
    return {"version": "0.5", "multiscales": [{"name": name, "axes": axes, "datasets": datasets}]}
