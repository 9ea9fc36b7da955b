"""How large a network is and what a walk costs, counted as the paper counts (tables 1 and 2, equation 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import SqueezeExcitation

from models.architecture import architecture_named
from models.build import PAPER, assemble
from models.features import Features
from models.network_config import NetworkConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LookCost:
    """Multiplications of each module for one window."""

    feature_extraction: int
    """Per look."""
    positional_encoding: int
    """Per look."""
    location: int
    """Per look whose cells are scored."""
    classification: int
    """Once per prediction."""

    def of_walk(self, num_looks: int, num_scored: int) -> int:
        """Multiplications of a walk with so many looks, the cells of some of them scored."""
        per_look = self.feature_extraction + self.positional_encoding
        return num_looks * per_look + num_scored * self.location + self.classification


def num_parameters(model: nn.Module) -> int:
    """Trainable ones, and the moving means and variances of batch normalisation, as the paper counts."""
    moving = sum(
        buffer.numel()
        for name, buffer in model.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    )
    return moving + sum(parameter.numel() for parameter in model.parameters())


def num_multiplications(
    name: str,
    num_locations: int,
    *,
    num_classes: int | None = None,
    num_bands: int = 3,
    input_px: int | None = None,
) -> int:
    """Multiplications for one image with so many attended locations (looks beyond the first).

    Cells are scored on the first look and on half of the others, as with k = (2, 1); which half the paper does
    not say, and it does not show in its digits. With two depths only the first look's cells are scored.
    """
    architecture = architecture_named(name)
    cost = look_cost(
        name,
        num_classes=num_classes or architecture.num_classes,
        num_bands=num_bands,
        input_px=input_px or architecture.base_px,
    )
    num_scored = 1 if architecture.depths == 2 else 1 + num_locations // 2
    return cost.of_walk(1 + num_locations, num_scored if architecture.grid else 0)


@cache
def look_cost(
    name: str,
    *,
    num_classes: int,
    num_bands: int,
    input_px: int,
    network: NetworkConfig = PAPER,
) -> LookCost:
    """Counted by running the network on a device without data."""
    with torch.device("meta"):
        model = assemble(name, num_classes=num_classes, num_bands=num_bands, network=network).eval()
        image = torch.empty(1, num_bands, input_px, input_px)
        position = torch.zeros(1, 3, dtype=torch.int64)
        depth = position[:, 2]
        features: list[Features] = []
        extraction = multiplications_of(
            lambda: features.append(model.feature_extraction(image, depth))
        )
        [seen] = features
        return LookCost(
            feature_extraction=extraction + _excitations(model.feature_extraction, image, depth),
            positional_encoding=_count_optional(model.positional_encoding, seen.vectors, position),
            location=_count_optional(model.location, seen),
            classification=multiplications_of(
                lambda: model.aggregation.keep(seen.vectors, position)
            ),
        )


def _count_optional(module: nn.Module | None, *inputs: Tensor | Features) -> int:
    return 0 if module is None else multiplications_of(lambda: module(*inputs))


def multiplications_of(work: Callable[[], object]) -> int:
    """Multiplications of convolutions and matrix products; torch counts each with its addition.

    It knows no products that are added in place, of which AttentionRNN's recurrence is made.
    """
    in_place = {torch.ops.aten.baddbmm_: _flops_of_added_product}
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        work()
    return int(counter.get_total_flops()) // 2


def _flops_of_added_product(
    _into: torch.Size, left: torch.Size, right: torch.Size, **_: object
) -> int:
    """Of (B, M, K) times (B, K, N)."""
    batch, rows, inner = left
    return 2 * batch * rows * inner * right[2]


def _excitations(module: nn.Module, image: Tensor, depth: Tensor) -> int:
    """The multiplications H x W x C by which squeeze and excitation scales its maps; torch does not count them."""
    sizes: list[int] = []
    hooks = [
        part.register_forward_hook(lambda _module, _inputs, output: sizes.append(output.numel()))
        for part in module.modules()
        if isinstance(part, SqueezeExcitation)
    ]
    module(image, depth)
    for hook in hooks:
        hook.remove()
    return sum(sizes)
