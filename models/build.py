"""From a name to a network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from models import bagnet, small
from models.aggregation import MeanAggregation
from models.architecture import architecture_named
from models.errors import ModelError
from models.initialisation import initialise
from models.location import ContextLocation
from models.positional_encoding import AddedEncoding, ConcatenatedEncoding
from models.tnet import TNet

_GLOROT = ("tnet_imagenet", "bagnet77")
# Drop rates are those of the paper's training (5.1 for ImageNet, B.3 for fMoW); they never touch a prediction.


def build_model(name: str, *, num_classes: int, num_bands: int = 3, seed: int = 0) -> TNet:
    """A network with random weights, in training mode.

    Args:
        name: a name of `models.architecture`.
        num_classes: K, at least 1.
        num_bands: C of its windows, at least 1.
        seed: of the weights.

    Raises:
        UnknownModelError: if there is no such network.
        ModelError: if a number is out of range.
    """
    model = assemble(name, num_classes=num_classes, num_bands=num_bands)
    initialise(model, seed=seed, is_glorot=name in _GLOROT)
    return model


def assemble(name: str, *, num_classes: int, num_bands: int = 3) -> TNet:
    """The same with weights of no meaning, for who loads others. Leaves the global generator alone."""
    architecture_named(name)
    if num_classes < 1 or num_bands < 1:
        raise ModelError(f"{name}: {num_classes} classes, {num_bands} bands; both at least 1")
    builders: dict[str, Callable[[int, int], TNet]] = {
        "tnet_imagenet": _tnet_imagenet,
        "bagnet77": _bagnet77,
        "tnet_fmow": _tnet_fmow,
        "efficientnet_b0": _efficientnet_b0,
        "tnet_small": _tnet_small,
    }
    with torch.random.fork_rng(devices=[]):  # torch's constructors draw weights of their own
        return builders[name](num_classes, num_bands)


def _tnet_imagenet(num_classes: int, num_bands: int) -> TNet:
    return TNet(
        feature_extraction=bagnet.BagNetFeatures(num_bands=num_bands, grid=5, dropout=0.5),
        location=ContextLocation(
            cell_channels=bagnet.CELL_CHANNELS,
            context_channels=bagnet.NUM_FEATURES,
            hidden_channels=512,
        ),
        positional_encoding=ConcatenatedEncoding(num_features=bagnet.NUM_FEATURES),
        aggregation=MeanAggregation(nn.Linear(bagnet.NUM_FEATURES, num_classes)),
    )


def _bagnet77(num_classes: int, num_bands: int) -> TNet:
    return TNet(
        feature_extraction=bagnet.BagNetFeatures(num_bands=num_bands, grid=0, dropout=0.625),
        location=None,
        positional_encoding=None,
        aggregation=MeanAggregation(nn.Linear(bagnet.NUM_FEATURES, num_classes)),
    )


def _tnet_fmow(num_classes: int, num_bands: int) -> TNet:
    from models import efficientnet, squeeze_location  # not above: they load torchvision, 1.3 s

    return TNet(
        feature_extraction=efficientnet.EfficientNetFeatures(
            num_bands=num_bands, grid=3, drop_connect=0.3
        ),
        location=squeeze_location.SqueezeLocation(cell_channels=efficientnet.CELL_CHANNELS),
        positional_encoding=AddedEncoding(
            num_features=efficientnet.NUM_FEATURES, num_channels=efficientnet.NUM_FEATURES // 4
        ),
        aggregation=MeanAggregation(_with_dropout(0.5, efficientnet.NUM_FEATURES, num_classes)),
    )


def _efficientnet_b0(num_classes: int, num_bands: int) -> TNet:
    from models import efficientnet

    return TNet(
        feature_extraction=efficientnet.EfficientNetFeatures(
            num_bands=num_bands, grid=0, drop_connect=0.5
        ),
        location=None,
        positional_encoding=None,
        aggregation=MeanAggregation(_with_dropout(0.75, efficientnet.NUM_FEATURES, num_classes)),
    )


def _tnet_small(num_classes: int, num_bands: int) -> TNet:
    return TNet(
        feature_extraction=small.SmallFeatures(num_bands=num_bands),
        location=ContextLocation(
            cell_channels=small.CELL_CHANNELS,
            context_channels=small.NUM_FEATURES,
            hidden_channels=64,
        ),
        positional_encoding=AddedEncoding(num_features=small.NUM_FEATURES, num_channels=48),
        aggregation=MeanAggregation(nn.Linear(small.NUM_FEATURES, num_classes)),
    )


def _with_dropout(rate: float, num_features: int, num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Dropout(rate), nn.Linear(num_features, num_classes))
