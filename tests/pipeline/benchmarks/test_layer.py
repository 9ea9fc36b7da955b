"""Pasted squares are found where they are, and only there."""

from __future__ import annotations

import numpy as np

from pipeline.benchmarks.layer import Layer
from pipeline.images.region import Region


class TestLayer:
    def test_squares_are_found_as_by_trying_all(self) -> None:
        """A region gets every square that shares a pixel with it, in order, cut to what they share."""
        rng = np.random.default_rng(0)
        layer = Layer(
            pictures=rng.integers(0, 256, (7, 5, 5)).astype(np.uint8),
            chosen=rng.integers(0, 7, 60),
            corners=rng.integers(0, 40, (60, 2)),
        )
        for y, x in rng.integers(0, 30, (200, 2)).tolist():
            region = Region(y, x, 1 + y % 13, 1 + x % 11)
            expected = [
                (shared, layer.pictures[kind][shared.y - top :, shared.x - left :])
                for kind, (top, left) in zip(layer.chosen, layer.corners.tolist(), strict=True)
                if (shared := region.intersection(Region(top, left, 5, 5))) is not None
            ]

            found = list(layer.within(region))
            assert [where for where, _ in found] == [where for where, _ in expected]
            for (where, pixels), (_, picture) in zip(found, expected, strict=True):
                np.testing.assert_array_equal(pixels, picture[: where.height, : where.width])

    def test_touching_is_not_sharing(self) -> None:
        """A square that ends where a region begins, or begins where it ends, is not in it."""
        layer = Layer(
            pictures=np.ones((1, 4, 4), np.uint8),
            chosen=np.zeros(4, int),
            corners=np.array([(0, 4), (8, 4), (4, 0), (4, 8)]),
        )

        assert not list(layer.within(Region(4, 4, 4, 4)))
        assert len(list(layer.within(Region(3, 3, 6, 6)))) == 4
