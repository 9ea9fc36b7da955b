"""AttentionRNN: every value of an attention mask is drawn in sight of those before it (AttentionRNN, section 3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention_rnn.combination import (
    Gaussian,
    IndependentCombination,
    JointCombination,
    gaussian_of,
)
from models.attention_rnn.diagonal_lstm import DiagonalLSTM
from models.attention_rnn.query_context import context_of
from models.errors import ModelError

DEFAULT_HIDDEN = 16
"""t; the paper does not give it."""


class AttentionMap(NamedTuple):
    """One value per position, before the host squashes it to a mask."""

    values: Tensor
    """(B, 1, m, n): the mean, or a sample of it in training where asked for."""
    mean: Tensor
    """(B, 1, m, n)."""
    std: Tensor
    """(B, 1, m, n), above 0: how unsure, and how widely a sample explores."""


class AttentionRNN(nn.Module):
    """A mask over a feature map of any size.

    What a host does with the values is its own: a sigmoid (CBAM, PAN's lower layers), a softmax over space (PAN's
    last layer), (1 + tanh) / 2 (ModularGAN). A sampled value is not fed back into the recurrence, as in equation 8.

    Args:
        in_channels: C of the maps.
        hidden_channels: t of the diagonal LSTM.
        context_channels: C' that the local context makes of C and the query; None: t.
        context: the local context network, C + query_channels to C' channels of the same m x n; None: one
            3 x 3 convolution, zeros at the border. The paper also has 1 x 1, and names a U-Net.
        query_channels: Q of a query vector that is laid beside every position; 0: no query.
        independent: combine left and right as independent Gaussians (ARNN_ind) instead of by a network (ARNN).
        sampled: in training, draw the values instead of taking their mean (ARNN~).
    """

    def __init__(
        self,
        in_channels: int,
        *,
        hidden_channels: int = DEFAULT_HIDDEN,
        context_channels: int | None = None,
        context: nn.Module | None = None,
        query_channels: int = 0,
        independent: bool = False,
        sampled: bool = False,
    ) -> None:
        super().__init__()
        width = context_channels or hidden_channels
        self.context = context or nn.Conv2d(in_channels + query_channels, width, 3, padding=1)
        self.recurrence = DiagonalLSTM(width, hidden_channels)
        self.left = nn.Conv1d(hidden_channels, 2, 1)
        self.right = nn.Conv1d(hidden_channels, 2, 1)
        self.combination: nn.Module = (
            IndependentCombination() if independent else JointCombination()
        )
        self.query_channels = query_channels
        self.sampled = sampled

    def forward(self, maps: Tensor, query: Tensor | None = None) -> AttentionMap:
        """(B, C, m, n) maps, (B, Q) queries if it has them.

        Raises:
            ModelError: if the query is missing, not wanted, or of another width.
        """
        b, _, m, n = maps.shape
        left, right = self.recurrence(self._context(maps, query))  # (B, m, n, t) each
        both: Gaussian = self.combination(_view(self.left, left), _view(self.right, right))
        mean, std = (each.view(b, 1, m, n) for each in both)
        if self.sampled and self.training:
            return AttentionMap(mean + std * torch.randn_like(std), mean, std)
        return AttentionMap(mean, mean, std)

    def _context(self, maps: Tensor, query: Tensor | None) -> Tensor:
        found = 0 if query is None else query.shape[1]
        if found != self.query_channels:
            raise ModelError(
                f"AttentionRNN: a query of {found} channels, wanted {self.query_channels}"
            )
        context: Tensor = (
            self.context(maps) if query is None else context_of(self.context, maps, query)
        )
        return context


def _view(head: nn.Conv1d, states: Tensor) -> Gaussian:
    """What a head makes of (B, m, n, t) states, position by position: of (B m n,)."""
    raw = F.linear(states.flatten(0, 2), head.weight[:, :, 0], head.bias)  # (B m n, 2)
    return gaussian_of(raw.mT)
