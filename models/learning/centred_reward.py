"""REINFORCE with the mean reward of the batch as its baseline, as Saccader's authors train Saccader and DRAM.

TNet's own rule (`models.learning.reinforce`) compares with a moving average instead, and rewards single looks.
"""

from __future__ import annotations

from torch import Tensor


def centred_policy_loss(log_probs: Tensor, rewards: Tensor) -> Tensor:
    """What descends towards choices that were rewarded more than the batch was on average.

    The mean over images and steps of -(R - mean R) * log p. A batch that is all right or all wrong teaches nothing.

    Args:
        log_probs: (B, T) log-probability of each choice.
        rewards: (B,) of all choices of an image; no gradient flows into them.
    """
    advantages = (rewards - rewards.mean()).detach()  # (B,)
    return -(advantages[:, None] * log_probs).mean()
