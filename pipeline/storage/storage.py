"""The contract of every place that holds images: byte ranges of objects below one root."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pipeline.errors import StorageError
from pipeline.storage.byte_range import ByteRange, Piece


class Storage(ABC):
    """A file, a directory, or a prefix of a server. Safe to use from many threads at once."""

    uri: str
    """Path or URL of the root, without secrets."""
    is_far: bool
    """True: every request waits for a network."""

    @abstractmethod
    def fetch(self, ranges: Sequence[ByteRange]) -> list[Piece]:
        """An answer per range, in order. Near ranges may come in one request. Never raises."""

    @abstractmethod
    def close(self) -> None:
        """No reads from now on. Closing twice is no error."""

    @abstractmethod
    def beside(self, name: str) -> Storage:
        """The storage of another object or directory in the same place; `self` is of one object.

        Raises:
            OSError, StorageError: if it cannot be opened.
        """

    def child(self, key: str) -> str:
        """Path or URL of an object, for messages."""
        return f"{self.uri.rstrip('/')}/{key}" if key else self.uri

    def read(self, key: str) -> bytes | None:
        """A whole object; None where there is none.

        Raises:
            StorageError: if it does not come.
        """
        [piece] = self.fetch([ByteRange(key=key)])
        return piece.checked()


def closed(uri: str) -> StorageError:
    """The answer of a storage that was closed."""
    return StorageError(f"{uri}: the image is closed")
