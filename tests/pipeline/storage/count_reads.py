"""Started as a process of its own: reads images from the disk, and says what Linux counted and what we did.

Prints, per image, `NAME bytes_by_linux reads_by_linux bytes_by_us reads_by_us`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline.images.opening import open_source
from pipeline.images.tile import TileKey
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import total

KEYS = [TileKey(0, 1, 1), TileKey(0, 1, 2), TileKey(0, 6, 8), TileKey(1, 2, 1), TileKey(2, 0, 0)]


@dataclass(frozen=True, slots=True)
class Counted:
    """What this process read so far."""

    num_bytes: int
    num_reads: int
    book_bytes: int
    """Of the book itself; looking into it is a read, too, which the next look counts."""


def counted() -> Counted:
    """By Linux's books: every read and pread of every kind of file, page cache or not."""
    text = Path("/proc/self/io").read_text()
    found = dict(line.split(": ") for line in text.splitlines())
    return Counted(int(found["rchar"]), int(found["syscr"]), len(text))


def read(path: Path) -> Acquisition:
    """Open an image and read some tiles, as a walk does."""
    source = open_source(str(path))
    tiles = [answer.acquisition for answer in source.read_tiles(KEYS[:2])]
    tiles += [source.read_tile(key).acquisition for key in KEYS[2:]]
    source.close()
    return source.header + total(tiles)


def main(root: Path) -> None:
    """Each image once to load what is imported on the way, then once more."""
    for path in sorted(root.iterdir()):
        read(path)
        before, start = counted(), counted()
        cost = read(path)
        end = counted()
        num_bytes = end.num_bytes - start.num_bytes - start.book_bytes
        num_reads = end.num_reads - start.num_reads - (start.num_reads - before.num_reads)
        sys.stdout.write(
            f"{path.name} {num_bytes} {num_reads} {cost.transferred_bytes} {cost.num_requests}\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
