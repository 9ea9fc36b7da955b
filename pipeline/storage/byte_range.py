"""Which bytes are wanted, and what came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

from pipeline.errors import StorageError
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint

MAX_WHOLE_BYTES = 512 * 2**20
"""Objects that are larger are not read whole: no chunk and no document is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Some bytes of one object."""

    key: str = ""
    """Name of the object below the storage's root; empty: the root itself is the object."""
    offset: int = 0
    """First byte. Below 0: the last `-offset` bytes of the object, and `count` says as many."""
    count: int | None = None
    """How many bytes; None: all from `offset` on."""
    is_clipped: bool = False
    """True: fewer bytes are fine where the object ends before."""
    version: Fingerprint | None = None
    """Version of the object that is wanted, where one is known."""

    @property
    def is_exact(self) -> bool:
        """Whether first and last byte are known, so that it can be read together with near ones."""
        return self.offset >= 0 and self.count is not None and not self.is_clipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a storage answered to one `ByteRange`."""

    data: bytes | None = None
    """The bytes; None where there is no such object, or an error."""
    error: StorageError | None = None
    """Why they did not come."""
    fingerprint: Fingerprint | None = None
    """Of the object they come from."""
    gap_bytes: int = 0
    """Bytes that came along between this range and the next, and are thrown away."""
    shared_bytes: int = 0
    """Of its bytes, those that another range wanted, too, and bears: they came once."""
    num_requests: int = 0
    """Reads issued for it; 0 where it came with another range."""

    @property
    def num_bytes(self) -> int:
        """Bytes wanted and delivered."""
        return 0 if self.data is None else len(self.data)

    def checked(self) -> bytes | None:
        """The bytes, or None where there is no such object.

        Raises:
            StorageError: if they did not come.
        """
        if self.error is not None:
            raise self.error
        return self.data

    def identified(self, name: str) -> Fingerprint:
        """Of the object that the bytes come from.

        Raises:
            StorageError: if a server does not even say how long it is.
        """
        if self.fingerprint is None:
            raise StorageError(f"{name}: does not say how long it is; copy it to a disk")
        return self.fingerprint

    @property
    def transferred_bytes(self) -> int:
        """Bytes that came because of it."""
        return self.num_bytes - self.shared_bytes + self.gap_bytes

    @property
    def as_index(self) -> Acquisition:
        """Its cost, if it was a header or an index."""
        return Acquisition(
            index_bytes=self.num_bytes,
            gap_bytes=self.gap_bytes,
            transferred_bytes=self.transferred_bytes,
            num_requests=self.num_requests,
        )


def tile_cost(pieces: Iterable[Piece], seconds: float) -> Acquisition:
    """What a tile cost that was read in these pieces."""
    wanted = gap = transferred = requests = 0
    for piece in pieces:
        wanted += piece.num_bytes
        gap += piece.gap_bytes
        transferred += piece.transferred_bytes
        requests += piece.num_requests
    return Acquisition(
        requested_bytes=wanted,
        gap_bytes=gap,
        transferred_bytes=transferred,
        num_requests=requests,
        seconds=seconds,
    )


def total(costs: Iterable[Acquisition]) -> Acquisition:
    """Costs, summed."""
    return reduce(add, costs, Acquisition())
