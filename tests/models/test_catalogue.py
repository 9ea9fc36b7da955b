"""What a part of a walk's network costs, against sums by hand."""

from __future__ import annotations

import pytest

from models.catalogue.part import COUNTED_IN, NUM_LOOKS, PARTS, PartEntry
from models.counts import look_cost

_FEATURES, _CLASSES, _CELLS = 64, 10, 49
_CLASSIFIER = _FEATURES * _CLASSES


def entry(role: str, name: str) -> PartEntry:
    """The part that the config names so."""
    [found] = [part for listed, part in PARTS if (part.role, listed) == (role, name)]
    return found


class TestMultiplications:
    @pytest.mark.parametrize(
        ("role", "name", "of_a_look"),
        [
            ("levels", "2", _FEATURES * 2),
            ("aggregation", "mean", _CLASSIFIER),
            ("aggregation", "attention_pc", _CLASSIFIER + _FEATURES),
            (
                "aggregation",
                "conv_lstm",  # 16 channels are written, 32 remembered, by four gates of 3 x 3
                _CLASSIFIER + _FEATURES * 16 + _CELLS * 9 * (16 + 32) * 4 * 32 + 32 * _CLASSES,
            ),
        ],
    )
    def test_are_those_of_all_looks(self, role: str, name: str, of_a_look: int) -> None:
        """Every look takes the products that its layers are made of, and nothing else is counted."""
        assert entry(role, name).cost(name).multiplications == NUM_LOOKS * of_a_look

    @pytest.mark.parametrize("name", ["own", "attention_rnn", "block_attention_rnn"])
    def test_of_a_location_module_are_those_of_a_walk(self, name: str) -> None:
        """They are what the count of a whole walk takes for looks whose cells are scored."""
        network = entry("location", name).config(name)
        one = look_cost(COUNTED_IN, num_classes=10, num_bands=1, input_px=96, network=network)

        assert entry("location", name).cost(name).multiplications == NUM_LOOKS * one.location
