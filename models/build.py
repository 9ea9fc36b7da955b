"""From a name and options to a network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from models import bagnet, small
from models.architecture import architecture_named
from models.depth_location import DepthLocation
from models.errors import ModelError
from models.initialisation import Scheme, initialise
from models.location import ContextLocation
from models.network_config import NetworkConfig
from models.parts import (
    aggregation_of,
    cell_scores_of,
    level_choice_of,
    location_of,
    root_scorer_of,
)
from models.positional_encoding import AddedEncoding, ConcatenatedEncoding
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
        model.root_scorer = root_scorer_of(network, num_bands)
        model.level_choice = level_choice_of(network, architecture_named(name))
        model.mean.fill_(network.input_mean)
        if network.is_of_example:
            model.positional_encoding = None  # the example is sought everywhere
        return model


def _tnet_imagenet(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=bagnet.BagNetFeatures(num_bands=num_bands, grid=5, dropout=0.5),
        location=location_of(
            network,
            bagnet.CELL_CHANNELS,
            lambda: ContextLocation(
                cell_channels=bagnet.CELL_CHANNELS,
                context_channels=bagnet.NUM_FEATURES,
                hidden_channels=512,
            ),
        ),
        cell_scores=cell_scores_of(network),
        positional_encoding=ConcatenatedEncoding(num_features=bagnet.NUM_FEATURES),
        aggregation=aggregation_of(network, bagnet.NUM_FEATURES, num_classes, dropout=0, grid=5),
    )


def _bagnet77(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=bagnet.BagNetFeatures(num_bands=num_bands, grid=0, dropout=0.625),
        location=None,
        cell_scores=nn.Identity(),
        positional_encoding=None,
        aggregation=aggregation_of(network, bagnet.NUM_FEATURES, num_classes, dropout=0),
    )


def _tnet_fmow(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    from models import efficientnet, squeeze_location  # not above: they load torchvision, 1.3 s

    return TNet(
        feature_extraction=efficientnet.EfficientNetFeatures(
            num_bands=num_bands, grid=3, drop_connect=0.3
        ),
        location=location_of(
            network,
            efficientnet.CELL_CHANNELS,
            lambda: squeeze_location.SqueezeLocation(cell_channels=efficientnet.CELL_CHANNELS),
        ),
        cell_scores=cell_scores_of(network),
        positional_encoding=AddedEncoding(
            num_features=efficientnet.NUM_FEATURES, num_channels=efficientnet.NUM_FEATURES // 4
        ),
        aggregation=aggregation_of(
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
        aggregation=aggregation_of(network, efficientnet.NUM_FEATURES, num_classes, dropout=0.75),
    )


def _tnet_small(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=small.SmallFeatures(num_bands=num_bands, num_depths=network.num_depths),
        location=location_of(
            network,
            small.CELL_CHANNELS,
            lambda: DepthLocation(
                cell_channels=small.CELL_CHANNELS, hidden_channels=64, num_depths=network.num_depths
            ),
        ),
        cell_scores=cell_scores_of(network),
        positional_encoding=None,  # where a small thing lies does not say what it is
        aggregation=aggregation_of(network, small.NUM_FEATURES, num_classes, dropout=0.1, grid=7),
    )


def _cnn_small(num_classes: int, num_bands: int, network: NetworkConfig) -> TNet:
    return TNet(
        feature_extraction=small.SmallFeatures(num_bands=num_bands, num_depths=1),
        location=None,
        cell_scores=nn.Identity(),
        positional_encoding=None,
        aggregation=aggregation_of(network, small.NUM_FEATURES, num_classes, dropout=0.1),
    )
