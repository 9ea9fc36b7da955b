"""Rules of the ledger, against brute force."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.records.ledger import level_costs, union_area
from pipeline.storage.acquisition import Acquisition
from tests.array_source import ArraySource, halved

BOXES = st.lists(
    st.builds(
        Region, st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12)
    ),
    max_size=12,
)


def cost(requested: int, transferred: int, requests: int, seconds: float) -> Acquisition:
    """What some reading cost."""
    return Acquisition(
        requested_bytes=requested,
        transferred_bytes=transferred,
        num_requests=requests,
        seconds=seconds,
    )


class TestUnionArea:
    @given(BOXES)
    def test_counts_every_pixel_once(self, boxes: list[Region]) -> None:
        """The union's area is the number of painted pixels of a canvas."""
        canvas = np.zeros((40, 40), np.bool_)
        for box in boxes:
            canvas[box.y : box.bottom, box.x : box.right] = True

        assert union_area(boxes) == canvas.sum()


class TestLevelCosts:
    def test_sums_what_was_read_per_level(self) -> None:
        """Each level's line sums its own tiles; the header has a line without a level."""
        source = ArraySource(halved(np.zeros((1, 64, 64), np.uint8), 2), tile_px=16)
        read = {
            TileKey(0, 0, 0): cost(10, 12, 1, 0.5),
            TileKey(0, 3, 3): cost(20, 20, 1, 0.5),
            TileKey(1, 0, 1): cost(5, 5, 2, 0.25),
        }
        header, finest, coarser = level_costs(source, read, {0: 112, 1: 16})

        assert (header.level, header.acquisition) == (None, source.header)
        assert (finest.tiles_total, finest.tiles_read, finest.pixels_read) == (16, 2, 112)
        assert finest.acquisition == cost(30, 32, 2, 1.0)
        assert (coarser.tiles_total, coarser.tiles_read, coarser.pixels_read) == (4, 1, 16)
        assert (finest.full_scan_bytes, coarser.full_scan_bytes) == (4096, 1024)
