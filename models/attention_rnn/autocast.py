"""The recurrence out of autocast's hands: it knows products, but not their forms that write in place."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Nothing is cast inside. Devices that only count sizes (`meta`) have no autocast to switch off."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
