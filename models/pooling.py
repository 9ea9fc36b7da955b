"""From the name of an aggregation to the aggregation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from models.aggregation import Aggregation, MeanAggregation
from models.evidence import EvidenceAggregation
from models.likeness import LikenessAggregation
from models.map_memory import MapMemoryAggregation
from models.network_config import NetworkConfig
from models.query_aggregation import ClassTokenAggregation, FirstLookAggregation
from models.weighting import GatedScore, LinearScore, SqueezeScore, WeightedAggregation

_SCORES: Mapping[str, Callable[[int], nn.Module]] = {
    "weighting": SqueezeScore,
    "attention_pc": LinearScore,
    "attention_gated": GatedScore,
}


def pooling_of(
    network: NetworkConfig,
    classification: nn.Module,
    *,
    num_features: int,
    num_classes: int,
    grid: int,
) -> Aggregation:
    """The aggregation that the config names, around a classification module, (B, D) to (B, K).

    Args:
        network: options.
        classification: of single features.
        num_features: D.
        num_classes: K.
        grid: candidate cells per side of a look; 0: none.
    """
    kind = network.aggregation
    if kind in _SCORES:
        return WeightedAggregation(classification, _SCORES[kind](num_features))
    builders: Mapping[str, Callable[[], Aggregation]] = {
        "mean": lambda: MeanAggregation(classification),
        "evidence": lambda: EvidenceAggregation(
            classification, num_classes=num_classes, num_depths=network.num_depths
        ),
        "attention_dp": lambda: FirstLookAggregation(classification, num_classes=num_classes),
        "class_token": lambda: ClassTokenAggregation(
            classification, num_classes=num_classes, num_features=num_features
        ),
        "saol": lambda: WeightedAggregation(
            classification, GatedScore(num_features), mixes="probabilities"
        ),
        "conv_lstm": lambda: MapMemoryAggregation(
            classification, num_classes=num_classes, num_features=num_features, grid=grid
        ),
        "likeness": lambda: LikenessAggregation(num_features),
    }
    return builders[kind]()
