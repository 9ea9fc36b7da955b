"""The beginning and the directories of one object as a file, for libraries that want one; every byte counted.

Near, each read is a read. Far, a read fetches a block around it: tables lie beside their directory, so the second
read of a place is likely to find its bytes here already.
"""

from __future__ import annotations

import io
import os

from pipeline.errors import StorageError
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, Piece, total
from pipeline.storage.storage import Storage

FIRST_BLOCK_BYTES = 64 * 2**10
"""Of a far object, read at once; whole headers of most COGs are shorter."""
MAX_BLOCK_BYTES = 2**20
"""Blocks double up to this."""
_SLACK_BYTES = 4096
"""Read before the place that is wanted: writers put tables on either side of a directory."""


class HeaderFile(io.RawIOBase):
    """One object of a storage, to be read by one thread.

    Raises:
        StorageError: by any read that storage does not answer.
    """

    def __init__(self, storage: Storage, start: Piece) -> None:
        super().__init__()
        self._storage = storage
        self._position = 0
        self.fingerprint = start.identified(storage.uri)
        """Of the object."""
        self._size = self.fingerprint.size_bytes
        self._blocks: list[tuple[int, bytes]] = [(0, start.data or b"")]
        self.cost: Acquisition = start.as_index
        """What was read so far."""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """To a byte, from the start, from here, or from the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"byte {base + offset} is before the start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The next byte to be read."""
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes from here on. Never more than are there: a damaged count would have gigabytes set aside first."""
        left = max(0, self._size - self._position)
        count = left if size is None or size < 0 else min(size, left)
        if count == 0:
            return b""
        found = self._bytes(self._position, count)
        self._position += len(found)
        return found

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]  # the stubs' Buffer is 3.12's
        """Bytes from here on, into a buffer."""
        target = memoryview(buffer).cast("B")  # it may be an array of larger samples
        found = self.read(len(target))
        target[: len(found)] = found
        return len(found)

    def _bytes(self, offset: int, count: int) -> bytes:
        for start, block in self._blocks:
            if start <= offset and offset + count <= start + len(block):
                return block[offset - start : offset - start + count]
        start, block = self._fetched(offset, count)
        if self._storage.is_far:
            self._blocks.append((start, block))
        return block[offset - start : offset - start + count]

    def _block_bytes(self, offset: int) -> int:
        """How much to read at a place that is new: more and more while reading on, little after a jump."""
        reached = [
            len(block)
            for start, block in self._blocks
            if 0 <= offset - start - len(block) < _SLACK_BYTES
        ]
        return min(2 * max(reached, default=FIRST_BLOCK_BYTES // 2), MAX_BLOCK_BYTES)

    def _fetched(self, offset: int, count: int) -> tuple[int, bytes]:
        start, length = offset, count
        if self._storage.is_far:
            start = max(0, offset - _SLACK_BYTES)
            length = min(self._size - start, max(self._block_bytes(offset), offset + count - start))
        wanted = [ByteRange(offset=start, count=length, version=self.fingerprint)]
        if self._storage.is_far and len(self._blocks) == 1 and start > FIRST_BLOCK_BYTES:
            wanted += self._tail(start + length)
        pieces = self._storage.fetch(wanted)
        self.cost += total(piece.as_index for piece in pieces)
        found = [_present(piece, self._storage.uri) for piece in pieces]
        self._blocks += [
            (one.offset, data) for one, data in zip(wanted[1:], found[1:], strict=True)
        ]
        return start, found[0]

    def _tail(self, after: int) -> list[ByteRange]:
        """The end of a file whose directories do not lie at its start: those of small levels lie there."""
        count = min(max(self._size // 128, FIRST_BLOCK_BYTES), MAX_BLOCK_BYTES)
        start = max(after, self._size - count)
        if start >= self._size:
            return []
        return [ByteRange(offset=start, count=self._size - start, version=self.fingerprint)]


def _present(piece: Piece, name: str) -> bytes:
    data = piece.checked()
    if data is None:
        raise StorageError(f"{name}: has gone while it was read; run again when it is back")
    return data
