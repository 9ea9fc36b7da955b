"""A file or a directory on a disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import StorageError
from pipeline.storage.byte_range import MAX_WHOLE_BYTES, ByteRange, Piece
from pipeline.storage.disk_file import DiskFile
from pipeline.storage.kept_files import KeptFiles
from pipeline.storage.storage import Storage, closed


class DiskStorage(Storage):
    """Reads by position. A file is held open; of a directory, files are opened as they are read.

    Raises:
        OSError: if it cannot be opened, or is neither a regular file nor a directory.
    """

    is_far = False

    def __init__(self, path: str | Path) -> None:
        self.uri = str(path)
        self._path = Path(path)
        self._is_open = True
        self.file = None if self._path.is_dir() else DiskFile(path)
        self._kept = KeptFiles()

    def fetch(self, ranges: Sequence[ByteRange]) -> list[Piece]:
        """One read each: near ranges cost a disk nothing."""
        return [self._answer(wanted) for wanted in ranges]

    def beside(self, name: str) -> DiskStorage:
        """A file or directory in the same directory."""
        return DiskStorage(self._path.with_name(name))

    def close(self) -> None:
        """Reads under way finish."""
        self._is_open = False
        self._kept.close()
        if self.file is not None:
            self.file.close()

    def _answer(self, wanted: ByteRange) -> Piece:
        if not self._is_open:
            return Piece(error=closed(self.uri))
        try:
            return self._read(wanted)
        except (FileNotFoundError, NotADirectoryError):
            return Piece(num_requests=1)
        except StorageError as error:
            return Piece(error=error, num_requests=1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return Piece(error=StorageError(f"{self.child(wanted.key)}: {reason}"), num_requests=1)

    def _read(self, wanted: ByteRange) -> Piece:
        if self.file is not None and not wanted.key:
            return _piece(self.file, wanted)
        if self.file is not None:
            raise FileNotFoundError(self.child(wanted.key))
        if wanted.count is not None:  # of a file that is read in part, more will be wanted
            return _piece(self._kept.file(f"{self._path}/{wanted.key}"), wanted)
        file = DiskFile(f"{self._path}/{wanted.key}")
        try:
            return _piece(file, wanted)
        finally:
            file.close()


def _piece(file: DiskFile, wanted: ByteRange) -> Piece:
    if wanted.version not in (None, file.fingerprint):  # its bytes lie elsewhere in the new one
        raise file.changed()
    size = file.size_bytes
    offset = wanted.offset if wanted.offset >= 0 else size + wanted.offset
    count = size - offset if wanted.count is None else wanted.count
    if wanted.count is None and count > MAX_WHOLE_BYTES:
        raise ValueError(f"{count} bytes are too many to be read at once")
    if wanted.is_clipped:
        count = max(0, min(count, size - offset))
    data = file.read(offset, count)
    return Piece(data=data, fingerprint=file.fingerprint, num_requests=1)
