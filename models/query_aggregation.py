"""Looks weighed by a question: that of the first look, or that of a learned class token."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.aggregation import Aggregation, above_mean
from models.weighting import image_means, running_means


class FirstLookAggregation(Aggregation):
    """Looks weigh by how they agree with the first one, which shows the whole image (Learn to Pay Attention, dp).

    Unlike there, the product is divided by the root of the number of features, or a softmax over some hundred looks
    would hear one of them only.

    Args:
        classification: (B, D) to (B, K) logits.
        num_classes: K.
    """

    def __init__(self, classification: nn.Module, *, num_classes: int) -> None:
        super().__init__(classification)
        self._num_classes = num_classes

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:  # noqa: ARG002  # the contract; all places are alike
        """(B, D) to (B, K + D): logits and features."""
        return torch.cat([self.classification(features), features], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K + D) to (L, K) probabilities after each look."""
        exact = kept.to(torch.float64)
        logits, features = exact[:, : self._num_classes], exact[:, self._num_classes :]
        return running_means(_agreement(features, features[:1]), logits).softmax(dim=1)

    def weights(self, kept: Tensor) -> Tensor:
        """(L, K + D) to (L,)."""
        features = kept[:, self._num_classes :].to(torch.float64)
        return _agreement(features, features[:1]).softmax(dim=0)

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, K + D) to (L, K)."""
        logits = kept[:, : self._num_classes].to(torch.float64)
        return self.weights(kept)[:, None] * above_mean(logits)

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + D) to (N, K) log-probabilities."""
        logits, features = kept[:, : self._num_classes], kept[:, self._num_classes :]
        scores = _agreement(features, features[_first_of(image_of, num_images)][image_of])
        return F.log_softmax(image_means(scores, logits, image_of, num_images), dim=1)


class ClassTokenAggregation(Aggregation):
    """A learned token attends over itself and the looks, passes through a perceptron, and is classified.

    As patches are pooled by PatchConvNet (Touvron et al., 2021); looks come one after another, so only the sums that
    the softmax needs are carried on.

    Args:
        classification: (B, D) to (B, K) logits.
        num_classes: K.
        num_features: D.
    """

    def __init__(self, classification: nn.Module, *, num_classes: int, num_features: int) -> None:
        super().__init__(classification)
        self._num_classes = num_classes
        self.token = nn.Parameter(torch.zeros(1, num_features))
        self.norm1, self.norm2 = (nn.LayerNorm(num_features) for _ in range(2))
        self.query, self.key, self.value = (nn.Linear(num_features, num_features) for _ in range(3))
        self.perceptron = nn.Sequential(
            nn.Linear(num_features, 2 * num_features),
            nn.GELU(),
            nn.Linear(2 * num_features, num_features),
        )

    def keep(self, features: Tensor, positions: Tensor) -> Tensor:  # noqa: ARG002  # the contract; all places are alike
        """(B, D) to (B, K + 1 + D): the look's own logits, its score, and its value."""
        score, value = self._asked(features)
        return torch.cat([self.classification(features), score, value], dim=1)

    def combine(self, kept: Tensor) -> Tensor:
        """(L, K + 1 + D) to (L, K) probabilities after each look."""
        scores, values = self._with_token(kept)
        pooled = running_means(scores, values)[1:]  # (L, D)
        return self._exact_logits(pooled).softmax(dim=1)

    @property
    def evidence_unit(self) -> str:
        """What `evidence` is counted in, in words."""
        return "logits above the mean of all classes that leaving the look out would take away"

    def weights(self, kept: Tensor) -> Tensor:
        """(L, K + 1 + D) to (L,); the rest of 1 is the token's own."""
        scores, _ = self._with_token(kept)
        return scores.softmax(dim=0)[1:]

    def evidence(self, kept: Tensor) -> Tensor:
        """(L, K + 1 + D) to (L, K). A perceptron follows the mean, so nothing adds up: each look is left out once."""
        scores, values = self._with_token(kept)
        powers = (scores - scores.max()).exp()[:, None]  # (1 + L, 1)
        parts = powers * values  # (1 + L, D)
        whole = parts.sum(dim=0, keepdim=True) / powers.sum()
        others = (parts.sum(dim=0) - parts[1:]) / (powers.sum() - powers[1:])  # (L, D)
        return above_mean(self._exact_logits(whole)) - above_mean(self._exact_logits(others))

    def log_probs(self, kept: Tensor, image_of: Tensor, num_images: int) -> Tensor:
        """(M, K + 1 + D) to (N, K) log-probabilities."""
        own_score, own_value = self._asked(self.token)
        scores, values = self._parts(kept)
        # The token is one more look at every image.
        images = torch.arange(num_images, device=image_of.device)
        owners = torch.cat([images, image_of])
        every = torch.cat([own_score[:, 0].expand(num_images), scores])
        seen = torch.cat([own_value.expand(num_images, -1), values])  # (N + M, D)
        pooled = image_means(every, seen, owners, num_images)
        return F.log_softmax(self._logits(pooled), dim=1)

    def _asked(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) to (B, 1) scores and (B, D) values."""
        normed = self.norm1(features)
        query = self.query(self.norm1(self.token))  # (1, D)
        score = (self.key(normed) * query).sum(dim=1, keepdim=True) / features.shape[1] ** 0.5
        value: Tensor = self.value(normed)
        return score, value

    def _with_token(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """(1 + L,) scores and (1 + L, D) values, in float64: the token is a look before the first."""
        own_score, own_value = (one.to(torch.float64) for one in self._asked(self.token))
        scores, values = self._parts(kept.to(torch.float64))
        return torch.cat([own_score[:, 0], scores]), torch.cat([own_value, values])

    def _exact_logits(self, pooled: Tensor) -> Tensor:
        """(N, D) to (N, K), in float64."""
        return self._logits(pooled.to(self.token.dtype)).to(torch.float64)

    def _parts(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """(M,) scores and (M, D) values."""
        return kept[:, self._num_classes], kept[:, self._num_classes + 1 :]

    def _logits(self, pooled: Tensor) -> Tensor:
        """(N, D) to (N, K)."""
        tokens = self.token + pooled
        tokens = tokens + self.perceptron(self.norm2(tokens))
        logits: Tensor = self.classification(tokens)
        return logits


def _agreement(features: Tensor, query: Tensor) -> Tensor:
    """(M,) scaled products of (M, D) and (1 or M, D)."""
    products: Tensor = (features * query).sum(dim=1)
    return products / math.sqrt(features.shape[1])


def _first_of(image_of: Tensor, num_images: int) -> Tensor:
    """(N,) the first look of each image."""
    numbers = torch.arange(len(image_of), device=image_of.device)
    last = torch.full((num_images,), len(image_of), device=image_of.device)
    return last.scatter_reduce(0, image_of, numbers, "amin")
