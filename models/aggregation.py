"""How the looks at an image become one prediction, at any time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MeanAggregation(nn.Module):
    """The class probabilities of the mean feature, all looks weighing the same (TNet paper, 3.1).

    A mean followed by a linear layer equals the linear layer followed by the mean, so of every look only its
    logits are kept, and the prediction after each look costs nothing.

    Args:
        classification: linear classification module, (B, D) to (B, K); it may drop features in training.
    """

    def __init__(self, classification: nn.Module) -> None:
        super().__init__()
        self.classification = classification

    def keep(self, features: Tensor) -> Tensor:
        """(B, D) position-encoded features to the (B, R) that a walk keeps; here logits, R = K."""
        logits: Tensor = self.classification(features)
        return logits

    def combine(self, kept: Tensor) -> Tensor:
        """(L, R) kept of looks, in order, to (L, K) probabilities after each of them, in float64."""
        counts = torch.arange(1, len(kept) + 1, device=kept.device, dtype=torch.float64)
        means = kept.to(torch.float64).cumsum(dim=0) / counts[:, None]  # (L, K)
        return means.softmax(dim=1)
