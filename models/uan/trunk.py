"""GoogLeNet, computed no deeper than anybody has looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torchvision.models import googlenet

from models.errors import ModelError

CHANNELS: Mapping[str, int] = {"3b": 480, "4c": 512, "4e": 832, "5b": 1024}
"""Layers that may be looked at, the shallowest first; of 224 px they have 28, 14, 14 and 7."""
_PARTS: Mapping[str, tuple[str, ...]] = {
    "3b": ("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b"),
    "4c": ("maxpool3", "inception4a", "inception4b", "inception4c"),
    "4e": ("inception4d", "inception4e"),
    "5b": ("maxpool4", "inception5a", "inception5b"),
}
"""What lies between each and the one before."""


class GoogLeNetTrunk(nn.Module):
    """The network of torchvision in pieces, without its classifiers.

    Args:
        layers: names of `CHANNELS`, the shallowest first.

    Raises:
        ModelError: if there is no such layer.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        unknown = set(layers) - CHANNELS.keys()
        if unknown or not layers:
            raise ModelError(
                f"there are no layers {sorted(unknown)} to choose among; some of {', '.join(CHANNELS)}"
            )
        whole = googlenet(weights=None, aux_logits=False, init_weights=False)
        deepest = max(list(CHANNELS).index(name) for name in layers)
        self.pieces = nn.ModuleDict(
            {
                name: nn.Sequential(*(getattr(whole, part) for part in parts))
                for name, parts in list(_PARTS.items())[: deepest + 1]
            }
        )

    def looked_at(self, images: Tensor) -> LazyMaps:
        """(B, 3, H, W), of which nothing is computed yet."""
        return LazyMaps(self.pieces, images)


class LazyMaps:
    """The maps of some images; a layer is computed, with those below it, when it is first asked for.

    Args:
        pieces: of the trunk.
        images: (B, 3, H, W).
    """

    def __init__(self, pieces: nn.ModuleDict, images: Tensor) -> None:
        self._pieces = pieces
        self._last = images
        self._maps: dict[str, Tensor] = {}

    def of(self, layer: str) -> Tensor:
        """(B, C, m, n)."""
        for name, piece in self._pieces.items():
            if layer in self._maps:
                break
            if name not in self._maps:
                self._last = self._maps[name] = piece(self._last)
        return self._maps[layer]

    @property
    def deepest(self) -> str | None:
        """The deepest layer that was computed; None: none."""
        return next(reversed(self._maps), None)
