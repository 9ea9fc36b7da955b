"""From the name of an aggregation to the aggregation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from models.aggregation import Aggregation, MeanAggregation
from models.evidence import EvidenceAggregation
from models.network_config import NetworkConfig
from models.query_aggregation import ClassTokenAggregation, FirstLookAggregation
from models.weighting import GatedScore, LinearScore, SqueezeScore, WeightedAggregation

_SCORES: Mapping[str, Callable[[int], nn.Module]] = {
    "weighting": SqueezeScore,
    "attention_pc": LinearScore,
    "attention_gated": GatedScore,
}


def pooling_of(
    network: NetworkConfig, classification: nn.Module, num_features: int, num_classes: int
) -> Aggregation:
    """The aggregation that the config names, around a classification module, (B, D) to (B, K)."""
    kind = network.aggregation
    if kind == "saol":
        return WeightedAggregation(classification, GatedScore(num_features), mixes="probabilities")
    if kind in _SCORES:
        return WeightedAggregation(classification, _SCORES[kind](num_features))
    if kind == "evidence":
        depths = network.num_depths
        return EvidenceAggregation(classification, num_classes=num_classes, num_depths=depths)
    if kind == "attention_dp":
        return FirstLookAggregation(classification, num_classes=num_classes)
    if kind == "class_token":
        return ClassTokenAggregation(
            classification, num_classes=num_classes, num_features=num_features
        )
    return MeanAggregation(classification)
