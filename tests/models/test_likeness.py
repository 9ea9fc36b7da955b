"""Query by example: the example is found where it is, and nothing is taken for it."""

from __future__ import annotations

import math

import pytest
import torch

from models.build import build_model
from models.errors import ModelError
from models.features import Features
from models.likeness import MAX_DEPTHS, LikenessAggregation, LikenessLocation, apart, resemblance
from models.network_config import NetworkConfig

CHANNELS = 6


def looked_at(cells: torch.Tensor, depth: int = 0) -> Features:
    """Features with these cells, (1, D', n, n)."""
    return Features(torch.zeros(1, 4), cells, torch.tensor([depth]))


class TestResemblance:
    def test_by_hand(self) -> None:
        """It is the cosine where the other is as strong, and less in proportion where it is weaker."""
        example = torch.tensor([3.0, 4.0])
        others = torch.tensor(
            [[3.0, 4.0], [6.0, 8.0], [1.5, 2.0], [-3.0, -4.0], [-4.0, 3.0], [5.0, 0.0]]
        )

        found = resemblance(example, others)

        assert found.tolist() == pytest.approx([1.0, 1.0, 0.5, -1.0, 0.0, 0.6])

    def test_nothing_resembles_nothing(self) -> None:
        """A look without any feature is not alike, and not undefined."""
        assert resemblance(torch.ones(3), torch.zeros(3)) == 0


class TestLocation:
    def test_points_at_the_example(self) -> None:
        """Of a grid of cells the one that was learned by heart has the largest logit, at its depth only."""
        generator = torch.Generator().manual_seed(0)
        cells = torch.randn(1, CHANNELS, 5, 5, generator=generator)
        location = LikenessLocation(CHANNELS)
        location.examples[1] = apart(cells)[0, 17]

        assert location(looked_at(cells, depth=1)).argmax() == 17
        assert (
            location(looked_at(cells, depth=0)).unique().numel() == 1
        )  # nothing is known of that depth

    def test_what_all_cells_share_says_nothing(self) -> None:
        """A brighter background changes no logit."""
        generator = torch.Generator().manual_seed(0)
        cells = torch.randn(1, CHANNELS, 3, 3, generator=generator, dtype=torch.float64)
        location = LikenessLocation(CHANNELS).double()
        location.examples[:] = apart(cells)[0, 4]

        torch.testing.assert_close(location(looked_at(cells + 7)), location(looked_at(cells)))

    def test_deeper_looks_than_there_are_examples(self) -> None:
        """They are compared with the last."""
        cells = torch.randn(1, CHANNELS, 3, 3, generator=torch.Generator().manual_seed(0))
        location = LikenessLocation(CHANNELS)
        location.examples[MAX_DEPTHS - 1] = apart(cells)[0, 2]

        assert location(looked_at(cells, depth=MAX_DEPTHS + 5)).argmax() == 2


class TestAggregation:
    def test_an_image_is_as_alike_as_its_best_look(self) -> None:
        """After each look the probability of `like` is the largest so far, of looks at the example's depth."""
        aggregation = LikenessAggregation(2)
        aggregation.example[:] = torch.tensor([0.0, 2.0])
        aggregation.depth.fill_(1)
        features = torch.tensor([[0.0, 2.0], [0.0, 1.0], [2.0, 0.0], [0.0, 1.6]])
        positions = torch.tensor([[0, 0, 0], [3, 1, 1], [0, 2, 1], [1, 1, 1]])

        like = aggregation.combine(aggregation.keep(features, positions))[:, 0]

        assert like.tolist() == pytest.approx([0, 0.5, 0.5, 0.8], abs=1e-5)

    def test_looks_by_themselves(self) -> None:
        """The first columns that are kept are each look's own log-probabilities."""
        aggregation = LikenessAggregation(2)
        aggregation.example[:] = torch.tensor([0.0, 2.0])
        kept = aggregation.keep(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 3, dtype=torch.int64))

        assert aggregation.look_log_probs(kept, 2)[0].tolist() == pytest.approx([math.log(0.5)] * 2)

    def test_the_best_look_decides(self) -> None:
        """It has all the weight, and what each look adds is its own likeness."""
        aggregation = LikenessAggregation(2)
        aggregation.example[:] = torch.tensor([0.0, 2.0])
        features = torch.tensor([[0.0, 1.0], [0.0, 1.6], [2.0, 0.0]])
        kept = aggregation.keep(features, torch.zeros(3, 3, dtype=torch.int64))

        assert aggregation.weights(kept).tolist() == [0, 1, 0]
        assert aggregation.evidence(kept)[:, 0].tolist() == pytest.approx([0.5, 0.8, 0], abs=1e-5)


class TestConfig:
    def test_location_and_aggregation_belong_together(self) -> None:
        """One without the other is refused."""
        with pytest.raises(ModelError, match="both are 'likeness'"):
            NetworkConfig(location="likeness")

    @pytest.mark.parametrize("name", ["tnet_imagenet", "tnet_fmow", "tnet_small"])
    def test_position_does_not_count(self, name: str) -> None:
        """The same window is as much alike wherever it lies, for every network that walks."""
        network = NetworkConfig(
            location="likeness", aggregation="likeness", cell_scores="independent"
        )
        model = build_model(name, num_classes=2, network=network).eval()
        side = {"tnet_imagenet": 77, "tnet_fmow": 224, "tnet_small": 96}[name]
        window = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            here = model.look(window, torch.tensor([[0, 0, 1]]))
            there = model.look(window, torch.tensor([[3, 8, 1]]))

        torch.testing.assert_close(here.features, there.features)
        torch.testing.assert_close(here.cell_log_probs, there.cell_log_probs)
