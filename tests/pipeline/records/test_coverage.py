"""Covered pixels, counted as boxes come, against painting them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.region import Region
from pipeline.records.coverage import Coverage

BOXES = st.lists(
    st.builds(
        Region,
        st.integers(0, 1100),
        st.integers(0, 1100),
        st.integers(1, 700),
        st.integers(1, 700),
    ),
    max_size=12,
)


class TestCoverage:
    @given(BOXES)
    def test_it_equals_painting(self, boxes: list[Region]) -> None:
        """After every box, the area is the number of pixels painted so far."""
        canvas = np.zeros((1800, 1800), np.bool_)
        coverage = Coverage()
        for box in boxes:
            canvas[box.y : box.bottom, box.x : box.right] = True
            coverage.add(box)
            assert coverage.area == canvas.sum()
