"""From the attended vectors of all levels to classes: one classifier of all, or one each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ModelError

Fusion: TypeAlias = Literal["concat", "indep", "indep_product"]
"""`indep` averages the levels' probabilities, as the paper says; `indep_product` sums their logarithms and normalises,
as the authors' code does."""


class Head(nn.Module):
    """Normalised vectors, and log-probabilities of them.

    Args:
        widths: C of each level.
        num_classes: K.
        fusion: how levels come together.
        dropout: of the vectors, in training.

    Raises:
        ModelError: if there is no such fusion.
    """

    def __init__(
        self, widths: Sequence[int], num_classes: int, *, fusion: Fusion, dropout: float
    ) -> None:
        super().__init__()
        if fusion not in get_args(Fusion):
            raise ModelError(f"there is no fusion {fusion!r}; one of {', '.join(get_args(Fusion))}")
        self._fusion = fusion
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths)
        self.dropout = nn.Dropout(dropout)
        inputs = [sum(widths)] if fusion == "concat" else list(widths)
        self.classifications = nn.ModuleList(nn.Linear(width, num_classes) for width in inputs)

    def with_features(self, vectors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, C) per level to (B, K) log-probabilities, and to (B, sum of widths) features.

        Features are what other tasks may be learned from, before dropout (section 5.3). Both from one normalisation:
        a second one would count the batch twice in its statistics.
        """
        normed = [F.relu(norm(one)) for norm, one in zip(self.norms, vectors, strict=True)]
        return self._classified(normed), torch.cat(normed, dim=1)

    def forward(self, vectors: Sequence[Tensor]) -> Tensor:
        """(B, C) per level to (B, K) log-probabilities."""
        return self.with_features(vectors)[0]

    def _classified(self, inputs: list[Tensor]) -> Tensor:
        if self._fusion == "concat":
            inputs = [torch.cat(inputs, dim=1)]
        parts = [
            F.log_softmax(classify(self.dropout(one)), dim=1)
            for classify, one in zip(self.classifications, inputs, strict=True)
        ]
        if self._fusion == "indep_product":
            return F.log_softmax(torch.stack(parts).sum(dim=0), dim=1)
        return torch.stack(parts).logsumexp(dim=0) - torch.log(torch.tensor(float(len(parts))))
