"""Which level of a pyramid to look at next: UAN's layer selection (section 3.2), with pyramid levels as its layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LevelChoice(nn.Module):
    """A linear layer over what a look shows; a bias per depth stands for what is known before anything is seen.

    Starts without preference.

    Args:
        num_features: D.
        num_levels: J, depths below a look that the next looks may lie at.
        num_depths: depths of looks with a bias of their own; deeper ones share the last.
    """

    def __init__(self, num_features: int, *, num_levels: int, num_depths: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_levels, num_features))
        self.bias = nn.Parameter(torch.zeros(num_depths, num_levels))

    def forward(self, features: Tensor, depths: Tensor) -> Tensor:
        """(B, D) features of looks at depths (B,) to (B, J) logits; the largest is taken, in training with noise."""
        own = self.bias[depths.clamp(max=len(self.bias) - 1)]  # (B, J)
        return F.linear(features, self.weight) + own


def level_gates(
    logits: Tensor, noise: Tensor, parent: Tensor, steps: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """1 for every look, with the gradient of the choice of its level: the straight-through Gumbel-softmax.

    UAN multiplies the features of each layer with what equation 2 draws, 0 or 1, and learns through equation 3. Where
    it is 0 nothing was read here, so that only the level that was taken has a gradient.

    Args:
        logits: (M, J) of all looks.
        noise: (M, J) Gumbel noise that each drew the level of its next looks with; -inf where nothing lies so deep.
        parent: (M,) int64, row of the look that proposed each; -1 for a root.
        steps: (M,) int64, depths below it, from 1; any number for a root.
        temperature: of the relaxation.

    Returns:
        (M,) ones.
    """
    chosen = torch.nonzero(parent >= 0)[:, 0]  # (P,)
    by = parent[chosen]
    relaxed = ((logits[by] + noise[by]) / temperature).softmax(dim=1)  # (P, J), equation 3
    share = relaxed.gather(1, (steps[chosen] - 1)[:, None])[:, 0]  # (P,)
    ones = torch.ones(len(parent), dtype=share.dtype, device=share.device)
    return ones.index_add(0, chosen, share - share.detach())
