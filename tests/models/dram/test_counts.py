"""DRAM's parameters and multiplications are those of TNet's table 1."""

from __future__ import annotations

import pytest
import torch

from models.catalogue.hard_attention import HARD_ATTENTION
from models.counts import multiplications_of
from models.dram.build import build_dram
from models.hard_attention import _EmptyFovea, dram_cost


class TestCounts:
    def test_parameters_are_those_of_the_paper(self) -> None:
        """45.61 million in TNet's table 1, part by part by hand: ResNet-50, two LSTMs, classes, locations."""
        found = HARD_ATTENTION["dram"].cost(1000).num_parameters
        resnet, before = 15 * 49 * 64 + 64, 64  # three windows of three bands and two coordinates
        for wide, count in ((256, 3), (512, 4), (1024, 6), (2048, 3)):
            narrow = wide // 4
            for _ in range(count):
                resnet += 4 * before + before * narrow + 4 * narrow + 9 * narrow**2 + 4 * narrow
                resnet += narrow * wide + wide
                resnet += before * wide + wide if before != wide else 0
                before = wide
        resnet += 4 * 2048
        lstms = 4 * 1024 * (2048 + 1024 + 1) + 4 * 1024 * (1024 + 1024 + 1)
        ends = 1024 * 1000 + 1000 + 1024 * 2 + 2

        assert found == resnet + lstms + ends == 45_609_194
        assert round(found / 1e6, 2) == 45.61

    def test_multiplications_grow_as_in_the_paper(self) -> None:
        """Table 1's 1.86, 3.1, 5.58 and 13.03 billion are as 3 to 5 to 9 to 21: one look more than glimpses."""
        cost = HARD_ATTENTION["dram"].cost(1000)
        each = [cost.of_glimpses(n) / (n + 1) for n in (2, 4, 8, 20)]

        assert max(each) / min(each) < 1.001
        for printed, looks in ((1.86, 3), (3.1, 5), (5.58, 9), (13.03, 21)):
            assert printed / looks == pytest.approx(0.62, rel=1e-3)
        assert each[0] == pytest.approx(0.565e9, rel=1e-3)

    def test_glimpses_are_counted_as_they_are_taken(self) -> None:
        """What further glimpses are said to cost is what a pass with four of them takes."""
        with torch.device("meta"):
            network = build_dram("small", num_classes=5, num_bands=2).eval()
            fovea = _EmptyFovea(2, 48)
            found = multiplications_of(lambda: network(fovea, 4))

        cost = dram_cost("small", num_classes=5, num_bands=2, glimpse_px=48)
        assert cost.of_glimpses(4) == found
