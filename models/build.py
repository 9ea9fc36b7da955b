"""From a name and options to a network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from models import bagnet, small
from models.aggregation import Aggregation
from models.architecture import Architecture, architecture_named
from models.attention_rnn.location import BLOCK_GAMMA, RecurrentLocation
from models.cell_scores import IndependentCells, TemperatureSoftmax, UnitSoftmax
from models.depth_location import DepthLocation
from models.errors import ModelError
from models.initialisation import Scheme, initialise
from models.level_choice import LevelChoice
from models.likeness import LikenessLocation
from models.location import ContextLocation
from models.network_config import NetworkConfig
from models.pooling import pooling_of
from models.positional_encoding import AddedEncoding, ConcatenatedEncoding
from models.root_scorer import RootScorer
from models.tnet import TNet

PAPER = NetworkConfig()
_SCHEMES: dict[str, Scheme] = {
    "tnet_imagenet": "glorot",
    "bagnet77": "glorot",
    "tnet_fmow": "fan_out",
    "efficientnet_b0": "fan_out",
    "tnet_small": "fan_in",
    "cnn_small": "fan_in",
}
# Drop rates are those of the paper's training (5.1 for ImageNet, B.3 for fMoW); they never touch a prediction.


def build_model(
    name: str,
    *,
    num_classes: int,
    num_bands: int = 3,
    network: NetworkConfig = PAPER,
    seed: int = 0,
) -> TNet:
    """A network with random weights, in training mode.

    Args:
        name: a name of `models.architecture`.
        num_classes: K, at least 1.
        num_bands: C of its windows, at least 1.
        network: options; the defaults are the paper.
        seed: of the weights.

    Raises:
        UnknownModelError: if there is no such network.
        ModelError: if a number is out of range.
    """
    model = assemble(name, num_classes=num_classes, num_bands=num_bands, network=network)
    initialise(model, seed=seed, scheme=_SCHEMES[name])
    return model


def assemble(
    name: str, *, num_classes: int, num_bands: int = 3, network: NetworkConfig = PAPER
) -> TNet:
    """The same with weights of no meaning, for who loads others. Leaves the global generator alone."""
    architecture_named(name)
    if num_classes < 1 or num_bands < 1:
        raise ModelError(f"{name}: {num_classes} classes, {num_bands} bands; both at least 1")
    builders: dict[str, Callable[[int, int, NetworkConfig], TNet]] = {
        "tnet_imagenet": _tnet_imagenet,
        "bagnet77": _bagnet77,
        "tnet_fmow": _tnet_fmow,
        "efficientnet_b0": _efficientnet_b0,
        "tnet_small": _tnet_small,
        "cnn_small": _cnn_small,
    }
    with torch.random.fork_rng(devices=[]):  # torch's constructors draw weights of their own
        model = builders[name](num_classes, num_bands, network)
        model.root_scorer = _root_scorer(network, num_bands)
        model.level_choice = _level_choice(network, architecture_named(name))
        model.mean.fill_(network.input_mean)
        if network.is_of_example:
            model.positional_encoding = None  # the example is sought everywhere
        return model


def _tnet_imagenet(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=bagnet.BagNetFeatures(num_bands=num_bands, grid=5, dropout=0.5),
        location=_location(
            network,
            bagnet.CELL_CHANNELS,
            lambda: ContextLocation(
                cell_channels=bagnet.CELL_CHANNELS,
                context_channels=bagnet.NUM_FEATURES,
                hidden_channels=512,
            ),
        ),
        cell_scores=_cell_scores(network),
        positional_encoding=ConcatenatedEncoding(num_features=bagnet.NUM_FEATURES),
        aggregation=_aggregation(network, bagnet.NUM_FEATURES, num_classes, dropout=0, grid=5),
    )


def _bagnet77(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=bagnet.BagNetFeatures(num_bands=num_bands, grid=0, dropout=0.625),
        location=None,
        cell_scores=nn.Identity(),
        positional_encoding=None,
        aggregation=_aggregation(network, bagnet.NUM_FEATURES, num_classes, dropout=0),
    )


def _tnet_fmow(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    from models import efficientnet, squeeze_location  # not above: they load torchvision, 1.3 s

    return TNet(
        feature_extraction=efficientnet.EfficientNetFeatures(
            num_bands=num_bands, grid=3, drop_connect=0.3
        ),
        location=_location(
            network,
            efficientnet.CELL_CHANNELS,
            lambda: squeeze_location.SqueezeLocation(cell_channels=efficientnet.CELL_CHANNELS),
        ),
        cell_scores=_cell_scores(network),
        positional_encoding=AddedEncoding(
            num_features=efficientnet.NUM_FEATURES, num_channels=efficientnet.NUM_FEATURES // 4
        ),
        aggregation=_aggregation(
            network, efficientnet.NUM_FEATURES, num_classes, dropout=0.5, grid=3
        ),
    )


def _efficientnet_b0(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    from models import efficientnet

    return TNet(
        feature_extraction=efficientnet.EfficientNetFeatures(
            num_bands=num_bands, grid=0, drop_connect=0.5
        ),
        location=None,
        cell_scores=nn.Identity(),
        positional_encoding=None,
        aggregation=_aggregation(network, efficientnet.NUM_FEATURES, num_classes, dropout=0.75),
    )


def _tnet_small(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=small.SmallFeatures(num_bands=num_bands, num_depths=network.num_depths),
        location=_location(
            network,
            small.CELL_CHANNELS,
            lambda: DepthLocation(
                cell_channels=small.CELL_CHANNELS, hidden_channels=64, num_depths=network.num_depths
            ),
        ),
        cell_scores=_cell_scores(network),
        positional_encoding=None,  # where a small thing lies does not say what it is
        aggregation=_aggregation(network, small.NUM_FEATURES, num_classes, dropout=0.1, grid=7),
    )


def _cnn_small(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=small.SmallFeatures(num_bands=num_bands, num_depths=1),
        location=None,
        cell_scores=nn.Identity(),
        positional_encoding=None,
        aggregation=_aggregation(network, small.NUM_FEATURES, num_classes, dropout=0.1),
    )


def _location(
    network: NetworkConfig, cell_channels: int, own: Callable[[], nn.Module]
) -> nn.Module:
    if network.location == "own":
        return own()
    if network.location == "likeness":
        return LikenessLocation(cell_channels)
    gamma = BLOCK_GAMMA if network.location == "block_attention_rnn" else 1
    return RecurrentLocation(
        cell_channels=cell_channels, num_depths=network.num_depths, gamma=gamma
    )


def _root_scorer(network: NetworkConfig, num_bands: int) -> nn.Module | None:
    if network.root_scorer == "none":
        return None
    gamma = BLOCK_GAMMA if network.root_scorer == "block_attention_rnn" else 1
    return RootScorer(num_bands=num_bands, gamma=gamma)


def _level_choice(network: NetworkConfig, architecture: Architecture) -> LevelChoice | None:
    if network.levels == 1:
        return None
    if not architecture.grid:
        raise ModelError(f"network.levels is {network.levels}; {architecture.name} looks only once")
    return LevelChoice(
        architecture.num_features, num_levels=network.levels, num_depths=network.num_depths
    )


def _cell_scores(network: NetworkConfig) -> nn.Module:
    kinds: dict[str, Callable[[], nn.Module]] = {
        "unit_softmax": UnitSoftmax,
        "temperature_softmax": TemperatureSoftmax,
        "independent": IndependentCells,
    }
    return kinds[network.cell_scores]()


def _aggregation(
    network: NetworkConfig, num_features: int, num_classes: int, *, dropout: float, grid: int = 0
) -> Aggregation:
    rate = dropout if network.dropout is None else network.dropout
    linear = nn.Linear(num_features, num_classes)
    classification = nn.Sequential(nn.Dropout(rate), linear) if rate else linear
    return pooling_of(
        network, classification, num_features=num_features, num_classes=num_classes, grid=grid
    )
