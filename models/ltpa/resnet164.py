"""The 164-layer residual network for 32 px images, plain and with attention at its last two stages."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from models.ltpa.gradient_merge import GradientMerge, forked
from models.ltpa.network import AttentionOptions, AttentiveNetwork, Maps, Trunk

_BLOCKS_PER_STAGE = 18
_INNER = (16, 32, 64)
_WIDTHS = (64, 128, 256)


class Bottleneck(nn.Module):
    """Normalised and activated before each of its three convolutions; the first of a stage projects its shortcut.

    Args:
        before: C of what comes.
        inner: of the 3 x 3 convolution.
        after: C of what goes.
        stride: of the 3 x 3 convolution.
    """

    def __init__(self, before: int, inner: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(before), nn.BatchNorm2d(inner)
        self.norm3 = nn.BatchNorm2d(inner)
        self.conv1 = nn.Conv2d(before, inner, 1, bias=False)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.conv3 = nn.Conv2d(inner, after, 1, bias=False)
        self.shortcut = (
            nn.Conv2d(before, after, 1, stride=stride, bias=False) if before != after else None
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to (B, C', m / stride, n / stride)."""
        active = F.relu(self.norm1(maps))
        inner: Tensor = self.conv2(F.relu(self.norm2(self.conv1(active))))
        inner = self.conv3(F.relu(self.norm3(inner)))
        shortcut: Tensor = maps if self.shortcut is None else self.shortcut(active)
        return inner + shortcut


class Stages(nn.Module):
    """The first convolution and three stages of 18 blocks, at 32, 16 and 8 px."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _INNER[0], 3, padding=1, bias=False)
        befores = (_INNER[0], *_WIDTHS[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(
                Bottleneck(before, inner, after, stride=1 if before == _INNER[0] else 2),
                *(Bottleneck(after, inner, after, stride=1) for _ in range(_BLOCKS_PER_STAGE - 1)),
            )
            for before, inner, after in zip(befores, _INNER, _WIDTHS, strict=True)
        )


class ResNet164(nn.Module):
    """The baseline.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.trunk = Stages()
        self.norm = nn.BatchNorm2d(_WIDTHS[-1])
        self.classification = nn.Linear(_WIDTHS[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 32, 32) to (B, K) log-probabilities."""
        maps = self.trunk.stem(images)
        for stage in self.trunk.stages:
            maps = stage(maps)
        vectors = F.relu(self.norm(maps)).mean(dim=(2, 3))  # (B, 256)
        return F.log_softmax(self.classification(vectors), dim=1)


class ResNetTrunk(Trunk):
    """The same stages; the global vector comes of a further convolution between two poolings."""

    widths = _WIDTHS[1:]
    global_width = _WIDTHS[-1]

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Stages()
        width = _WIDTHS[-1]
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.convolution = nn.Conv2d(width, width, 3, padding=1)
        self.map_dropout = nn.Dropout(0.4)
        self.dropout = nn.Dropout(0.5)
        self.fully = nn.Linear(width, width)

    def maps(self, images: Tensor, num_attended: int, merge: GradientMerge) -> Maps:
        """(B, 3, 32, 32) to the residual stream as it is: (B, 128, 16, 16), (B, 256, 8, 8), and the last of them."""
        maps, local = self.trunk.stem(images), []
        for number, stage in enumerate(self.trunk.stages):
            maps = stage(maps)
            if number:
                is_attended = number > len(self.widths) - num_attended
                maps = forked(maps, 2 if is_attended else 1, merge)
                local.append(maps)
        return Maps(local, maps)

    def vector(self, last: Tensor) -> Tensor:
        """(B, 256, 8, 8) to (B, 256)."""
        maps = F.max_pool2d(F.relu(self.norms[0](last)), 2)  # (B, 256, 4, 4)
        maps = self.map_dropout(F.relu(self.norms[1](self.convolution(maps))))
        pooled = F.adaptive_max_pool2d(maps, 1).flatten(1)
        vector: Tensor = self.fully(self.dropout(pooled))
        return vector


def resnet164_attention(num_classes: int, **options: Unpack[AttentionOptions]) -> AttentiveNetwork:
    """RN-164-att2 (table 1); with one level RN-164-att.

    Args:
        num_classes: K.
        options: as of an `AttentiveNetwork`; 1 to 2 levels.

    Raises:
        ModelError: if there are no such levels.
    """
    return AttentiveNetwork(ResNetTrunk(), num_classes, dropout=0.3, **options)
