"""foveate models: every network and part that a config may name, with its cost."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from models.catalogue.part import PARTS
from models.network_config import NetworkConfig
from tests.jobs.commands import foveate


class TestModels:
    def test_lists_parameters_and_multiplications(self) -> None:
        """The tables show the papers' numbers."""
        result = foveate("models")
        tnet = ("21,859,949", "4,559,591", "3: 7.236 G", "2: 1.162 G", "18.423 G")
        parts = ("37,251", "15.131 M, 25 looks", "44.755 M, 64 roots")
        others = ("19,971,751", "3.739 G", "2,430,134", "25,231,096", "15.803 G")

        assert result.exit_code == 0
        for number in (*tnet, *parts, *others):
            assert number in result.output

    @pytest.mark.parametrize("role", ["location", "root_scorer", "aggregation"])
    def test_lists_all_that_may_be_put_into_a_network(self, role: str) -> None:
        """Whatever a config may name is listed, but for the absence of a scorer."""
        known = set(get_args(get_type_hints(NetworkConfig)[role])) - {"none"}

        assert {name for name, part in PARTS if part.role == role} == known
