"""From the location module's logits to the log-probabilities of cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UnitSoftmax(nn.Module):
    """Logits scaled to unit length, then a softmax over the cells (authors' code).

    The scaling bounds probabilities: with 25 cells one lies within 0.0148 and 0.1036.
    """

    def forward(self, logits: Tensor) -> Tensor:
        """(B, G) logits to (B, G) log-probabilities that sum to 1 over the cells."""
        return F.log_softmax(F.normalize(logits, dim=1), dim=1)


class TemperatureSoftmax(nn.Module):
    """The same with a learned factor after the scaling, so that the policy can be certain. Starts as the paper's."""

    def __init__(self) -> None:
        super().__init__()
        self.log_factor = nn.Parameter(torch.zeros(()))

    def forward(self, logits: Tensor) -> Tensor:
        """(B, G) logits to (B, G) log-probabilities that sum to 1 over the cells."""
        return F.log_softmax(F.normalize(logits, dim=1) * self.log_factor.exp(), dim=1)


class IndependentCells(nn.Module):
    """Every cell for itself: the log-probability that a look there tells something.

    Such scores can be compared between looks of any depth, which a softmax within one look cannot.
    """

    def forward(self, logits: Tensor) -> Tensor:
        """(B, G) logits to (B, G) log-probabilities, each for itself."""
        return F.logsigmoid(logits)
