"""A mean whose weights are learned (what the paper lists as future work; its authors' later code does it)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation

_SQUEEZE = 4


class WeightedAggregation(Aggregation):
    """The class probabilities of a weighted mean feature; weights are a softmax over the looks. Starts as the mean.

    Args:
        classification: (B, D) to (B, K) logits.
        num_features: D.
    """

    def __init__(self, classification: nn.Module, *, num_features: int) -> None:
        super().__init__(classification)
        self.squeeze = nn.Linear(num_features, num_features // _SQUEEZE)
        self.excite = nn.Linear(num_features // _SQUEEZE, num_features)
        self.weight = nn.Linear(num_features, 1)

    def start_as_mean(self) -> None:
        """Give all looks the same weight."""
        nn.init.zeros_(self.weight.weight)
        nn.init.zeros_(self.weight.bias)

    def keep(self, features: Tensor, depths: Tensor) -> Tensor:  # noqa: ARG002  # the contract; all depths are alike
        """(B, D) to (B, K + 1): logits, and the logarithm of the weight."""
        gate = self.excite(F.silu(self.squeeze(features))).sigmoid()  # (B, D)
        weight = self.weight(features * gate)  # (B, 1)
        return torch.cat([self.classification(features), weight], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L, K) probabilities after each look."""
        logits, weight = kept[:, :-1].to(torch.float64), kept[:, -1:].to(torch.float64)
        share = (weight - weight.max()).exp()  # (L, 1)
        means = (share * logits).cumsum(dim=0) / share.cumsum(dim=0)  # (L, K)
        return means.softmax(dim=1)

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + 1) to (N, K) log-probabilities."""
        logits, weight = kept[:, :-1], kept[:, -1]
        largest = weight.detach().new_full((num_images,), -torch.inf)
        largest = largest.scatter_reduce(0, image_of, weight.detach(), "amax")
        share = (weight - largest[image_of]).exp()  # (M,)
        total = share.new_zeros(num_images).index_add(0, image_of, share)
        sums = logits.new_zeros((num_images, logits.shape[1]))
        sums = sums.index_add(0, image_of, logits * share[:, None])
        return F.log_softmax(sums / total[:, None], dim=1)
