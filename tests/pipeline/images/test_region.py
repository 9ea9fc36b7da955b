"""Rules of `Region`, against sets of pixels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.images.region import Region

SMALL = st.builds(
    Region,
    st.integers(-8, 8),
    st.integers(-8, 8),
    st.integers(1, 9),
    st.integers(1, 9),
)


def pixels(region: Region | None) -> set[tuple[int, int]]:
    """Every pixel of a region."""
    if region is None:
        return set()
    return {(y, x) for y in range(region.y, region.bottom) for x in range(region.x, region.right)}


class TestRegion:
    @given(SMALL, SMALL)
    def test_intersection_is_the_shared_pixels(self, one: Region, other: Region) -> None:
        """The intersection holds exactly the pixels that both hold."""
        assert pixels(one.intersection(other)) == pixels(one) & pixels(other)

    @given(SMALL)
    def test_clipped_is_the_part_inside(self, region: Region) -> None:
        """Clipping to an image leaves exactly the pixels with coordinates inside it."""
        inside = {(y, x) for y, x in pixels(region) if 0 <= y < 5 and 0 <= x < 7}

        assert pixels(region.clipped(5, 7)) == inside

    @given(SMALL, SMALL)
    def test_overlap_is_the_share_of_the_smaller(self, one: Region, other: Region) -> None:
        """Overlap counts shared pixels against the smaller region."""
        shared = len(pixels(one) & pixels(other))

        assert one.overlap(other) == shared / min(len(pixels(one)), len(pixels(other)))

    @pytest.mark.parametrize(("height", "width"), [(0, 3), (3, 0), (-1, 3)])
    def test_empty_regions_are_refused(self, height: int, width: int) -> None:
        """A region without pixels cannot be made."""
        with pytest.raises(ValueError, match="at least one pixel"):
            Region(0, 0, height, width)
