"""Attention dropped into any backbone: progressive attention, CBAM or AttentionRNN behind layers that are named."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from models.cbam import CBAM, RecurrentGate
from models.errors import ModelError
from models.progressive import ContextAttention


class ProgressiveGate(nn.Module):
    """PAN's attention without a query, as a factor per position.

    Args:
        channels: C of the maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = ContextAttention(channels, context_px=3)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, m, n) to the same, scaled."""
        values: Tensor = self.attention(maps)
        return maps * values.sigmoid()


ATTENTIONS: dict[str, Callable[[int], nn.Module]] = {
    "progressive": ProgressiveGate,
    "cbam": CBAM,
    "attention_rnn": lambda channels: CBAM(channels, spatial=RecurrentGate(channels)),
    "block_attention_rnn": lambda channels: CBAM(
        channels, spatial=RecurrentGate(channels, gamma=2)
    ),
}
"""By name: channels to a module that keeps the shape of (B, C, m, n)."""


def attend(
    backbone: nn.Module, attention: str, sites: Sequence[str], *, input_px: int = 64
) -> nn.Module:
    """The same network with an attention behind each named layer; its own weights stay.

    Args:
        backbone: such as one of torchvision's; it is changed.
        attention: a name of `ATTENTIONS`.
        sites: names of layers as in `named_modules`, whose output is (B, C, m, n), e.g. `layer2`, `features.4`.
        input_px: side of the RGB image that it is tried with, to learn the channels.

    Raises:
        ModelError: if there is no such attention or layer, or a layer gives something else.
    """
    if attention not in ATTENTIONS:
        raise ModelError(f"there is no attention {attention!r}; one of {', '.join(ATTENTIONS)}")
    channels = _channels(backbone, sites, input_px)
    for site in sites:
        parent_name, _, name = site.rpartition(".")
        parent = backbone.get_submodule(parent_name)
        attended = nn.Sequential(
            backbone.get_submodule(site), ATTENTIONS[attention](channels[site])
        )
        setattr(parent, name, attended)
    return backbone


def _channels(backbone: nn.Module, sites: Sequence[str], input_px: int) -> dict[str, int]:
    known = dict(backbone.named_modules())
    shapes: dict[str, torch.Size] = {}
    hooks = []
    for site in sites:
        if site not in known or not site:
            near = difflib.get_close_matches(site, known, n=1)
            hint = f"; is {near[0]!r} meant?" if near else ""
            raise ModelError(f"the backbone has no layer {site!r}{hint}")
        hooks.append(known[site].register_forward_hook(_noting(site, shapes)))
    was_training = backbone.training
    try:
        with torch.no_grad():
            backbone.eval()(torch.zeros(1, 3, input_px, input_px))
    finally:
        backbone.train(was_training)
        for hook in hooks:
            hook.remove()
    for site in sites:
        if len(shapes.get(site, ())) != 4:
            found = tuple(shapes[site]) if site in shapes else "nothing"
            raise ModelError(f"layer {site!r} gives {found}; wanted (B, C, m, n)")
    return {site: shape[1] for site, shape in shapes.items()}


def _noting(
    site: str, shapes: dict[str, torch.Size]
) -> Callable[[nn.Module, object, object], None]:
    def note(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            shapes[site] = output.shape

    return note
