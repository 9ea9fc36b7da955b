"""ResNet18 for 32 px images with a spatially attentive output layer over its last three stages."""

from __future__ import annotations

from torch import Tensor, nn

from models.resnet_cifar import ResNet18Cifar
from models.saol import SaolAnswer, SpatiallyAttentiveOutput

_SEEN = {3: 128, 5: 256, 7: 512}
"""The last block of each stage that is seen, and its channels."""


class ResNet18Saol(nn.Module):
    """The trunk of ResNet18; SAOL and the ordinary head beside it see maps of 16, 8 and 4 px.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        trunk = ResNet18Cifar(num_classes)
        self.stem, self.blocks = trunk.stem, trunk.blocks
        self.output = SpatiallyAttentiveOutput(list(_SEEN.values()), num_classes)

    def forward(self, images: Tensor) -> SaolAnswer:
        """(B, 3, 32, 32) to the answer."""
        maps, seen = self.stem(images), []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in _SEEN:
                seen.append(maps)
        answer: SaolAnswer = self.output(seen)
        return answer
