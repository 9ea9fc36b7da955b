"""Files of sparse pyramids hold their tiles as zarr-python would have laid them out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from pipeline.benchmarks.image_files import write_ome_zarr
from pipeline.benchmarks.sparse_pyramid import BLOCK_PX, SparseLevel


def sparse(pixels: np.ndarray) -> SparseLevel:
    """(side, side) pixels as a level."""
    side = len(pixels)
    padded = np.pad(pixels, (0, -side % BLOCK_PX))
    return SparseLevel(
        side_px=side,
        blocks={
            (y // BLOCK_PX, x // BLOCK_PX): padded[y : y + BLOCK_PX, x : x + BLOCK_PX]
            for y in range(0, side, BLOCK_PX)
            for x in range(0, side, BLOCK_PX)
            if padded[y : y + BLOCK_PX, x : x + BLOCK_PX].any()
        },
    )


def stored(array: Path, across: int) -> dict[str, list[int]]:
    """Name of each shard to where its tiles lie in it, in order of tiles; the index is read by the specification."""
    files = [path for path in (array / "c").rglob("*") if path.is_file()]
    tables = {path: path.read_bytes()[-16 * across**2 - 4 : -4] for path in files}
    return {
        str(path.relative_to(array)): np.frombuffer(table, "<u8")[::2].tolist()
        for path, table in tables.items()
    }


class TestShards:
    @pytest.mark.parametrize(("side", "tile_px"), [(1280, 128), (768, 64), (1536, 256), (96, 16)])
    def test_tiles_lie_where_zarr_would_put_them(
        self, tmp_path: Path, side: int, tile_px: int
    ) -> None:
        """The same shards hold the same tiles in the same order; black ones are stored nowhere."""
        rng = np.random.default_rng(side)
        pixels = rng.integers(0, 256, (side, side)).astype(np.uint8)
        for y in range(0, side, tile_px):
            for x in range(0, side, tile_px):
                if rng.random() < 0.5:
                    pixels[y : y + tile_px, x : x + tile_px] = 0
        write_ome_zarr(tmp_path / "ours", [sparse(pixels)], tile_px=tile_px, name="one")
        ours = zarr.open_array(str(tmp_path / "ours/0"), mode="r")
        np.testing.assert_array_equal(ours[:], pixels)

        theirs = zarr.create_array(
            str(tmp_path / "theirs"),
            shape=ours.shape,
            chunks=ours.chunks,
            shards=ours.shards,
            dtype=ours.dtype,
            fill_value=0,
        )
        theirs[:] = pixels
        assert theirs.metadata.codecs == ours.metadata.codecs
        across = ours.shards[0] // tile_px
        found, wanted = (stored(tmp_path / name, across) for name in ("ours/0", "theirs"))
        assert found.keys() == wanted.keys()
        for name in wanted:
            np.testing.assert_array_equal(np.argsort(found[name]), np.argsort(wanted[name]))
            assert [at == 2**64 - 1 for at in found[name]] == [
                at == 2**64 - 1 for at in wanted[name]
            ]
