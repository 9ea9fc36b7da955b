"""Saccader: class logits everywhere, and a policy that says which few of them count.

The whole image goes through the representation network and the attention network once; a cell then picks positions
one after another and the class logits at the picks are averaged. So it costs the same for 2 glimpses as for 30.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ModelError
from models.saccader.cell import SaccaderCell

_NUM_GROUPS = 2
"""Of the attention network; each halves the channels."""


class Represented(NamedTuple):
    """What the representation network says of a batch of images."""

    features: Tensor
    """(B, F, m, n)."""
    what: Tensor
    """(B, N, m, n), narrow; class logits are read off them."""
    class_maps: Tensor
    """(B, K, m, n) class logits of every position."""


class Saccades(NamedTuple):
    """Where the cell looked."""

    picks: Tensor
    """(B, T) int64, positions row by row, in the order of looking; none twice."""
    location_logits: Tensor
    """(B, T, G) what each was chosen by, out of all positions."""

    @property
    def log_probs(self) -> Tensor:
        """(B, T) log-probability of each pick."""
        every = self.location_logits.log_softmax(dim=2)  # (B, T, G)
        return every.gather(2, self.picks[..., None])[..., 0]


class SaccaderAnswer(NamedTuple):
    """What the network says."""

    logits: Tensor
    """(B, K): the mean of the class maps at the picks."""
    saccades: Saccades
    """Where it looked."""


class AttentionNetwork(nn.Module):
    """Where-features: two groups of a 1 x 1 and a 3 x 3 convolution, dilated by 2 (authors' code).

    Args:
        channels: F; F / 4 come out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(_NUM_GROUPS):
            narrow = channels // 2
            layers += [*_normalised(channels, narrow, 1), *_normalised(narrow, narrow, 3)]
            channels = narrow
        self.layers = nn.Sequential(*layers)
        self.num_features = channels
        """Channels that come out."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, F, m, n) to (B, F / 4, m, n)."""
        where: Tensor = self.layers(features)
        return where


def _normalised(in_channels: int, out_channels: int, kernel: int) -> list[nn.Module]:
    margin = kernel - 1  # a kernel of 3, dilated by 2, spans 5
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel, padding=margin, dilation=2, bias=False
    )
    return [convolution, nn.BatchNorm2d(out_channels), nn.ReLU()]


class Saccader(nn.Module):
    """The network.

    Args:
        backbone: (B, C, H, W) to (B, F, m, n), every position seeing a part of the image.
        num_features: F.
        num_classes: K.
        narrow: N, channels that class logits are read off, and of the mixed features; None: F / 4 (the paper's 512).
        input_mean: value (0 to 1) of a pixel that the networks see as 0.
    """

    mean: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        num_features: int,
        num_classes: int,
        *,
        narrow: int | None = None,
        input_mean: float = 0.5,
    ) -> None:
        super().__init__()
        narrow = narrow or num_features // 4
        self.backbone = backbone
        self.bottleneck = nn.Conv2d(num_features, narrow, 1, bias=False)
        self.bottleneck_norm = nn.BatchNorm2d(narrow)
        self.classifier = nn.Conv2d(narrow, num_classes, 1)
        self.attention = AttentionNetwork(num_features)
        self.mix = nn.Conv2d(self.attention.num_features + narrow, narrow, 1)
        self.cell = SaccaderCell(narrow)
        self.register_buffer("mean", torch.tensor(input_mean), persistent=False)

    @property
    def representation(self) -> nn.ModuleList:
        """What says what is where: trained first, by the class alone."""
        parts = [self.backbone, self.bottleneck, self.bottleneck_norm, self.classifier]
        return nn.ModuleList(parts)

    @property
    def location(self) -> nn.ModuleList:
        """What says where to look."""
        return nn.ModuleList([self.attention, self.mix, self.cell])

    def represent(self, images: Tensor) -> Represented:
        """(B, C, H, W), values 0 to 1."""
        features = self.backbone((images - self.mean) * 2)  # (B, F, m, n)
        what = F.relu(self.bottleneck_norm(self.bottleneck(features)))  # (B, N, m, n)
        return Represented(features, what, self.classifier(what))

    def saccade(
        self, seen: Represented, num_glimpses: int, targets: Tensor | None = None
    ) -> Saccades:
        """Look, one position after another: drawn in training, the most probable ones otherwise.

        Args:
            seen: what is where.
            num_glimpses: T, no more than there are positions.
            targets: (B, T) positions to look at, whatever the cell says; None: its own.

        Raises:
            ModelError: if there are fewer positions than glimpses.
        """
        mixed = self.mix(torch.cat([self.attention(seen.features), seen.what], dim=1))
        b, _, m, n = mixed.shape
        if not 1 <= num_glimpses <= m * n:
            raise ModelError(
                f"{num_glimpses} glimpses on a map of {m} x {n} positions; give 1 to {m * n}, or larger images"
            )
        positions = mixed.flatten(2).mT  # (B, G, N)
        visited = positions.new_zeros(b, m * n)
        picks, logits = [], []
        for step in range(num_glimpses):
            scores: Tensor = self.cell(positions, visited)  # (B, G)
            pick = self._picked(scores) if targets is None else targets[:, step]  # (B,)
            visited = visited.scatter(1, pick[:, None], 1.0)
            picks.append(pick)
            logits.append(scores)
        return Saccades(torch.stack(picks, dim=1), torch.stack(logits, dim=1))

    def _picked(self, scores: Tensor) -> Tensor:
        if not self.training:
            return scores.argmax(dim=1)
        return torch.multinomial(scores.softmax(dim=1), 1)[:, 0]

    def forward(self, images: Tensor, num_glimpses: int) -> SaccaderAnswer:
        """(B, C, H, W), values 0 to 1.

        Raises:
            ModelError: if the images are too small for the backbone, or for so many glimpses.
        """
        seen = self.represent(images)
        saccades = self.saccade(seen, num_glimpses)
        return SaccaderAnswer(logits_at(seen.class_maps, saccades.picks), saccades)


def logits_at(class_maps: Tensor, picks: Tensor) -> Tensor:
    """(B, K, m, n) class logits and (B, T) positions to (B, K), the mean over the positions."""
    maps = class_maps.flatten(2)  # (B, K, G)
    every = maps.gather(2, picks[:, None].expand(-1, maps.shape[1], -1))  # (B, K, T)
    return every.mean(dim=2)
