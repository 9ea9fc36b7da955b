"""What: which layer to look at next, a hard choice that still learns (section 3.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class LayerChoice(nn.Module):
    """A linear layer over the mean of the state; its bias decides the first step.

    In training a layer is drawn (equation 2) and gradients flow through the relaxation (equation 3), which is the
    straight-through Gumbel-softmax. Afterwards it is the largest score, without noise.

    Args:
        state_channels: S.
        num_layers: L.
        temperature: of the relaxation; may be lowered while training goes on.
    """

    def __init__(self, state_channels: int, num_layers: int, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.score = nn.Linear(state_channels, num_layers)
        self.temperature = temperature

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, S, m, n) to (B, L): 1 for the chosen layer, 0 for the others."""
        scores: Tensor = self.score(hidden.mean(dim=(2, 3)))
        if self.training:
            return F.gumbel_softmax(scores, tau=self.temperature, hard=True)
        return F.one_hot(scores.argmax(dim=1), scores.shape[1]).to(scores.dtype)
