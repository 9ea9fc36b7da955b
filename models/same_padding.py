"""Convolution with TensorFlow's "SAME" padding, which the paper's networks were made with.

It pads to an output of ceil(input / stride), the odd pixel at the bottom and right. PyTorch's symmetric padding
would shift the receptive fields of EfficientNet's cells by 15.5 px at 224 (reference: authors' code).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SameConv2d(nn.Conv2d):
    """A `Conv2d` that pads by itself; its own `padding` is 0."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        top, bottom = _around(images.shape[2], self.kernel_size[0], self.stride[0])
        left, right = _around(images.shape[3], self.kernel_size[1], self.stride[1])
        if top == bottom and left == right:  # the convolution pads faster itself
            return F.conv2d(
                images, self.weight, self.bias, self.stride, (top, left), 1, self.groups
            )
        return super().forward(F.pad(images, (left, right, top, bottom)))


def _around(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels to add before and after, along one axis."""
    needed = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return needed // 2, needed - needed // 2
