"""A mean whose weights are learned: scores of looks, a softmax over them, in the forms that the literature has.

`SqueezeScore` is what TNet's authors use in later code; `LinearScore` is the parametrised compatibility of Learn to Pay
Attention (equation 2), whose global part cancels under the softmax; `GatedScore` is that of attention-based multiple
instance learning (Ilse et al., 2018).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation, above_mean

_SQUEEZE = 4
_TINY = 1e-12


class SqueezeScore(nn.Module):
    """A linear score of features that were gated channel by channel. Starts without a preference.

    Args:
        num_features: D.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(num_features, num_features // _SQUEEZE)
        self.excite = nn.Linear(num_features // _SQUEEZE, num_features)
        self.weight = nn.Linear(num_features, 1)

    def start_as_mean(self) -> None:
        """Give all looks the same weight."""
        nn.init.zeros_(self.weight.weight)
        nn.init.zeros_(self.weight.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) to (B, 1)."""
        gate = self.excite(F.silu(self.squeeze(features))).sigmoid()  # (B, D)
        score: Tensor = self.weight(features * gate)
        return score


class LinearScore(nn.Linear):
    """(B, D) to (B, 1): what is objectlike in general.

    Args:
        num_features: D.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, 1)


class GatedScore(nn.Module):
    """w (tanh(V f) * sigmoid(U f)).

    Args:
        num_features: D.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        hidden = num_features // 2
        self.value, self.gate = (nn.Linear(num_features, hidden) for _ in range(2))
        self.weight = nn.Linear(hidden, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) to (B, 1)."""
        score: Tensor = self.weight(self.value(features).tanh() * self.gate(features).sigmoid())
        return score


class WeightedAggregation(Aggregation):
    """A weighted mean over the looks; weights are a softmax of scores.

    Args:
        classification: (B, D) to (B, K) logits.
        score: (B, D) to (B, 1).
        mixes: `features`: the class probabilities of the mean feature. `probabilities`: the mean of the looks' class
            probabilities, as in a spatially attentive output layer (SAOL).
    """

    def __init__(
        self,
        classification: nn.Module,
        score: nn.Module,
        *,
        mixes: Literal["features", "probabilities"] = "features",
    ) -> None:
        super().__init__(classification)
        self.score = score
        self._mixes = mixes

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:  # noqa: ARG002  # the contract; all places are alike
        """(B, D) to (B, K + 1): logits, and the score."""
        return torch.cat([self.classification(features), self.score(features)], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L, K) probabilities after each look."""
        exact = kept.to(torch.float64)
        means = running_means(exact[:, -1], self._values(exact))  # (L, K)
        return means.softmax(dim=1) if self._mixes == "features" else means

    @property
    def evidence_unit(self) -> str:
        """What `evidence` is counted in, in words."""
        if self._mixes == "features":
            return super().evidence_unit
        return "probability of the class; those of all looks add up to the image's"

    def weights(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L,)."""
        return kept[:, -1].to(torch.float64).softmax(dim=0)

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, K + 1) to (L, K); of probabilities, where those are mixed."""
        values = self._values(kept.to(torch.float64))
        shown = above_mean(values) if self._mixes == "features" else values
        return self.weights(kept)[:, None] * shown

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + 1) to (N, K) log-probabilities."""
        means = image_means(kept[:, -1], self._values(kept), image_of, num_images)
        if self._mixes == "features":
            return F.log_softmax(means, dim=1)
        return means.clamp_min(_TINY).log()

    def _values(self, kept: Tensor) -> Tensor:
        """(L, K) what the mean is taken of."""
        logits = kept[:, :-1]
        return logits if self._mixes == "features" else logits.softmax(dim=1)


def running_means(scores: Tensor, values: Tensor) -> Tensor:
    """(L, D) after each look the mean of values (L, D) so far, weighed by a softmax of scores (L,)."""
    powers = (scores - scores.max()).exp()[:, None]  # (L, 1)
    return (powers * values).cumsum(dim=0) / powers.cumsum(dim=0)


def image_means(scores: Tensor, values: Tensor, image_of: Tensor, num_images: int) -> Tensor:
    """(N, D) of each image the mean of values (M, D), weighed by a softmax of scores (M,) among its looks."""
    largest = scores.detach().new_full((num_images,), -torch.inf)
    largest = largest.scatter_reduce(0, image_of, scores.detach(), "amax")
    powers = (scores - largest[image_of]).exp()
    totals = powers.new_zeros(num_images).index_add(0, image_of, powers)
    shares = (powers / totals[image_of])[:, None]  # (M, 1)
    means = values.new_zeros((num_images, values.shape[1]))
    return means.index_add(0, image_of, values * shares)
