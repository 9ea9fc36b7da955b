"""ResNet18 for 32 px images, with an attention in every block, before its residual is added (CBAM, section 4)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

AttentionMaker = Callable[[int], nn.Module]
"""Channels to a module that keeps the shape of (B, C, m, n)."""
_WIDTHS = (64, 128, 256, 512)
_BLOCKS_PER_STAGE = 2


class AttendedBlock(nn.Module):
    """Two 3 x 3 convolutions, an attention, and the shortcut.

    Args:
        in_channels: C.
        channels: C'.
        stride: of the first convolution.
        attention: makes the attention for C' channels.
    """

    def __init__(
        self, in_channels: int, channels: int, *, stride: int, attention: AttentionMaker
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.attention = attention(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to (B, C', m / stride, n / stride)."""
        inner = F.relu(self.norm1(self.conv1(maps)), inplace=True)
        inner = self.attention(self.norm2(self.conv2(inner)))
        return F.relu(inner + self.shortcut(maps))


class ResNet18Cifar(nn.Module):
    """A 3 x 3 stem without pooling, four stages of two blocks, mean, linear.

    Args:
        num_classes: K.
        attention: makes each block's attention; None: plain ResNet18.
    """

    def __init__(self, num_classes: int, *, attention: AttentionMaker | None = None) -> None:
        super().__init__()
        make = attention or (lambda _: nn.Identity())
        self.stem = nn.Sequential(
            nn.Conv2d(3, _WIDTHS[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(_WIDTHS[0]),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        before = _WIDTHS[0]
        for stage, width in enumerate(_WIDTHS):
            for index in range(_BLOCKS_PER_STAGE):
                stride = 2 if stage and not index else 1
                blocks.append(AttendedBlock(before, width, stride=stride, attention=make))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.classification = nn.Linear(before, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 32, 32) to (B, K) logits."""
        maps = self.blocks(self.stem(images))  # (B, 512, 4, 4)
        logits: Tensor = self.classification(maps.mean(dim=(2, 3)))
        return logits
