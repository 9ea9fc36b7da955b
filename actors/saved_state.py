"""What the next epoch of a training depends on, as one file that is whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from pipeline.errors import ResumeError

NAME = "checkpoint.pt"

T = TypeVar("T")


def save_state(directory: Path, state: Mapping[str, Any]) -> None:
    """It takes the place of the one before when it is whole."""
    partial = directory / f".{NAME}.partial"
    torch.save(dict(state), partial)
    partial.replace(directory / NAME)


def load_state(directory: Path, taken_up: Callable[[Mapping[str, Any]], T]) -> T | None:
    """What `taken_up` makes of the state that was written last, on the CPU; None where there is none.

    Raises:
        ResumeError: if it cannot be read, or is not what `taken_up` wants.
    """
    path = directory / NAME
    if not path.exists():
        return None
    try:
        return taken_up(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises whatever the pickle in it does
        raise ResumeError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); remove it to start again"
        ) from error
