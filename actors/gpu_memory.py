"""How many windows a GPU takes at once, by what a few of them take."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from models.errors import ModelError

LARGEST = 64
"""A batch costs the same full or not, and the images in flight seldom have more windows ready for two lanes."""
SPARE = 0.1
"""Share of the room that stays free, for what the allocator loses between blocks."""
_TRIED = (2, 8)


def batch_size_for(room_bytes: int, peak_bytes: Mapping[int, int], *, num_lanes: int) -> int:
    """The largest power of two whose batches fit, one for each lane.

    Args:
        room_bytes: what they may take.
        peak_bytes: what batches of two sizes took at most; in between and beyond it grows evenly.
        num_lanes: batches at once.

    Raises:
        ModelError: if not even one window fits.
    """
    (small, at_small), (large, at_large) = sorted(peak_bytes.items())
    per_window = max((at_large - at_small) / (large - small), 1.0)
    fixed = max(at_small - small * per_window, 0.0)
    room = (1 - SPARE) * room_bytes / num_lanes
    if fixed + per_window > room:
        raise ModelError(
            f"a window takes {(fixed + per_window) / 1e6:.0f} MB on the GPU, and {room / 1e6:.0f} MB are there for it; "
            "give the worker a larger share (--num-gpus), or stop what else runs there"
        )
    size = 1
    while size < LARGEST and fixed + 2 * size * per_window <= room:
        size *= 2
    return size


def fitting_batch_size(
    run: Callable[[int], None], device: torch.device, *, share: float, num_lanes: int
) -> int:
    """What fits a worker's share of a GPU that holds the network already.

    Args:
        run: computes a batch of so many windows.
        device: the GPU.
        share: of it that belongs to this process, above 0, at most 1.
        num_lanes: batches at once.

    Raises:
        ModelError: if not even one window fits.
    """
    run(_TRIED[0])  # libraries take room of their own with the first call
    peaks = {size: _peak_bytes(run, size, device) for size in _TRIED}
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    own = int(share * total) - torch.cuda.memory_reserved(device)
    return batch_size_for(min(free, own), peaks, num_lanes=num_lanes)


def _peak_bytes(run: Callable[[int], None], size: int, device: torch.device) -> int:
    """Beside what is held already."""
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    run(size)
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - held
