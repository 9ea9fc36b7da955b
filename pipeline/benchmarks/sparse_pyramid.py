"""A pyramid of a mostly black image, held as the blocks that are not black."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pipeline.benchmarks.drawing import Pixels, SceneDrawing, halved
from pipeline.images.region import Region

BLOCK_PX = 256
"""Side of a block, on every level."""
COARSEST_PX = 128
"""Levels are added until a side is no longer than this, or odd."""

Place: TypeAlias = tuple[int, int]
"""Row and column, counted in blocks or in tiles."""
Blocks: TypeAlias = Mapping[Place, Pixels]
"""Where a block lies to its (BLOCK_PX, BLOCK_PX) pixels; black ones are missing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseLevel:
    """One level."""

    side_px: int
    """Rows, and columns."""
    blocks: Blocks
    """What is not black; blocks at the right and bottom may reach beyond the level."""

    def region(self, region: Region) -> Pixels | None:
        """(height, width) pixels of a region whose corners lie on blocks, or None where all is black."""
        rows = range(region.y // BLOCK_PX, -(-region.bottom // BLOCK_PX))
        cols = range(region.x // BLOCK_PX, -(-region.right // BLOCK_PX))
        found = [(row, col) for row in rows for col in cols if (row, col) in self.blocks]
        if not found:
            return None
        canvas = np.zeros((len(rows) * BLOCK_PX, len(cols) * BLOCK_PX), np.uint8)
        for row, col in found:
            y, x = (row - rows.start) * BLOCK_PX, (col - cols.start) * BLOCK_PX
            canvas[y : y + BLOCK_PX, x : x + BLOCK_PX] = self.blocks[row, col]
        return canvas[: region.height, : region.width]

    def tiles(self, tile_px: int) -> Iterator[tuple[Place, Pixels]]:
        """Where each tile lies that is not black, and its (tile_px, tile_px) pixels; in no order.

        Args:
            tile_px: side of a tile, which divides that of a block.
        """
        across = BLOCK_PX // tile_px
        for (row, col), block in self.blocks.items():
            for y, x in np.ndindex(across, across):
                tile = block[y * tile_px : (y + 1) * tile_px, x * tile_px : (x + 1) * tile_px]
                if tile.any():
                    yield (row * across + y, col * across + x), tile


def num_levels(side_px: int) -> int:
    """Levels of an image of this side: halves, until one is small or odd."""
    count = 1
    while side_px > COARSEST_PX and side_px % 2 == 0:
        side_px //= 2
        count += 1
    return count


def sparse_levels(drawing: SceneDrawing, side_px: int) -> Iterator[SparseLevel]:
    """Finest first; each is the 2 x 2 means of the one before."""
    level = SparseLevel(side_px=side_px, blocks=_drawn(drawing))
    yield level
    for _ in range(num_levels(side_px) - 1):
        level = SparseLevel(side_px=level.side_px // 2, blocks=_halved(level.blocks))
        yield level


def _drawn(drawing: SceneDrawing) -> Blocks:
    keys = {
        (row, col)
        for region in drawing.regions
        for row in range(region.y // BLOCK_PX, (region.bottom - 1) // BLOCK_PX + 1)
        for col in range(region.x // BLOCK_PX, (region.right - 1) // BLOCK_PX + 1)
    }
    drawn = {
        key: drawing.draw(Region(key[0] * BLOCK_PX, key[1] * BLOCK_PX, BLOCK_PX, BLOCK_PX))
        for key in sorted(keys)
    }
    return {key: block for key, block in drawn.items() if block.any()}


def _halved(blocks: Blocks) -> Blocks:
    coarser: dict[Place, Pixels] = {}
    half = BLOCK_PX // 2
    for (row, col), block in blocks.items():
        target = coarser.setdefault((row // 2, col // 2), np.zeros((BLOCK_PX, BLOCK_PX), np.uint8))
        y, x = row % 2 * half, col % 2 * half
        target[y : y + half, x : x + half] = halved(block)
    return coarser
