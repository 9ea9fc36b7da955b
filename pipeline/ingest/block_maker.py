"""Makes the blocks of a pyramid: samples in, encoded chunks into shards, and a quarter for the next level."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.ingest.codec import ChunkCodec
from pipeline.ingest.means import area_means
from pipeline.ingest.plan import CHUNK_PX, BlockKey, IngestPlan
from pipeline.ingest.shards import ChunkPlace, ShardFiles
from pipeline.ingest.source_blocks import Pixels, SourceBlocks
from pipeline.ingest.steps import Step


class BlockMaker:
    """All that a thread needs to make a block. Safe to use from many threads.

    The next level is always made of what a reader of this one will see, also with a lossy codec: so it does
    not matter whether a block is still in memory or read again after a kill.
    """

    def __init__(
        self,
        plan: IngestPlan,
        codec: ChunkCodec,
        source: SourceBlocks,
        directory: Path,
        on_pixels: Callable[[int], None],
    ) -> None:
        self._plan = plan
        self._codec = codec
        self._source = source
        self._directory = directory
        self._on_pixels = on_pixels
        self.shards = ShardFiles(plan, directory)

    def make(self, step: Step, *quarters: Pixels) -> Pixels | None:
        """Make a block of what is below it; returns its own quarter, if that is wanted.

        Raises:
            TileReadError: if the image cannot be read.
            OSError: if the disk does not take what is written.
        """
        block = step.block
        if step.origin == "store":
            pixels = self._stored(block)
        elif step.origin == "source":
            pixels = self._encoded(block, self._source.read(block))
        else:
            pixels = self._encoded(block, self._joined(block, quarters))
        if block.level == 0:
            self._on_pixels(self._plan.region(block).area)
        if not step.is_wanted:
            return None
        return Pixels(
            samples=area_means(pixels.samples, self._plan.nodata, self._plan.alpha),
            is_stored=pixels.is_stored,
        )

    def _joined(self, block: BlockKey, quarters: tuple[Pixels, ...]) -> Pixels:
        plan, region = self._plan, self._plan.region(block)
        shape = (plan.num_bands, region.height, region.width)
        samples = np.empty(shape, plan.dtype)
        rows, cols = (2 * ceil(side / CHUNK_PX) for side in shape[1:])
        finer = np.zeros((rows, cols), np.bool_)  # of the chunks of the level below
        for child, part in zip(plan.children(block), quarters, strict=True):
            y = child.row % 2 * plan.block_height // 2
            x = child.col % 2 * plan.block_width // 2
            _, h, w = part.samples.shape
            samples[:, y : y + h, x : x + w] = part.samples
            row = child.row % 2 * plan.block_height // CHUNK_PX
            col = child.col % 2 * plan.block_width // CHUNK_PX
            h, w = part.is_stored.shape
            finer[row : row + h, col : col + w] = part.is_stored
        # (rows, cols) of this level
        is_stored = finer[::2, ::2] | finer[::2, 1::2] | finer[1::2, ::2] | finer[1::2, 1::2]
        return Pixels(samples=samples, is_stored=is_stored)

    def _encoded(self, block: BlockKey, pixels: Pixels) -> Pixels:
        """Hand the block's chunks to their shard; returns what a reader will see."""
        chunks = {}
        is_stored = pixels.is_stored.copy()
        for row, col in np.argwhere(is_stored):
            inside = _inside(row, col, pixels.samples)
            samples = pixels.samples[:, inside.y : inside.bottom, inside.x : inside.right]
            if self._is_nothing(samples):
                is_stored[row, col] = False
                continue
            for band in range(0, self._plan.num_bands, self._plan.bands_per_chunk):
                part = samples[band : band + self._plan.bands_per_chunk]
                encoded = self._codec.encode(self._padded(part))
                chunks[self._place(block, band, row, col)] = encoded
                if self._codec.decode is not None:
                    seen = self._codec.decode(encoded)
                    part[:] = seen[: len(part), : inside.height, : inside.width]
        self.shards.add(block, chunks)
        return Pixels(samples=pixels.samples, is_stored=is_stored)

    def _is_nothing(self, samples: NDArray[np.generic]) -> bool:
        """Whether all of it is "no data", which is what a reader sees where nothing is stored."""
        nodata = self._plan.nodata
        if nodata is None:
            return False
        if np.isnan(nodata):
            return bool(np.isnan(samples).all())
        return bool((samples == samples.dtype.type(nodata)).all())

    def _padded(self, part: NDArray[np.generic]) -> NDArray[np.generic]:
        """(bands per chunk, CHUNK_PX, CHUNK_PX), contiguous: chunks have one size, at the edge too."""
        shape = (self._plan.bands_per_chunk, CHUNK_PX, CHUNK_PX)
        if part.shape == shape:
            return np.ascontiguousarray(part)
        whole = np.full(shape, self._plan.fill_value, part.dtype)
        whole[: len(part), : part.shape[1], : part.shape[2]] = part
        return whole

    def _place(self, block: BlockKey, band: int, row: int, col: int) -> ChunkPlace:
        region = self._plan.region(block)
        return ChunkPlace(
            band // self._plan.bands_per_chunk,
            region.y // CHUNK_PX + int(row),
            region.x // CHUNK_PX + int(col),
        )

    def _stored(self, block: BlockKey) -> Pixels:
        region = self._plan.region(block)
        array = zarr.open_array(str(self._directory / str(block.level)), mode="r")
        found = array[..., region.y : region.bottom, region.x : region.right]
        samples = np.asarray(found).reshape(-1, region.height, region.width)  # (C, h, w)
        return Pixels(samples=samples, is_stored=self.shards.stored(block))


def _inside(row: int, col: int, samples: NDArray[np.generic]) -> Region:
    """Pixels of a chunk of a block, cut at the block's edge."""
    y, x = int(row) * CHUNK_PX, int(col) * CHUNK_PX
    _, height, width = samples.shape
    return Region(y, x, min(CHUNK_PX, height - y), min(CHUNK_PX, width - x))
