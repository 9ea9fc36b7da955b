"""Networks that see a whole image at once: walks are measured against them, and what they are made of is borrowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch
from torch import nn

from models.catalogue.papers import PATCH_CONV, UAN
from models.counts import multiplications_of
from models.patch_conv import PatchConvKind, PatchConvNet
from models.small_images.catalogue import SMALL_IMAGES
from models.small_images.preparation import SIDE_PX
from models.uan.network import Uan
from models.vision_transformer import VitKind, vision_transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeImageEntry:
    """A network that sees a whole image at once."""

    paper: str
    """Who described it."""
    num_classes: int
    """Of the data set that it is counted with."""
    input_px: int
    """Side of its images, likewise."""
    make: Callable[[int], nn.Module]
    """From the number of classes."""
    chooses: bool = False
    """Whether values decide what of it is computed; then the most that it can take is counted, as in training."""

    def counted(self) -> tuple[int, int]:
        """Trainable parameters, and multiplications for one image."""
        with torch.device("meta"):
            network = self.make(self.num_classes).train(self.chooses)
            image = torch.empty(1, 3, self.input_px, self.input_px)
            multiplications = multiplications_of(lambda: network(image))
        parameters = sum(one.numel() for one in network.parameters())
        return parameters, multiplications


WHOLE_IMAGE: Mapping[str, WholeImageEntry] = {
    **{
        name: WholeImageEntry(
            paper=network.paper, num_classes=100, input_px=SIDE_PX, make=network.make
        )
        for name, network in SMALL_IMAGES.items()
    },
    **{
        f"patch_conv_{kind}": WholeImageEntry(
            paper=PATCH_CONV, num_classes=1000, input_px=224, make=partial(PatchConvNet, kind)
        )
        for kind in get_args(PatchConvKind)
    },
    **{
        f"vit_{kind}": WholeImageEntry(
            paper="ViT (2021)",
            num_classes=1000,
            input_px=224,
            make=partial(vision_transformer, kind),
        )
        for kind in get_args(VitKind)
    },
    "uan": WholeImageEntry(paper=UAN, num_classes=67, input_px=224, make=Uan, chooses=True),
}
"""By name."""
