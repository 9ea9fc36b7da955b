"""Headers are read as a file would be, and every byte of it is counted."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StorageError
from pipeline.storage.byte_range import ByteRange, Piece
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.header_file import FIRST_BLOCK_BYTES, HeaderFile
from pipeline.storage.storage import Storage

DATA = np.random.default_rng(0).integers(0, 256, 3_000_000, np.uint8).tobytes()


class MemoryStorage(Storage):
    """One object in memory; counts what is asked for."""

    uri = "memory"

    def __init__(self, *, is_far: bool) -> None:
        self.is_far = is_far
        self.asked: list[ByteRange] = []

    def fetch(self, ranges: Sequence[ByteRange]) -> list[Piece]:
        self.asked += ranges
        return [self._piece(one) for one in ranges]

    def _piece(self, wanted: ByteRange) -> Piece:
        data = DATA[wanted.offset : wanted.offset + (wanted.count or 0)]
        return Piece(data=data, fingerprint=Fingerprint(len(DATA), 0), num_requests=1)

    def beside(self, name: str) -> Storage:
        raise StorageError(name)

    def close(self) -> None:
        """Nothing to close."""


def opened(*, is_far: bool) -> tuple[HeaderFile, MemoryStorage]:
    """A file whose first bytes were read."""
    storage = MemoryStorage(is_far=is_far)
    [start] = storage.fetch([ByteRange(count=FIRST_BLOCK_BYTES if is_far else 132)])
    return HeaderFile(storage, start), storage


READS = st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 300_000)), max_size=12)


class TestHeaderFile:
    @given(reads=READS, is_far=st.booleans())
    def test_reads_as_a_file(
        self, reads: list[tuple[int, int]], is_far: bool
    ) -> None:  # a parameter
        """Any sequence of seeks and reads gives what a file in memory gives, and the cost is what was fetched."""
        file, storage = opened(is_far=is_far)
        oracle = io.BytesIO(DATA)
        for offset, count in reads:
            assert file.seek(offset) == oracle.seek(offset)
            assert file.read(count) == oracle.read(count)
            assert file.tell() == oracle.tell()

        assert file.cost.index_bytes == sum(one.count or 0 for one in storage.asked)
        assert file.cost.num_requests == len(storage.asked)

    def test_far_headers_take_few_requests(self) -> None:
        """Many small reads in three places cost the start, the three places, and the end."""
        file, storage = opened(is_far=True)
        for place in (1_000_000, 1_500_000, 2_990_000):
            for step in range(0, 50_000, 7):
                file.seek(min(place + step, len(DATA) - 4))
                file.read(4)

        assert len(storage.asked) <= 5

    def test_near_headers_are_read_as_asked(self) -> None:
        """Nothing is read ahead of a disk."""
        file, storage = opened(is_far=False)
        file.seek(5000)
        file.read(12)

        assert [one.count for one in storage.asked] == [132, 12]

    def test_arrays(self) -> None:
        """Reading into an array of larger samples fills all of it."""
        file, _ = opened(is_far=False)
        target = np.zeros(50, np.uint16)

        assert file.readinto(target) == 100  # type: ignore[arg-type]  # any buffer
        assert target.tobytes() == DATA[:100]

    def test_places_before_the_start(self) -> None:
        """A damaged offset is an error, as with files."""
        file, _ = opened(is_far=False)
        with pytest.raises(ValueError, match="before the start"):
            file.seek(-5)
