"""The reward for looking where it helps (TNet paper, equations 5 to 8; averages as in the authors' code)."""

from __future__ import annotations

import torch
from torch import Tensor

from models.learning.rows import Rows, mean_per_image


def policy_loss(
    log_probs: Tensor,
    rewards: Tensor,
    look_rewards: Tensor,
    *,
    baseline: float,
    mix: float,
    rows: Rows,
    is_single: Tensor | None = None,
) -> Tensor:
    """What descends towards looks that were rewarded more than usual.

    Per image mix * (R - b) * sum(-log p) + (1 - mix) * mean of (R_k - b) * -log p_k over its P chosen looks.

    Args:
        log_probs: (P,) log-probability of the cell that each chosen look is.
        rewards: (N,) 1 where the prediction of all looks is right, 0 where not.
        look_rewards: (P,) the same of each chosen look by itself.
        baseline: b, the reward to be expected.
        mix: lambda_r.
        rows: whose looks they are.
        is_single: (P,) bool, which looks are rewarded by themselves; None: all.
    """
    image_of = rows.image[rows.chosen]  # (P,)
    if not len(image_of):
        return log_probs.sum()
    surprise = -log_probs  # (P,)
    total = surprise.new_zeros(rows.num_images).index_add(0, image_of, surprise)  # (N,)
    sequence = ((rewards - baseline) * total).mean()
    each = (look_rewards - baseline) * surprise  # (P,)
    if is_single is not None:
        each, image_of = each[is_single], image_of[is_single]
    single = mean_per_image(each, image_of, rows.num_images)
    return mix * sequence + (1 - mix) * single


def reward(log_probs: Tensor, labels: Tensor) -> Tensor:
    """(N, K) predictions and (N,) classes to (N,): 1 where the most probable class is right. No gradient."""
    with torch.no_grad():
        return (log_probs.argmax(dim=1) == labels).to(log_probs.dtype)
