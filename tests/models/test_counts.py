"""The paper's own numbers, exactly."""

from __future__ import annotations

from itertools import pairwise

import pytest

from models.architecture import ARCHITECTURES
from models.build import build_model
from models.counts import num_multiplications, num_parameters


class TestParameters:
    @pytest.mark.parametrize(
        ("name", "num_classes", "expected"),
        [
            ("bagnet77", 1000, 20_546_664),
            ("tnet_imagenet", 1000, 21_859_949),
            ("efficientnet_b0", 62, 4_128_986),
            ("tnet_fmow", 62, 4_559_591),
        ],
    )
    def test_equal_the_papers(self, name: str, num_classes: int, expected: int) -> None:
        """Trainable parameters and moving statistics add up to the number that the paper rounds."""
        assert num_parameters(build_model(name, num_classes=num_classes)) == expected

    def test_the_small_one_is_small(self) -> None:
        """A tnet_small of ten classes and one band stays below 150,000 parameters."""
        assert num_parameters(build_model("tnet_small", num_classes=10, num_bands=1)) < 150_000


class TestMultiplications:
    @pytest.mark.parametrize(
        ("num_locations", "expected"),
        [(0, 1.824), (1, 3.628), (2, 5.432), (3, 7.236), (5, 10.843)],
    )
    def test_imagenet(self, num_locations: int, expected: float) -> None:
        """Table 1: 1.82, 3.63, 5.43, 7.24 and 10.84 billion at 0, 1, 2, 3 and 5 locations."""
        found = num_multiplications("tnet_imagenet", num_locations) / 1e9

        assert round(found, 3) == expected

    @pytest.mark.parametrize(
        ("num_locations", "expected"),
        [(0, 0.387), (1, 0.775), (2, 1.162), (3, 1.549), (4, 1.937), (6, 2.711)],
    )
    def test_fmow(self, num_locations: int, expected: float) -> None:
        """Table 2: 0.39, 0.77, 1.16, 1.55, 1.94 and 2.71 billion at 0 to 4 and 6 locations."""
        found = num_multiplications("tnet_fmow", num_locations) / 1e9

        assert round(found, 3) == expected

    @pytest.mark.parametrize(
        ("name", "input_px", "expected"),
        [
            ("bagnet77", 224, 18.423),
            ("efficientnet_b0", 224, 0.387),
            ("efficientnet_b0", 448, 1.546),
            ("efficientnet_b0", 896, 6.180),
        ],
    )
    def test_baselines(self, name: str, input_px: int, expected: float) -> None:
        """The full-image baselines at each resolution of the paper."""
        found = num_multiplications(name, 0, input_px=input_px) / 1e9

        assert round(found, 3) == expected

    @pytest.mark.parametrize("name", ARCHITECTURES)
    def test_grow_with_every_location(self, name: str) -> None:
        """Every further look costs at least its own feature extraction."""
        costs = [num_multiplications(name, k) for k in range(4)]
        steps = {b - a > 0 for a, b in pairwise(costs)}

        assert steps == {True}
