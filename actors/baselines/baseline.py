"""The contract of what is compared: a network that learns from open images and answers for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from actors.baselines.open_image import OpenImage
from actors.baselines.result import Cost


class Baseline(Protocol):
    """A network with what it is shown and taught."""

    @property
    def network(self) -> nn.Module:
        """On its device."""

    def loss(self, images: Sequence[OpenImage], labels: Tensor, stage: int) -> Tensor:
        """What a step descends, in training.

        Args:
            images: B, open.
            labels: (B,) classes.
            stage: from 0.

        Raises:
            UsageError: if an image cannot be shown.
            ModelError: if the images do not suit the network.
        """

    def logits(self, images: Sequence[OpenImage]) -> Tensor:
        """(B, K) answers, as at test; raises as `loss`."""

    def cost(self, image: OpenImage) -> Cost:
        """What the network is, and needs for such an image."""
