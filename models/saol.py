"""SAOL: a spatially attentive output layer. Every position predicts classes; a map of attention weighs the predictions.

Kim et al., 2020, "Spatially attentive output layer for image classification". What comes out is a mixture of
probabilities: its loss is the negative logarithm of the mixture, never a cross-entropy of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_TINY = 1e-12


class SaolAnswer(NamedTuple):
    """What the layer says."""

    probabilities: Tensor
    """(B, K): sum over positions of attention times prediction."""
    attention: Tensor
    """(B, 1, m, n), summing to 1."""
    local: Tensor
    """(B, K, m, n): each position's class probabilities."""
    pooled_logits: Tensor
    """(B, K) of the ordinary head beside it, mean and linear, which learns and teaches with it."""


class SpatiallyAttentiveOutput(nn.Module):
    """The layer, with the ordinary head beside it.

    Args:
        widths: C of the maps that are classified, the last one's at the end.
        num_classes: K.
        hidden_channels: of the attention, and of each map before they are joined.
    """

    def __init__(
        self, widths: Sequence[int], num_classes: int, *, hidden_channels: int = 128
    ) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv2d(widths[-1], hidden_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden_channels),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, 1, 3, padding=1),
        )
        self.reductions = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, hidden_channels, 1, bias=False),
                nn.BatchNorm2d(hidden_channels),
                nn.ReLU(),
            )
            for width in widths
        )
        self.local = nn.Conv2d(hidden_channels * len(widths), num_classes, 3, padding=1)
        self.pooled = nn.Linear(widths[-1], num_classes)

    def forward(self, maps: Sequence[Tensor]) -> SaolAnswer:
        """(B, C, ., .) per width; all are brought to the last one's size."""
        last = maps[-1]
        scores = self.attention(last)  # (B, 1, m, n)
        attention = scores.flatten(2).softmax(dim=2).view(scores.shape)
        reduced = [
            F.interpolate(reduce(one), size=last.shape[2:], mode="bilinear", align_corners=False)
            for reduce, one in zip(self.reductions, maps, strict=True)
        ]
        local = self.local(torch.cat(reduced, dim=1)).softmax(dim=1)  # (B, K, m, n)
        return SaolAnswer(
            probabilities=(attention * local).sum(dim=(2, 3)),
            attention=attention,
            local=local,
            pooled_logits=self.pooled(last.mean(dim=(2, 3))),
        )


class SaolLoss(NamedTuple):
    """Its terms, means over the images."""

    mixture: Tensor
    """Negative log-likelihood of the mixture."""
    pooled: Tensor
    """Cross-entropy of the ordinary head."""
    distillation: Tensor
    """How far the ordinary head is from the mixture, which teaches it (KL divergence)."""

    @property
    def total(self) -> Tensor:
        """All terms."""
        return self.mixture + self.pooled + self.distillation


def saol_loss(answer: SaolAnswer, labels: Tensor) -> SaolLoss:
    """The layer's own loss and the self-distillation of the ordinary head.

    Args:
        answer: of B images.
        labels: (B,) classes.
    """
    log_mixture = answer.probabilities.clamp_min(_TINY).log()
    student = F.log_softmax(answer.pooled_logits, dim=1)
    return SaolLoss(
        mixture=F.nll_loss(log_mixture, labels),
        pooled=F.nll_loss(student, labels),
        distillation=F.kl_div(
            student, log_mixture.detach(), reduction="batchmean", log_target=True
        ),
    )


def pasted_location_loss(answer: SaolAnswer, labels: Tensor) -> Tensor:
    """The loss of single positions where it is known which image they come from, as under CutMix.

    Args:
        answer: of B images.
        labels: (B, m, n): class of the image that covers each position; -1 where two meet.
    """
    return F.nll_loss(answer.local.clamp_min(_TINY).log(), labels, ignore_index=-1)
