"""What a Saccader is taught, in the order in which it is taught (Saccader, section 2.2; authors' losses).

1. The representation network: the class, from the mean of its logits over all positions.
2. The location networks, the others held still: to look at positions in the order of the logit of the class that the
   representation network itself believes in. Needs no label.
3. Everything: the class from the logits at the picks, and a reward for picks that led to a right answer, less the
   mean reward of the batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.learning.centred_reward import centred_policy_loss
from models.learning.reinforce import reward
from models.learning.weight_penalty import mean_square_weight
from models.saccader.network import Saccader, SaccaderAnswer, Saccades

NUM_PRETRAINING_GLIMPSES = 12
"""Positions that the location networks are taught to order, however many are looked at later (authors' code)."""

REWARD_WEIGHT = 1.0
"""Of the reward beside the cross-entropy (authors' config)."""
PENALTY_WEIGHT = 8e-5
"""Of the mean square of the weights, of the representation and of the location networks alike (authors' config)."""


def representation_loss(class_maps: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the mean logits of (B, K, m, n) maps, for (B,) classes."""
    return F.cross_entropy(class_maps.mean(dim=(2, 3)), labels)


def ordered_positions(class_maps: Tensor, num_glimpses: int) -> Tensor:
    """Where to look by what the representation network believes.

    Args:
        class_maps: (B, K, m, n) class logits.
        num_glimpses: T; all positions where there are fewer.

    Returns:
        (B, T) int64, positions by falling logit of the class whose mean logit is largest.
    """
    believed = class_maps.mean(dim=(2, 3)).argmax(dim=1)  # (B,)
    maps = class_maps.flatten(2)  # (B, K, G)
    row = believed[:, None, None].expand(-1, 1, maps.shape[2])
    chosen = maps.gather(1, row)[:, 0]  # (B, G)
    return chosen.topk(min(num_glimpses, maps.shape[2]), dim=1).indices


def pretraining_loss(saccades: Saccades) -> Tensor:
    """Cross-entropy of the targets that the cell was led along, a mean over images and steps.

    Visited are the targets of the steps before. The authors' code marks what the cell drew by itself, so that a
    target drawn too early costs 100,000 nats from then on.
    """
    return -saccades.log_probs.mean()


def located(network: Saccader, images: Tensor) -> Saccades:
    """The cell, led along the positions in their order; no gradient reaches the representation network."""
    with torch.no_grad():
        seen = network.represent(images)
    targets = ordered_positions(seen.class_maps, NUM_PRETRAINING_GLIMPSES)
    return network.saccade(seen, targets.shape[1], targets)


def saccader_loss(answer: SaccaderAnswer, labels: Tensor) -> Tensor:
    """Cross-entropy of the answer, and the reward of all its picks for a right one.

    Args:
        answer: of B images, in training.
        labels: (B,) classes.
    """
    policy = centred_policy_loss(answer.saccades.log_probs, reward(answer.logits, labels))
    return F.cross_entropy(answer.logits, labels) + REWARD_WEIGHT * policy


def saccader_penalty(parts: Iterable[nn.Module]) -> Tensor:
    """What keeps the weights of `Saccader.representation`, `Saccader.location` or both small: a term for each."""
    return PENALTY_WEIGHT * torch.stack([mean_square_weight(part) for part in parts]).sum()
