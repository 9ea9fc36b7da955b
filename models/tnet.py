"""TNet: one look at one window, whatever its place and depth (TNet paper, section 3). The walk is not here."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.aggregation import Aggregation
from models.errors import ModelError
from models.features import Features
from models.level_choice import LevelChoice


class Look(NamedTuple):
    """What the network makes of a batch of windows."""

    features: Tensor
    """(B, D) position-encoded features, to be aggregated."""
    cell_logits: Tensor
    """(B, G) what the location module says of the candidate cells; (B, 0) without one."""
    cell_log_probs: Tensor
    """(B, G) log-probabilities of the candidate cells; (B, 0) without a location module."""
    level_logits: Tensor
    """(B, J) what is said of going 1 to J depths down for the next looks; (B, 0) for a network that takes the next."""


class TNet(nn.Module):
    """The paper's four modules, put together. Without location and positional encoding it is a full-image baseline.

    Args:
        feature_extraction: (B, C, base, base) in [-1, 1] and (B,) depths to `Features`.
        location: `Features` to (B, G) logits.
        cell_scores: those to (B, G) log-probabilities.
        positional_encoding: (B, D) vectors and (B, 3) positions to (B, D).
        aggregation: features of all looks to class probabilities; holds the classification module.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        feature_extraction: nn.Module,
        location: nn.Module | None,
        cell_scores: nn.Module,
        positional_encoding: nn.Module | None,
        aggregation: Aggregation,
    ) -> None:
        super().__init__()
        self.feature_extraction = feature_extraction
        self.location = location
        self.cell_scores = cell_scores
        self.positional_encoding = positional_encoding
        self.aggregation = aggregation
        self.root_scorer: nn.Module | None = None
        """Overviews of all roots to a logit each; whoever builds the network may set it."""
        self.level_choice: LevelChoice | None = None
        """Features of looks to a logit per depth below them; likewise."""
        self.register_buffer("mean", torch.tensor(0.5), persistent=False)
        self.register_buffer("std", torch.tensor(0.5), persistent=False)

    def look(self, images: Tensor, positions: Tensor, *, stop_gradient: bool = True) -> Look:
        """What is to be seen in a batch of windows.

        Args:
            images: (B, C, base, base) float32, values 0 to 1.
            positions: (B, 3) int64, y, x and depth of each window in the tree of looks.
            stop_gradient: whether what the location module learns leaves the feature extraction alone, as in
                the authors' code.
        """
        seen = self.seen(images, positions[:, 2])
        features = seen.vectors
        if self.positional_encoding is not None:
            features = self.positional_encoding(features, positions)
        if self.location is None:
            nothing = images.new_empty((len(images), 0))
            return Look(features, nothing, nothing, nothing)
        shown = seen.detached() if stop_gradient else seen
        logits = self.location(shown)
        levels = self._level_logits(shown.vectors, positions[:, 2])
        return Look(features, logits, self.cell_scores(logits), levels)

    def _level_logits(self, vectors: Tensor, depths: Tensor) -> Tensor:
        if self.level_choice is None:
            return vectors.new_empty((len(vectors), 0))
        logits: Tensor = self.level_choice(vectors, depths)
        return logits

    def seen(self, images: Tensor, depths: Tensor) -> Features:
        """What the feature extraction makes of windows, (B, C, base, base) from 0 to 1, at depths (B,)."""
        features: Features = self.feature_extraction((images - self.mean) / self.std, depths)
        return features

    def root_logits(self, overviews: Tensor) -> Tensor:
        """How likely a look at each root of an image is to tell something.

        Args:
            overviews: (R, Q, C, p, p) float32, values 0 to 1.

        Returns:
            (R, Q) logits.

        Raises:
            ModelError: if the network was built without a root scorer.
        """
        if self.root_scorer is None:
            raise ModelError("the network scores no roots; build it with network.root_scorer")
        logits: Tensor = self.root_scorer((overviews - self.mean) / self.std)
        return logits
