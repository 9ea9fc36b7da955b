"""Reads as the kernel counts them, against reads of known size."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from pipeline.storage.thread_reads import Reads, ThreadReads


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts reads per thread")
class TestThreadReads:
    def test_reads_of_this_thread_are_counted_exactly(self, tmp_path: Path) -> None:
        """Bytes and calls are those made between the two looks; the looks are not counted."""
        path = tmp_path / "file"
        path.write_bytes(bytes(10_000))
        descriptor = os.open(path, os.O_RDONLY)
        reads = ThreadReads()
        os.pread(descriptor, 4000, 0)
        os.pread(descriptor, 4000, 9000)  # the file ends after 1000
        found = reads.so_far()
        os.close(descriptor)

        assert found == Reads(num_bytes=5000, num_calls=2)

    def test_reads_of_others_are_not(self, tmp_path: Path) -> None:
        """What another thread reads at the same time is its own."""
        path = tmp_path / "file"
        path.write_bytes(bytes(10_000))
        reads = ThreadReads()
        other = threading.Thread(target=path.read_bytes)
        other.start()
        other.join()

        assert reads.so_far() == Reads(num_bytes=0, num_calls=0)


class TestElsewhere:
    def test_nothing_is_counted_without_a_counter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A kernel that does not count per thread is no error."""
        monkeypatch.setattr("pipeline.storage.thread_reads._COUNTERS", str(tmp_path / "none"))

        assert ThreadReads().so_far() == Reads(num_bytes=0, num_calls=0)
