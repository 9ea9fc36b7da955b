"""Looks as independent witnesses: their log-odds add up, and an empty look says nothing.

Were looks independent given the class, Bayes' rule would give p(c | looks) as proportional to prior(c) times the
product of p(c | look) / prior(c). A mean over mostly empty looks does not do that. A look may be wrong about a
class, so what it can take away from one is bounded; bound, prior and the credit of each depth are learned.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation, above_mean

_ROOT_CREDIT, _COARSE_CREDIT = 0.02, 0.3
"""Where the credit of the first depth and of those between it and the finest starts; the finest starts at 1. The
first look shows too little to be believed, and enough to be memorised."""


class EvidenceAggregation(Aggregation):
    """log p = log-softmax(log prior + sum over looks of s_d * max(log p_i - log prior, -a_d)).

    Args:
        classification: (B, D) to (B, K) logits.
        num_classes: K.
        num_depths: depths with a credit s_d and a bound a_d of their own; deeper looks use the last.
    """

    def __init__(self, classification: nn.Module, *, num_classes: int, num_depths: int) -> None:
        super().__init__(classification)
        self._num_classes = num_classes
        shares = [_ROOT_CREDIT, *([_COARSE_CREDIT] * (num_depths - 2)), 1.0][-num_depths:]
        self.prior = nn.Parameter(torch.zeros(num_classes))
        self.credit = nn.Parameter(torch.tensor([_inverse_softplus(one) for one in shares]))
        self.bound = nn.Parameter(torch.full((num_depths,), _inverse_softplus(1.0)))

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:
        """(B, D) to (B, K + 1): log-probabilities of the look, and its depth."""
        logits = self.classification(features)
        exact = torch.promote_types(logits.dtype, torch.float32)  # depths do not fit into bfloat16
        log_probs = F.log_softmax(logits.to(exact), dim=1)
        return torch.cat([log_probs, positions[:, 2:].to(log_probs.dtype)], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L, K) probabilities after each look."""
        prior = F.log_softmax(self.prior.to(torch.float64), dim=0)
        total = prior + self._evidence(kept.to(torch.float64), prior).cumsum(dim=0)
        return total.softmax(dim=1)

    @property
    def evidence_unit(self) -> str:
        """What `evidence` is counted in, in words."""
        return "logits above the mean of all classes; those of all looks and the prior add up to the image's"

    def weights(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L,): each depth's credit, as a share of that of all looks."""
        credit = self._credit(kept.to(torch.float64))[:, 0]
        return credit / credit.sum()

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L, K)."""
        prior = F.log_softmax(self.prior.to(torch.float64), dim=0)
        return above_mean(self._evidence(kept.to(torch.float64), prior))

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + 1) to (N, K) log-probabilities."""
        prior = F.log_softmax(self.prior, dim=0)
        evidence = self._evidence(kept, prior)  # (M, K)
        totals = evidence.new_zeros((num_images, self._num_classes))
        return F.log_softmax(prior + totals.index_add(0, image_of, evidence), dim=1)

    def _evidence(self, kept: Tensor, prior: Tensor) -> Tensor:
        """(M, K) what each look adds to the log-odds."""
        bound = F.softplus(self.bound).to(kept.dtype)[self._depth(kept)][:, None]
        return self._credit(kept) * torch.maximum(kept[:, :-1] - prior, -bound)

    def _credit(self, kept: Tensor) -> Tensor:
        """(M, 1) how much looks of each one's depth are believed."""
        return F.softplus(self.credit).to(kept.dtype)[self._depth(kept)][:, None]

    def _depth(self, kept: Tensor) -> Tensor:
        """(M,) depths with parameters of their own."""
        return kept[:, -1].long().clamp(max=len(self.credit) - 1)


def _inverse_softplus(value: float) -> float:
    return math.log(math.expm1(value))
