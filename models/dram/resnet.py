"""ResNet-50 with activations before convolutions (version 2), which sees DRAM's glimpses in the authors' code.

As in their library: a block's last unit has the stride, shortcuts and last convolutions of units have biases and no
normalisation, convolutions pad both sides alike, the pooling as TensorFlow's "SAME".
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_BLOCKS = ((256, 3, 2), (512, 4, 2), (1024, 6, 2), (2048, 3, 1))
"""Channels, units and stride of each block."""
_STEM_CHANNELS = 64


class PreActivationUnit(nn.Module):
    """Three convolutions beside a shortcut.

    Args:
        in_channels: of the map.
        out_channels: of the result.
        stride: of the second convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        narrow = out_channels // 4
        self.norm = nn.BatchNorm2d(in_channels)
        self.reduce = nn.Conv2d(in_channels, narrow, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(narrow)
        self.spread = nn.Conv2d(narrow, narrow, 3, stride, padding=1, bias=False)
        self.spread_norm = nn.BatchNorm2d(narrow)
        self.expand = nn.Conv2d(narrow, out_channels, 1)
        self.shortcut: nn.Module | None = None
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride)
        self._stride = stride

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to (B, C', m', n')."""
        active = F.relu(self.norm(maps))
        inner = F.relu(self.reduce_norm(self.reduce(active)))
        inner = F.relu(self.spread_norm(self.spread(inner)))
        total: Tensor = self.expand(inner) + self._residual(maps, active)
        return total

    def _residual(self, maps: Tensor, active: Tensor) -> Tensor:
        if self.shortcut is None:
            return maps[:, :, :: self._stride, :: self._stride]
        projected: Tensor = self.shortcut(active)
        return projected


class ResNet50V2(nn.Module):
    """Without its classifier.

    Args:
        in_channels: of the images.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, _STEM_CHANNELS, 7, 2, padding=3)
        units: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for width, count, stride in _BLOCKS:
            for number in range(count):
                step = stride if number == count - 1 else 1
                units.append(PreActivationUnit(channels, width, step))
                channels = width
        self.units = nn.Sequential(*units)
        self.norm = nn.BatchNorm2d(channels)
        self.num_features = channels
        """D of what comes out."""

    def forward(self, images: Tensor, *, is_context: bool) -> Tensor:
        """(B, C, g, g) to (B, 2048), the context as every glimpse."""
        del is_context
        maps = self.stem(images)
        top, left = (side % 2 for side in maps.shape[2:])
        pooled = F.max_pool2d(F.pad(maps, (left, 1, top, 1), value=float("-inf")), 3, 2)
        return F.relu(self.norm(self.units(pooled))).mean(dim=(2, 3))  # (B, D)
