"""Files and directories as storages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import ObjectChangedError
from pipeline.storage.byte_range import MAX_WHOLE_BYTES, ByteRange
from pipeline.storage.disk import DiskStorage
from pipeline.storage.fingerprint import Fingerprint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file of ten bytes."""
    (tmp_path / "a").write_bytes(b"0123456789")
    return tmp_path


class TestDiskStorage:
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (ByteRange(key="a"), b"0123456789"),
            (ByteRange(key="a", offset=4), b"456789"),
            (ByteRange(key="a", offset=2, count=3), b"234"),
            (ByteRange(key="a", offset=-3, count=3), b"789"),
            (ByteRange(key="a", count=99, is_clipped=True), b"0123456789"),
            (ByteRange(key="gone"), None),
            (ByteRange(key="a/below"), None),
        ],
    )
    def test_ranges(self, root: Path, wanted: ByteRange, expected: bytes | None) -> None:
        """Whole, from an offset, exact, the last bytes, clipped; None where there is no such object."""
        [piece] = DiskStorage(root).fetch([wanted])

        assert piece.checked() == expected
        assert piece.num_requests == 1

    def test_a_file_is_its_own_root(self, root: Path) -> None:
        """Of a single file the empty key is the file, and it says which file it is."""
        status = (root / "a").stat()
        [piece] = DiskStorage(root / "a").fetch([ByteRange(offset=1, count=2)])

        assert piece.data == b"12"
        assert piece.fingerprint == Fingerprint(10, status.st_mtime_ns)

    def test_too_short(self, root: Path) -> None:
        """A range beyond the end is the error of that range, not of its neighbours."""
        good, bad = DiskStorage(root / "a").fetch(
            [ByteRange(count=2), ByteRange(offset=8, count=9)]
        )

        assert good.data == b"01"
        assert "file ends at 10" in str(bad.error)

    def test_changed(self, root: Path) -> None:
        """A file that was written to since it was opened is told apart from a broken one."""
        storage = DiskStorage(root / "a")
        (root / "a").write_bytes(b"something else")
        [piece] = storage.fetch([ByteRange(count=2)])

        assert isinstance(piece.error, ObjectChangedError)

    def test_another_version(self, root: Path) -> None:
        """A file in a directory is read as the version that is wanted, or not at all."""
        storage = DiskStorage(root)
        [first] = storage.fetch([ByteRange(key="a", offset=4)])
        same = ByteRange(key="a", count=2, version=first.fingerprint)
        assert storage.fetch([same])[0].data == b"01"
        (root / "new").write_bytes(b"something else")
        (root / "new").replace(root / "a")
        [piece] = DiskStorage(root).fetch([same])

        assert isinstance(piece.error, ObjectChangedError)

    def test_pipes_do_not_hang(self, root: Path) -> None:
        """An object that is no regular file is an error at once."""
        os.mkfifo(root / "pipe")
        [piece] = DiskStorage(root).fetch([ByteRange(key="pipe")])

        assert "not a regular file" in str(piece.error)

    def test_too_large(self, root: Path) -> None:
        """Nothing is read whole that is larger than any chunk or document can be."""
        with (root / "huge").open("wb") as file:
            file.truncate(MAX_WHOLE_BYTES + 1)
        [piece] = DiskStorage(root).fetch([ByteRange(key="huge")])

        assert "too many to be read at once" in str(piece.error)

    def test_closed(self, root: Path) -> None:
        """Nothing is read after closing."""
        storage = DiskStorage(root)
        storage.close()
        storage.close()
        [piece] = storage.fetch([ByteRange(key="a")])

        assert "closed" in str(piece.error)
