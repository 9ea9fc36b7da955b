"""What a DRAM is taught: the class, and a reward for locations that led to a right answer."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from models.dram.network import Dram, DramAnswer
from models.learning.centred_reward import centred_policy_loss
from models.learning.reinforce import reward
from models.learning.weight_penalty import mean_square_weight

REWARD_WEIGHT = 0.1
"""Of the second term (authors' config)."""
PENALTY_WEIGHT = 8e-5
"""Of the mean square of the weights that tell classes; those that tell locations are left alone (authors' config)."""


def dram_loss(answer: DramAnswer, labels: Tensor) -> Tensor:
    """Cross-entropy of the last answer, and the reward of all locations for a right one.

    Args:
        answer: of B images, in training.
        labels: (B,) classes.
    """
    policy = centred_policy_loss(answer.log_probs, reward(answer.logits, labels))
    return F.cross_entropy(answer.logits, labels) + REWARD_WEIGHT * policy


def dram_penalty(network: Dram) -> Tensor:
    """What keeps weights small."""
    return PENALTY_WEIGHT * mean_square_weight(network.classes)
