"""The network that PAN's and AttentionRNN's toy experiments share, with each attention that they compare.

Every layer's map is weighted by a mask before the next layer sees it: sigmoids on the lower layers, a softmax over
space on the last, whose weighted map is averaged and classified. Details are those of PAN's own files; maps are
padded to keep their size (50, 25, 12, 6 of 100 px), as AttentionRNN says its first map has 50.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention_rnn.attention_rnn import DEFAULT_HIDDEN, AttentionMap, AttentionRNN
from models.attention_rnn.block import BlockAttentionRNN
from models.errors import ModelError
from models.progressive import ContextAttention

ToyKind = Literal[
    "san",
    "no_context",
    "context",
    "arnn",
    "arnn_sampled",
    "arnn_independent",
    "arnn_independent_sampled",
    "arnn_upper",
    "brnn2",
    "brnn3",
    "none",
]
KINDS: tuple[ToyKind, ...] = get_args(ToyKind)
"""`san`: a mask on the last layer only; `no_context` (-CTX): from each position's own vector; `context` (CTX, which is
PAN): from 3 x 3 of them; AttentionRNN in its four forms; `arnn_upper`: on all layers but the first, which is what
the paper's table 3 must mean by NONE; its block form; `none`: no mask at all, so that no question is heard."""
CHANNELS = 32
_EPSILON, _MOMENTUM = 0.01, 0.5
_OPEN = 2.0
"""Added to what the lower masks are the sigmoid of, so that they begin at 0.88. Half shut and at random they hide
digits on photographs so well that shutting them for good is what is learned first, and nothing after that."""


class RecurrentAttention(nn.Module):
    """AttentionRNN in its place.

    Args:
        channels: C of the maps and of the query.
        context_px: side of the context convolution, odd.
        kind: which form.
        hidden_channels: t.
    """

    def __init__(
        self,
        channels: int,
        *,
        context_px: int,
        kind: ToyKind,
        hidden_channels: int = DEFAULT_HIDDEN,
    ) -> None:
        super().__init__()
        context = nn.Conv2d(2 * channels, hidden_channels, context_px, padding=context_px // 2)
        inner = AttentionRNN(
            channels,
            hidden_channels=hidden_channels,
            context=context,
            query_channels=channels,
            independent="independent" in kind,
            sampled="sampled" in kind,
        )
        self.attention: nn.Module = inner
        if kind.startswith("brnn"):
            gamma = int(kind.removeprefix("brnn"))
            self.attention = BlockAttentionRNN(channels, gamma=gamma, inner=inner)

    def forward(self, maps: Tensor, query: Tensor) -> Tensor:
        """(B, C, m, n) and (B, C) to (B, 1, m, n) values, before they are squashed."""
        found: AttentionMap = self.attention(maps, query)
        return found.values


class ToyAnswer(NamedTuple):
    """What the toy network says."""

    logits: Tensor
    """(B, K)."""
    masks: tuple[Tensor, ...]
    """Per attended layer (B, 1, m, n); sigmoids, the last one sums to 1 over space."""


class ToyNetwork(nn.Module):
    """Four layers (five at 224 px) of convolution, pooling and attention.

    Args:
        kind: of the attention.
        num_queries: different questions.
        num_answers: K.
        num_layers: 4 at 100 px; 5 at 224 px, whose maps have 112, 56, 28, 14 and 7.
        hidden_channels: t of AttentionRNN.
    """

    def __init__(
        self,
        kind: ToyKind,
        *,
        num_queries: int = 10,
        num_answers: int = 5,
        num_layers: int = 4,
        hidden_channels: int = DEFAULT_HIDDEN,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ModelError(f"there is no attention {kind!r}; one of {', '.join(KINDS)}")
        widths = [3, *[CHANNELS] * num_layers]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(CHANNELS, eps=_EPSILON, momentum=_MOMENTUM) for _ in range(num_layers)
        )
        self.attentions = nn.ModuleDict()
        self.queries = nn.ModuleDict()
        for layer in range(num_layers):
            is_last = layer == num_layers - 1
            if not _is_attended(kind, layer, num_layers):
                continue
            context_px = 1 if is_last or kind in ("san", "no_context") else 3
            self.queries[str(layer)] = nn.Embedding(num_queries, CHANNELS)
            self.attentions[str(layer)] = (
                ContextAttention(CHANNELS, context_px=context_px)
                if kind in ("san", "no_context", "context")
                else RecurrentAttention(
                    CHANNELS, context_px=context_px, kind=kind, hidden_channels=hidden_channels
                )
            )
        self.dropout = nn.Dropout(0.5)
        self.classification = nn.Linear(CHANNELS, num_answers)
        self._start()

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
                nn.init.xavier_uniform_(module.weight)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor, queries: Tensor) -> ToyAnswer:
        """(B, 3, side, side) values 0 to 1 and (B,) questions."""
        maps, masks = images, []
        last = len(self.convolutions) - 1
        for layer, convolution in enumerate(self.convolutions):
            # The same as pooling what ReLU left, at a quarter of the work.
            maps = F.relu(F.max_pool2d(convolution(maps), 2))  # (B, 32, m, n)
            name = str(layer)
            if name in self.attentions:
                values = self.attentions[name](maps, self.queries[name](queries))
                mask = _over_space(values) if layer == last else (values + _OPEN).sigmoid()
                masks.append(mask)
                maps = maps * mask
            if layer < last:
                maps = self.norms[layer](maps)
        pooled = self.norms[last](maps.mean(dim=(2, 3), keepdim=True)).flatten(1)  # (B, 32)
        return ToyAnswer(self.classification(self.dropout(pooled)), tuple(masks))


def _is_attended(kind: ToyKind, layer: int, num_layers: int) -> bool:
    """Whether a layer, from 0, has a mask."""
    if kind == "san":
        return layer == num_layers - 1
    return kind != "none" and (kind != "arnn_upper" or layer > 0)


def _over_space(values: Tensor) -> Tensor:
    """A softmax over all positions."""
    return values.flatten(2).softmax(dim=2).view(values.shape)


def correctness(masks: tuple[Tensor, ...], targets: Tensor) -> Tensor:
    """(B,) share of the attention that lies on the target: all masks, upsampled and multiplied, summing to 1.

    Args:
        masks: per layer (B, 1, m, n).
        targets: (B, side, side) bool.
    """
    side = targets.shape[1:]
    total = torch.ones(targets.shape, device=targets.device)
    for mask in masks:
        total = total * F.interpolate(mask, size=side, mode="bilinear", align_corners=False)[:, 0]
    total = total / total.sum(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    return (total * targets).sum(dim=(1, 2))
