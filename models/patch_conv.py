"""PatchConvNet: a column of convolutions, then one layer in which a class token attends over all patches.

Touvron et al., 2021, "Augmenting convolutional networks with attention-based aggregation". Details are those of the
authors' files. There images must be square; here they may have any sides of 16 px or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation, StochasticDepth

from models.errors import ModelError

PatchConvKind: TypeAlias = Literal["s60", "s120", "b60", "b120", "s60_multi"]
PATCH_PX = 16
"""Side of a patch: four convolutions of stride 2."""
_MLP_RATIO = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    width: int
    depth: int
    scale: float
    """Of every branch, at the start."""
    is_multi: bool = False


_SIZES: dict[PatchConvKind, _Size] = {
    "s60": _Size(width=384, depth=60, scale=1e-4),
    "s120": _Size(width=384, depth=120, scale=1e-6),
    "b60": _Size(width=768, depth=60, scale=1e-6),
    "b120": _Size(width=768, depth=120, scale=1e-6),
    "s60_multi": _Size(width=384, depth=60, scale=1e-4, is_multi=True),
}


class PatchConvAnswer(NamedTuple):
    """What the network says."""

    logits: Tensor
    """(B, K)."""
    masks: Tensor
    """(B, T, m, n): what each token attends to among the patches; one token, or one per class. Over patches and the
    token itself they sum to 1."""


class PatchConvNet(nn.Module):
    """The network.

    Args:
        kind: size; `multi` has a token per class, each with an attention of its own.
        num_classes: K.
        drop_path: share of branches that are left out in training.

    Raises:
        ModelError: if there is no such kind.
    """

    def __init__(self, kind: PatchConvKind, num_classes: int, *, drop_path: float = 0.0) -> None:
        super().__init__()
        if kind not in _SIZES:
            raise ModelError(
                f"there is no PatchConvNet {kind!r}; one of {', '.join(get_args(PatchConvKind))}"
            )
        size = _SIZES[kind]
        self._is_multi = size.is_multi
        self.stem = _stem(size.width)
        self.blocks = nn.Sequential(
            *(ConvBlock(size.width, size.scale, drop_path) for _ in range(size.depth))
        )
        num_tokens = num_classes if size.is_multi else 1
        self.tokens = nn.Parameter(torch.zeros(1, num_tokens, size.width))
        self.pooling = TokenPooling(
            size.width, size.scale, drop_path, sees_itself=not size.is_multi
        )
        self.norm = nn.LayerNorm(size.width, eps=1e-6)
        outputs = 1 if size.is_multi else num_classes
        self.heads = nn.ModuleList(nn.Linear(size.width, outputs) for _ in range(num_tokens))
        self._start()

    def forward(self, images: Tensor) -> PatchConvAnswer:
        """(B, 3, H, W), sides of 16 px or more, to the answer."""
        maps = self.blocks(self.stem(images))  # (B, D, m, n)
        rows, cols = maps.shape[2:]
        patches = maps.flatten(2).transpose(1, 2)  # (B, m n, D)
        tokens = self.tokens.expand(len(images), -1, -1)
        tokens, masks = self.pooling(tokens, patches)  # (B, T, D), (B, T, m n)
        tokens = self.norm(tokens)
        parts = [head(tokens[:, number]) for number, head in enumerate(self.heads)]
        return PatchConvAnswer(torch.cat(parts, dim=1), masks.unflatten(2, (rows, cols)))

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.tokens, std=0.02)


class ConvBlock(nn.Module):
    """x + scale * f(norm(x)); f: 1 x 1, depthwise 3 x 3, squeeze and excitation, 1 x 1.

    Args:
        width: D.
        scale: of the branch at the start, learned per channel.
        drop_path: share of images of which the branch is left out in training.
    """

    def __init__(self, width: int, scale: float, drop_path: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.GELU(),
            SqueezeExcitation(width, width // 4),
            nn.Conv2d(width, width, 1),
        )
        self.scale = nn.Parameter(torch.full((width,), scale))
        self.drop = StochasticDepth(drop_path, "row")

    def forward(self, maps: Tensor) -> Tensor:
        """(B, D, m, n), as it came."""
        normed = self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # (B, D, m, n)
        branch: Tensor = self.drop(self.scale[:, None, None] * self.branch(normed))
        return maps + branch


class TokenPooling(nn.Module):
    """Tokens attend over the patches, with one head, and pass through a perceptron of their own.

    Args:
        width: D.
        scale: of both branches at the start, learned per channel.
        drop_path: share of images of which a branch is left out in training.
        sees_itself: whether the token is among what it attends to.
    """

    def __init__(self, width: int, scale: float, drop_path: float, *, sees_itself: bool) -> None:
        super().__init__()
        self._sees_itself = sees_itself
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.projection = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, _MLP_RATIO * width), nn.GELU(), nn.Linear(_MLP_RATIO * width, width)
        )
        self.scale1, self.scale2 = (nn.Parameter(torch.full((width,), scale)) for _ in range(2))
        self.drop = StochasticDepth(drop_path, "row")

    def forward(self, tokens: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D) and (B, P, D) to tokens as they came and (B, T, P) weights of the patches."""
        both = self.norm1(torch.cat([tokens, patches], dim=1))  # (B, T + P, D)
        count = tokens.shape[1]
        seen = both if self._sees_itself else both[:, count:]
        scores = self.query(both[:, :count]) @ self.key(seen).transpose(1, 2)
        weights = (scores * tokens.shape[2] ** -0.5).softmax(dim=2)  # (B, T, P or T + P)
        tokens = tokens + self.drop(self.scale1 * self.projection(weights @ self.value(seen)))
        tokens = tokens + self.drop(self.scale2 * self.perceptron(self.norm2(tokens)))
        return tokens, weights[:, :, -patches.shape[1] :]


def _stem(width: int) -> nn.Sequential:
    """(B, 3, H, W) to (B, D, H / 16, W / 16)."""
    widths = (3, width // 8, width // 4, width // 2, width)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.GELU()]
    return nn.Sequential(*layers[:-1])
