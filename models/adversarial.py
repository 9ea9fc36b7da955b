"""The fast gradient sign method (Goodfellow et al., 2015): one step against the answer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def fast_gradient_sign(
    log_probs: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor, *, norm: float
) -> Tensor:
    """Images that were changed by `norm` in every value, in the direction that makes their label less probable.

    Args:
        log_probs: (B, C, H, W) to (B, K).
        images: (B, C, H, W), values 0 to 1.
        labels: (B,) classes.
        norm: largest change of a value, 0 to 1; 1/255 to 16/255 in the paper on learning to pay attention.
    """
    return stepped(images, direction_against(log_probs, images, labels), norm=norm)


def direction_against(
    log_probs: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor
) -> Tensor:
    """The signs, -1 to 1 and of the images' shape, in which their labels become less probable.

    They are the same for every norm, so steps of several norms need one gradient.
    """
    asked = images.detach().clone().requires_grad_(True)
    loss = F.nll_loss(log_probs(asked), labels)
    (gradient,) = torch.autograd.grad(loss, asked)
    return gradient.sign()


def stepped(images: Tensor, direction: Tensor, *, norm: float) -> Tensor:
    """Images after a step, within 0 and 1."""
    return (images + norm * direction).clamp(0, 1).detach()
