"""What holds for a whole worker process. Only what owns its process calls this: the actor, and benchmarks."""

from __future__ import annotations

import ctypes
import gc

import cv2

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 2**30


def settle_in() -> None:
    """Tune a process for one model and many readers.

    glibc gives large blocks back to the system as soon as they are free, and a network frees and takes the same
    ones with every batch: 13,000 page faults a batch for EfficientNet-B0, half of its time.
    """
    cv2.setNumThreads(1)  # its threads would fight with ours
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)


def keep_loaded() -> None:
    """Call when everything is loaded. Python's collector then no longer walks through it.

    torch, Ray and zarr are a million objects that never go away; walking through them whenever a reader has made a
    few hundred small ones cost up to a quarter of the rate of reading.
    """
    gc.collect()
    gc.freeze()
