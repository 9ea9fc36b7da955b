"""Weights on disk, as safetensors: no code runs when they are loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from models.errors import WeightsError

_SHOWN = 5
"""Problems that a message lists; the rest are counted."""


def save_weights(model: nn.Module, path: Path) -> None:
    """Write all parameters and persistent buffers, atomically: the old file stays until the new one is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    try:
        save_file(tensors, temporary)
        temporary.chmod(0o644)  # safetensors keeps its files to their owner
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # there only if something failed


def load_weights(
    model: nn.Module, content: bytes, name: str, *, may_lack: Sequence[str] = ()
) -> None:
    """Fill a network; every name and shape must fit.

    Args:
        model: the network.
        content: of a safetensors file.
        name: of that file, for messages.
        may_lack: parts of the network that keep their values where the file has nothing of them.

    Raises:
        WeightsError: if the file cannot be read or does not fit; it lists what is wrong.
    """
    try:
        found = load(content)
    except SafetensorError as error:
        raise WeightsError(
            f"{name}: cannot be read as safetensors: {error}; copy the model directory again"
        ) from error
    wanted = model.state_dict()
    for part in may_lack:
        if not any(name.startswith(f"{part}.") for name in found):
            found |= {name: wanted[name] for name in wanted if name.startswith(f"{part}.")}
    problems = _problems(wanted, found)
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        listed = "\n  ".join(problems[:_SHOWN])
        raise WeightsError(
            f"{name} does not fit its config.json:\n  {listed}{more}\n"
            "Check architecture, class_names and input.bands, or take the files from one model"
        )
    model.load_state_dict(found)


def _problems(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing" for name in wanted if name not in found]
    unknown = [f"{name} is not a part of the network" for name in found if name not in wanted]
    shapes = [
        f"{name} is {tuple(found[name].shape)}, wanted {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    return missing + unknown + shapes
