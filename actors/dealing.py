"""In which order images are dealt out to workers, and how many a worker is given at once.

A worker is told of images before it has time for them, so that it never waits. But it keeps what it was told of, and
the first one that is up is told first: it must get neither all of a small archive, nor all large images of a large one.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Sequence

from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.storage.place import is_far, local_path

HAND = 16
"""Images in a row among which large and small ones are as frequent as in all."""
_TAIL = 4
"""One in so many images comes last, the smallest ones: who is given a large one last finishes alone."""
_TURNS = 4
"""A small archive is dealt out in no fewer turns."""


def dealt(records: Sequence[ImageRecord]) -> list[ImageRecord]:
    """Images in the order in which workers are to have them: mixed by the size of their files, the smallest last.

    How large images on servers and in directories are nobody knows without asking; they count as large. Where all are
    equal the order stays that of the manifest.
    """
    sizes = {record.sample_id: _size_bytes(record.image_path) for record in records}
    if len(set(sizes.values())) <= 1:
        return list(records)
    by_size = sorted(records, key=lambda record: -sizes[record.sample_id])
    num_mixed = len(by_size) - len(by_size) // _TAIL
    num_hands = max(1, num_mixed // HAND)
    hands = [by_size[first:num_mixed:num_hands] for first in range(num_hands)]
    return [record for hand in hands for record in hand] + by_size[num_mixed:]


def calls_ahead(num_calls: int, *, num_workers: int, at_most: int) -> int:
    """Calls that a worker is given at once, of `num_calls` for all workers; from 1 to `at_most`."""
    return max(1, min(at_most, num_calls // (_TURNS * num_workers)))


def _size_bytes(place: str) -> float:
    if is_far(place):
        return math.inf
    try:
        status = local_path(place).stat()
    except (OSError, ValueError, ImageError):  # whoever opens it will say what is wrong
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else math.inf
