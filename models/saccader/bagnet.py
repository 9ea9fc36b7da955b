"""BagNet-77 as Saccader has it: no padding, batch normalisation, ReLU (Saccader, section 2.1; authors' code).

Positions of its last map see 77 px each, and nothing else: what is read off a position is known to come from there.
TNet's own BagNet-77 (`models.bagnet`) pads some convolutions and normalises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ModelError

_EXPANSION = 4
_STEM_CHANNELS = 64
_NUM_SEEING = 2
"""Blocks of each group whose kernel is 3 px; the others only mix channels."""


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut, none of them padded.

    The authors' code normalises the main branch a second time where it means the shortcut; here it is the shortcut.

    Args:
        in_channels: of the map.
        width: of the middle convolution; four times as many channels come out.
        kernel: 1 or 3, of the middle convolution.
        stride: of the middle convolution.
    """

    def __init__(self, in_channels: int, width: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        out_channels = _EXPANSION * width
        self.reduce = nn.Conv2d(in_channels, width, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(width)
        self.spread = nn.Conv2d(width, width, kernel, stride, bias=False)
        self.spread_norm = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, out_channels, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(out_channels)
        nn.init.zeros_(self.expand_norm.weight)  # a block starts as its shortcut
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self._margin = kernel // 2

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to (B, 4 width, m', n')."""
        inner = F.relu(self.reduce_norm(self.reduce(maps)))
        inner = F.relu(self.spread_norm(self.spread(inner)))
        if self._margin:  # the shortcut must lie under the same pixels
            maps = maps[:, :, self._margin : -self._margin, self._margin : -self._margin]
        return F.relu(self.expand_norm(self.expand(inner)) + self.shortcut(maps))


class BagNetMaps(nn.Module):
    """Groups of bottlenecks; the defaults are the paper's BagNet-77 for images of 224 px.

    Args:
        num_bands: C of the images.
        widths: of each group's blocks.
        blocks: of each group.
        strides: of each group's first block.
    """

    def __init__(
        self,
        *,
        num_bands: int,
        widths: Sequence[int] = (64, 128, 256, 512),
        blocks: Sequence[int] = (3, 4, 6, 3),
        strides: Sequence[int] = (2, 2, 2, 1),
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(num_bands, _STEM_CHANNELS, 3, bias=False)
        self.stem_norm = nn.BatchNorm2d(_STEM_CHANNELS)
        channels = [_STEM_CHANNELS, *(_EXPANSION * width for width in widths)]
        self.groups = nn.Sequential(
            *(
                _group(before, width, count, stride)
                for (before, _), width, count, stride in zip(
                    pairwise(channels), widths, blocks, strides, strict=True
                )
            )
        )
        self.num_features = channels[-1]
        """F of the map."""
        self.receptive_field_px = _receptive_field(blocks, strides)
        """Side of what a position sees, in pixels."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F, m, n).

        Raises:
            ModelError: if an image is smaller than what one position sees.
        """
        least = self.receptive_field_px
        height, width = images.shape[2:]
        if min(height, width) < least:
            raise ModelError(
                f"an image of {height} x {width} px; a position sees {least} x {least}: give larger "
                "images, or shrink them less"
            )
        maps: Tensor = self.groups(F.relu(self.stem_norm(self.stem(images))))
        return maps


def _group(in_channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        *(
            Bottleneck(
                in_channels if number == 0 else _EXPANSION * width,
                width,
                kernel=3 if number < _NUM_SEEING else 1,
                stride=stride if number == 0 else 1,
            )
            for number in range(count)
        )
    )


def _receptive_field(blocks: Sequence[int], strides: Sequence[int]) -> int:
    side, step = 3, 1  # of the stem
    for count, stride in zip(blocks, strides, strict=True):
        for number in range(min(count, _NUM_SEEING)):
            side += 2 * step
            step *= stride if number == 0 else 1
    return side
