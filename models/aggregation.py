"""How the looks at an image become one prediction, at any time: the contract, and the paper's mean.

A walk keeps a few numbers of every look, and combines those of all looks so far after each of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Aggregation(nn.Module, ABC):
    """Features of looks in, class probabilities out. Holds the classification module.

    Args:
        classification: (B, D) to (B, K) logits; it may drop features in training.
    """

    def __init__(self, classification: nn.Module) -> None:
        super().__init__()
        self.classification = classification

    @abstractmethod
    def keep(self, features: Tensor, positions: Tensor) -> Tensor:
        """What a walk keeps of looks.

        Args:
            features: (B, D) position-encoded features.
            positions: (B, 3) int64, y, x and depth of each look in the tree of looks.

        Returns:
            (B, R), its first K columns being the look's own class logits.
        """

    @abstractmethod
    def combine(self, kept: Tensor) -> Tensor:
        """(L, R) kept of the looks at one image, in order, to (L, K) probabilities after each, in float64."""

    @abstractmethod
    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """What `combine` says after the last look, for many images at once and with gradient.

        Args:
            kept: (M, R) of the looks at all images.
            image_of: (M,) int64, which image each look is of.
            num_images: N; each has at least one look.

        Returns:
            (N, K) log-probabilities.
        """

    @property
    def evidence_unit(self) -> str:
        """What `evidence` is counted in, in words."""
        return "logits above the mean of all classes; those of all looks add up to the image's"

    @abstractmethod
    def weights(self, kept: Tensor) -> Tensor:
        """How much each look counts in the prediction, whatever it says.

        Args:
            kept: (L, R) of the looks at one image.

        Returns:
            (L,) from 0 to 1, in float64; they sum to 1, or to less where something beside the looks counts.
        """

    @abstractmethod
    def evidence(self, kept: Tensor) -> Tensor:
        """What each look adds for each class to the prediction after the last one, before any temperature.

        Args:
            kept: (L, R) of the looks at one image.

        Returns:
            (L, K) in `evidence_unit`, in float64; below 0 speaks against the class.
        """

    def look_log_probs(self, kept: Tensor, num_classes: int) -> Tensor:
        """(M, K) log-probabilities of every look by itself."""
        return F.log_softmax(kept[:, :num_classes], dim=1)


class MeanAggregation(Aggregation):
    """The class probabilities of the mean feature, all looks weighing the same (TNet paper, 3.1).

    A mean followed by a linear layer equals the linear layer followed by the mean, so of every look only its
    logits are kept, and the prediction after each look costs nothing.
    """

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:  # noqa: ARG002  # the contract; all places are alike
        """(B, D) to (B, K) logits."""
        logits: Tensor = self.classification(features)
        return logits

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K) logits to (L, K) probabilities after each look."""
        counts = torch.arange(1, len(kept) + 1, device=kept.device, dtype=torch.float64)
        means = kept.to(torch.float64).cumsum(dim=0) / counts[:, None]  # (L, K)
        return means.softmax(dim=1)

    def weights(self, kept: Tensor) -> Tensor:
        """(L, K) logits to (L,), all the same."""
        return torch.full((len(kept),), 1 / len(kept), dtype=torch.float64, device=kept.device)

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, K) logits to (L, K)."""
        return self.weights(kept)[:, None] * above_mean(kept.to(torch.float64))

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K) logits to (N, K) log-probabilities."""
        ones = kept.new_ones(len(kept))
        counts = kept.new_zeros(num_images).index_add(0, image_of, ones)
        totals = kept.new_zeros((num_images, kept.shape[1])).index_add(0, image_of, kept)
        return F.log_softmax(totals / counts[:, None], dim=1)


def above_mean(logits: Tensor) -> Tensor:
    """(L, K) logits without what a softmax does not hear: what they have in common over the classes."""
    return logits - logits.mean(dim=1, keepdim=True)
