"""What networks of several papers say, as one thing: log-probabilities, masks, and the loss of the paper."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from models.ltpa.network import AttentiveAnswer
from models.patch_conv import PatchConvAnswer
from models.saol import SaolAnswer, saol_loss

Answer: TypeAlias = Tensor | AttentiveAnswer | PatchConvAnswer | SaolAnswer
"""Of a network; a tensor is (B, K) logits or log-probabilities."""
_TINY = 1e-12


def log_probs_of(answer: Answer) -> Tensor:
    """(B, K)."""
    if isinstance(answer, Tensor):
        return F.log_softmax(answer, dim=1)  # of log-probabilities it is themselves
    if isinstance(answer, AttentiveAnswer):
        return answer.log_probs
    if isinstance(answer, SaolAnswer):
        return answer.probabilities.clamp_min(_TINY).log()
    return F.log_softmax(answer.logits, dim=1)


def masks_of(answer: Answer) -> tuple[Tensor, ...]:
    """(B, 1, m, n) each, the lowest level first; none where the answer holds none."""
    if isinstance(answer, Tensor):
        return ()
    if isinstance(answer, AttentiveAnswer):
        return answer.masks
    if isinstance(answer, SaolAnswer):
        return (answer.attention,)
    return tuple(torch.split(answer.masks, 1, dim=1))


def loss_of(answer: Answer, labels: Tensor) -> Tensor:
    """Negative log-likelihood of the labels, (B,); SAOL adds its ordinary head's, and what that learns from it."""
    if isinstance(answer, SaolAnswer):
        return saol_loss(answer, labels).total
    return F.nll_loss(log_probs_of(answer), labels)
