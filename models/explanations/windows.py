"""CAM and Grad-CAM inside the windows of a TNet: which positions speak for a class in what a look shows by itself.

A softmax does not hear what all classes have in common, so logits are taken above their mean over the classes: else a
position could seem to speak against a class that speaks against all others as much.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from models.aggregation import above_mean
from models.errors import ModelError
from models.explanations.cam import class_activation_maps
from models.explanations.explanation import Explanation
from models.explanations.grad_cam import grad_cam
from models.features import Features
from models.positional_encoding import ConcatenatedEncoding
from models.tnet import TNet

_CAM_UNIT = "logits above the mean of all classes; the mean over a look is its own but for biases"
_WAY_OUT = "Grad-CAM asks any network"


class LookLogits(nn.Module):
    """Windows to the logits of each look by itself, as if it were the only one, above the mean of all classes.

    Args:
        network: whose looks they are.
        positions: (B, 3) int64, y, x and depth of the windows that will be given.
    """

    def __init__(self, network: TNet, positions: Tensor) -> None:
        super().__init__()
        self.network = network
        self._positions = positions
        self.train(
            network.training
        )  # or Grad-CAM would leave the network as this module starts: in training

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, base, base), values 0 to 1, to (B, K)."""
        features = self.network.look(images, self._positions).features
        return above_mean(self.network.aggregation.classification(features))


@torch.no_grad()
def window_cam(network: TNet, images: Tensor, positions: Tensor, classes: Tensor) -> Explanation:
    """How much each position of a window adds to what its look alone would say for a class; exact.

    Args:
        network: in evaluation mode.
        images: (B, C, base, base), values 0 to 1.
        positions: (B, 3) int64, y, x and depth of each window.
        classes: (B,) which class of each.

    Raises:
        ModelError: if the network's logits are no linear function of the mean over a map.
    """
    weights = _weights_of_features(network)
    maps, vectors = _last_maps(network, images, positions)
    if maps.shape[:2] != vectors.shape or not torch.allclose(
        maps.mean(dim=(2, 3)), vectors, rtol=1e-4, atol=1e-5
    ):
        raise ModelError(
            f"there is no CAM of this network: its features are not the mean over a map; {_WAY_OUT}"
        )
    found = class_activation_maps(maps, weights - weights.mean(dim=0), classes)
    return replace(found, unit=_CAM_UNIT)


def window_grad_cam(
    network: TNet, images: Tensor, positions: Tensor, classes: Tensor
) -> Explanation:
    """Which positions of a window raise what its look alone would say for a class; arguments as of `window_cam`.

    Raises:
        ModelError: if the package grad-cam is not installed.
    """
    layer = _last_layer(network)
    return grad_cam(LookLogits(network, positions), [layer], images, classes)


def _weights_of_features(network: TNet) -> Tensor:
    """(K, D): what stands between the mean over the last maps and the logits, where that is linear."""
    head = network.aggregation.classification
    linear = [part for part in head.modules() if isinstance(part, nn.Linear)]
    others = [
        part
        for part in head.modules()
        if not isinstance(part, nn.Linear | nn.Dropout | nn.Sequential)
    ]
    if len(linear) != 1 or others:
        raise ModelError(
            f"there is no CAM of this network: its classification is not linear; {_WAY_OUT}"
        )
    weights = linear[0].weight
    encoding = network.positional_encoding
    if encoding is None:
        return weights
    if isinstance(encoding, ConcatenatedEncoding):
        num_features = encoding.mix.out_features
        return weights @ encoding.mix.weight[:, :num_features]
    raise ModelError(
        "there is no CAM of this network: a positional encoding stands between mean and classification that is "
        f"not linear; {_WAY_OUT}"
    )


def _last_maps(network: TNet, images: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """(B, D, m, n) maps and (B, D) what the network makes its features of."""
    found: list[Tensor] = []
    hook = _last_layer(network).register_forward_hook(
        lambda _module, _input, out: found.append(out)
    )
    try:
        seen: Features = network.feature_extraction(
            (images - network.mean) / network.std, positions[:, 2]
        )
    finally:
        hook.remove()
    return found[0], seen.vectors


def _last_layer(network: TNet) -> nn.Module:
    return network.feature_extraction.get_submodule("last_maps")
