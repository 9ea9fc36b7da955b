"""VGG for 32 px images as the authors have it, plain and with attention at its last one, two or three levels."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from models.ltpa.compatibility import Compatibility
from models.ltpa.gradient_merge import GradientMerge, forked
from models.ltpa.heads import Head
from models.ltpa.network import AttentionOptions, AttentiveAnswer, AttentiveNetwork, Maps, Trunk

WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
"""Of convolutions 1 to 13."""
LEVELS = (7, 10, 13)
"""Convolutions whose maps are attended, the lowest first."""
NUM_FEATURES = 512
_DROPOUT = {1: 0.3, **dict.fromkeys((3, 5, 6, 8, 9, 11, 12), 0.4)}
_POOLED_AFTER = (2, 4, 7, 10, 13)
"""In the plain network. With attention the first two poolings follow the two convolutions that are added."""
_EPSILON = 1e-3


class VggBlocks(nn.Sequential):
    """Convolutions 1 to 13, each with normalisation, ReLU and dropout."""

    def __init__(self) -> None:
        befores = (3, *WIDTHS[:-1])
        super().__init__(
            *(
                _block(before, after, _DROPOUT.get(number, 0.0))
                for number, (before, after) in enumerate(zip(befores, WIDTHS, strict=True), start=1)
            )
        )


class Vgg(nn.Module):
    """The baseline: 13 convolutions and two fully connected layers.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.blocks = VggBlocks()
        self.dropout = nn.Dropout(0.5)
        self.fully = nn.Linear(NUM_FEATURES, NUM_FEATURES)
        self.head = Head([NUM_FEATURES], num_classes, fusion="concat", dropout=0.5)
        _start(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 32, 32) to (B, K) log-probabilities."""
        maps = images
        for number, block in enumerate(self.blocks, start=1):
            maps = block(maps)
            if number in _POOLED_AFTER:
                maps = F.max_pool2d(maps, 2)
        vectors = self.fully(self.dropout(maps.flatten(1)))  # (B, 512)
        log_probs: Tensor = self.head([vectors])
        return log_probs


class VggTrunk(Trunk):
    """Convolutions 1 to 13 at 32, 16 and 8 px, two more, and the layer that makes the global vector."""

    widths = tuple(WIDTHS[level - 1] for level in LEVELS)
    global_width = NUM_FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.blocks = VggBlocks()
        self.branch = GlobalBranch()

    def maps(self, images: Tensor, num_attended: int, merge: GradientMerge) -> Maps:
        """(B, 3, 32, 32) to (B, 256, 32, 32), (B, 512, 16, 16), (B, 512, 8, 8), and the last of them."""
        maps, local = images, []
        for number, block in enumerate(self.blocks, start=1):
            maps = block(maps)
            if number in LEVELS:
                maps = forked(maps, 2 if number in LEVELS[-num_attended:] else 1, merge)
                local.append(maps)
                maps = maps if number == LEVELS[-1] else F.max_pool2d(maps, 2)
        return Maps(local, maps)

    def vector(self, last: Tensor) -> Tensor:
        """(B, 512, 8, 8) to (B, 512)."""
        vector: Tensor = self.branch(last)
        return vector


class GlobalBranch(nn.Module):
    """A map of 512 channels to a global vector: pooled to 4 px, two convolutions, a fully connected layer."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_block(NUM_FEATURES, NUM_FEATURES, 0.4) for _ in range(2)))
        self.dropout = nn.Dropout(0.5)
        self.fully = nn.Linear(NUM_FEATURES, NUM_FEATURES)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, 512, m, n) to (B, 512)."""
        maps = F.adaptive_max_pool2d(maps, 4)  # of 16 px every fourth, of 8 px every second
        for block in self.blocks:
            maps = F.max_pool2d(block(maps), 2)
        vectors: Tensor = self.fully(self.dropout(maps.flatten(1)))
        return vectors


def vgg_attention(num_classes: int, **options: Unpack[AttentionOptions]) -> AttentiveNetwork:
    """VGG-att, -att2, -att3 (table 1).

    Args:
        num_classes: K.
        options: as of an `AttentiveNetwork`; 1 to 3 levels.

    Raises:
        ModelError: if there are no such levels.
    """
    network = AttentiveNetwork(VggTrunk(), num_classes, dropout=0.5, **options)
    _start(network)
    return network


class VggProgressive(nn.Module):
    """Progressive attention (Seo et al., 2016) on the same trunk, as the authors compare with it.

    The second-last map is weighted by sigmoids, asked by a global vector of its own, before the trunk goes on; the last
    is weighted by a softmax, and it alone is classified.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.blocks = VggBlocks()
        self.branches = nn.ModuleList(GlobalBranch() for _ in range(2))
        self.lower, self.last = (Compatibility("pc", NUM_FEATURES) for _ in range(2))
        self.head = Head([NUM_FEATURES], num_classes, fusion="concat", dropout=0.5)
        _start(self)

    def forward(self, images: Tensor) -> AttentiveAnswer:
        """(B, 3, 32, 32) to the answer; of the two masks the lower has sigmoids."""
        maps, lower = images, images
        for number, block in enumerate(self.blocks, start=1):
            maps = block(maps)
            if number == LEVELS[-2]:
                lower = self.lower.scores(maps, self.branches[0](maps)).sigmoid()
                maps = maps * lower
            if number in LEVELS[:-1]:
                maps = F.max_pool2d(maps, 2)
        attended = self.last(maps, self.branches[1](maps))
        log_probs, features = self.head.with_features([attended.vector])
        return AttentiveAnswer(log_probs, (lower, attended.mask), features)


def _block(before: int, after: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after, eps=_EPSILON),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


def _start(network: nn.Module) -> None:
    """He's normal law by fan-out for convolutions, with biases of 0.

    Not for those with one output, which score positions: a fan-out of 1 makes their weights so large that every mask
    begins with nearly all of its weight on one position, and the network sees a pixel or two of its maps.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels > 1:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
