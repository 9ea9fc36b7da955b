"""BagNet-77, the feature extraction module of TNet on ImageNet (TNet paper, tables 3 and 4).

Convolutions with biases, no normalisation.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.features import Features
from models.same_padding import SameConv2d

SLOPE = 0.2
"""Of the leaky ReLU; TensorFlow's default, which the authors used."""
NUM_FEATURES = 512
CELL_CHANNELS = 1024
_PICKED_BLOCK = 13
"""The block whose 9 x 9 map describes the candidate cells (appendix B.1.1)."""
_STRIDE_OF_PICKS = 2
"""Every second of 9 rows and columns gives the 5 x 5 grid (authors' code)."""

# (kernel, channels, stride, is VALID) of each ConvBlock, in order.
_BLOCKS = (
    *((3, 256, 2, False), (3, 256, 1, False), (1, 256, 1, False)),
    *((3, 512, 2, False), (3, 512, 1, False), *((1, 512, 1, False),) * 2),
    *((3, 1024, 2, True), (3, 1024, 1, False), *((1, 1024, 1, False),) * 4),
    *((3, 2048, 1, True), (3, 2048, 1, False), (1, 2048, 1, False)),
)


class ConvBlock(nn.Module):
    """A bottleneck with a residual connection (table 3; activated after the addition, as the authors' code does)."""

    def __init__(
        self, in_channels: int, kernel: int, channels: int, stride: int, *, is_valid: bool
    ) -> None:
        super().__init__()
        narrow = channels // 4
        middle = nn.Conv2d if is_valid else SameConv2d
        self.reduce = nn.Conv2d(in_channels, narrow, 1)
        self.spread = middle(narrow, narrow, kernel, stride)
        self.expand = nn.Conv2d(narrow, channels, 1)
        is_changed = stride > 1 or in_channels != channels
        self.shortcut = nn.Conv2d(in_channels, channels, 1, stride) if is_changed else None
        self._margin = kernel // 2 if is_valid else 0

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        inner = F.leaky_relu(self.reduce(maps), SLOPE)
        inner = F.leaky_relu(self.spread(inner), SLOPE)
        if self._margin:
            # VALID drops one pixel per side; the residual must lie under the same pixels.
            maps = maps[:, :, self._margin : -self._margin, self._margin : -self._margin]
        residual = maps if self.shortcut is None else self.shortcut(maps)
        return F.leaky_relu(self.expand(inner) + residual, SLOPE)


class BagNetFeatures(nn.Module):
    """BagNet-77 with its 16 blocks.

    Args:
        num_bands: C of the windows.
        grid: 5 to describe the candidate cells of a 77 px window; 0 for the full-image baseline.
        dropout: of whole channels, before the global average (paper: spatial dropout).
    """

    def __init__(self, *, num_bands: int, grid: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(num_bands, 64, 3)
        blocks, channels = [], 64
        for kernel, width, stride, is_valid in _BLOCKS:
            blocks.append(ConvBlock(channels, kernel, width, stride, is_valid=is_valid))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(channels, NUM_FEATURES, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.last_maps = nn.Identity()
        self._grid = grid

    def forward(self, images: Tensor, depths: Tensor) -> Features:
        """(B, C, H, W) in [-1, 1] to (B, 512) vectors and (B, 1024, 5, 5) cells."""
        maps = F.leaky_relu(self.stem(images), SLOPE)
        picked = maps
        for number, block in enumerate(self.blocks, start=1):
            maps = block(maps)
            if number == _PICKED_BLOCK:
                picked = maps
        maps = self.last_maps(self.dropout(F.leaky_relu(self.head(maps), SLOPE)))
        vectors = maps.mean(dim=(2, 3))  # (B, D)
        step = _STRIDE_OF_PICKS
        cells = picked[:, :, ::step, ::step] if self._grid else picked[:, :, :0, :0]
        return Features(vectors, cells, depths)
