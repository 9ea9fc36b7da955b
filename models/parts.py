"""From the options of a network's config to the parts that they name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from models.aggregation import Aggregation
from models.architecture import Architecture
from models.attention_rnn.location import BLOCK_GAMMA, RecurrentLocation
from models.cell_scores import IndependentCells, TemperatureSoftmax, UnitSoftmax
from models.errors import ModelError
from models.level_choice import LevelChoice
from models.likeness import LikenessLocation
from models.network_config import NetworkConfig
from models.pooling import pooling_of
from models.root_scorer import RootScorer


def location_of(
    network: NetworkConfig, cell_channels: int, own: Callable[[], nn.Module]
) -> nn.Module:
    """Scores cells; `own` makes the one that the network is published with."""
    if network.location == "own":
        return own()
    if network.location == "likeness":
        return LikenessLocation(cell_channels)
    gamma = BLOCK_GAMMA if network.location == "block_attention_rnn" else 1
    return RecurrentLocation(
        cell_channels=cell_channels, num_depths=network.num_depths, gamma=gamma
    )


def root_scorer_of(network: NetworkConfig, num_bands: int) -> nn.Module | None:
    """Scores places to start from over an overview; None where the walk starts everywhere."""
    if network.root_scorer == "none":
        return None
    gamma = BLOCK_GAMMA if network.root_scorer == "block_attention_rnn" else 1
    return RootScorer(num_bands=num_bands, gamma=gamma)


def level_choice_of(network: NetworkConfig, architecture: Architecture) -> LevelChoice | None:
    """Says how deep the next looks lie; None where that is always one step.

    Raises:
        ModelError: if the network looks only once.
    """
    if network.levels == 1:
        return None
    if not architecture.grid:
        raise ModelError(f"network.levels is {network.levels}; {architecture.name} looks only once")
    return LevelChoice(
        architecture.num_features, num_levels=network.levels, num_depths=network.num_depths
    )


def cell_scores_of(network: NetworkConfig) -> nn.Module:
    """From values of cells to their probabilities."""
    kinds: dict[str, Callable[[], nn.Module]] = {
        "unit_softmax": UnitSoftmax,
        "temperature_softmax": TemperatureSoftmax,
        "independent": IndependentCells,
    }
    return kinds[network.cell_scores]()


def aggregation_of(
    network: NetworkConfig, num_features: int, num_classes: int, *, dropout: float, grid: int = 0
) -> Aggregation:
    """From the features of all looks to classes.

    Args:
        network: the options.
        num_features: of a look.
        num_classes: K.
        dropout: the network's own rate before its classifier; the options may have another.
        grid: cells a side; 0 for a network that looks once.
    """
    rate = dropout if network.dropout is None else network.dropout
    linear = nn.Linear(num_features, num_classes)
    classification = nn.Sequential(nn.Dropout(rate), linear) if rate else linear
    return pooling_of(
        network, classification, num_features=num_features, num_classes=num_classes, grid=grid
    )
