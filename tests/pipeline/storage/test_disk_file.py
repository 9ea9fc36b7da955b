"""Files that are read by many and closed by any."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipeline.errors import ObjectChangedError
from pipeline.storage.disk_file import DiskFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of ten bytes."""
    (tmp_path / "a").write_bytes(b"0123456789")
    return tmp_path / "a"


class TestDiskFile:
    def test_ranges(self, path: Path) -> None:
        """Exactly the bytes that were asked for."""
        assert DiskFile(path).read(3, 4) == b"3456"

    @pytest.mark.parametrize(("offset", "count"), [(8, 3), (-1, 2), (0, -1), (11, 0)])
    def test_beyond_the_end(self, path: Path, offset: int, count: int) -> None:
        """Less than was asked for is an error, never a short answer."""
        with pytest.raises(ValueError, match="the file ends at 10"):
            DiskFile(path).read(offset, count)

    def test_a_file_that_shrinks(self, path: Path) -> None:
        """A file that is written to while it is open is not the one any more that was opened."""
        file = DiskFile(path)
        path.write_bytes(b"01")

        with pytest.raises(ObjectChangedError, match="changed while it was read"):
            file.read(0, 10)

    def test_pipes_do_not_hang(self, tmp_path: Path) -> None:
        """What is no regular file is not opened."""
        os.mkfifo(tmp_path / "pipe")

        with pytest.raises(OSError, match="not a regular file"):
            DiskFile(tmp_path / "pipe")

    def test_closed_under_a_reader(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The descriptor lives until the last reader is done: its number must not become another file's."""
        file, pread = DiskFile(path), os.pread
        is_reading, may_read = threading.Event(), threading.Event()

        def waiting(descriptor: int, count: int, offset: int) -> bytes:
            is_reading.set()
            may_read.wait(10)
            return pread(descriptor, count, offset)

        monkeypatch.setattr(os, "pread", waiting)
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(file.read(0, 4)))
        reader.start()
        is_reading.wait(10)
        file.close()
        other = os.open(os.devnull, os.O_RDONLY)  # would take a number that was given back
        may_read.set()
        reader.join(10)
        os.close(other)

        assert found == [b"0123"]
        with pytest.raises(ValueError, match="closed"):
            file.read(0, 4)
