"""A storage that reads no more than a purse holds: what a read may cost is taken out before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.errors import AllowanceSpentError
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, Piece, tile_cost
from pipeline.storage.coalescing import plan_requests
from pipeline.storage.purse import Purse
from pipeline.storage.storage import Storage

FIRST_PART_BYTES = 2**20
"""Of an object whose length is not known; the rest, if there is any, is read when it is."""


def metered(storage: Storage, purse: Purse) -> Storage:
    """The storage, within the means of a purse."""
    return storage if purse.is_endless else MeteredStorage(storage, purse)


class MeteredStorage(Storage):
    """Another storage, within the means of a purse.

    Unlike others, `fetch` raises: an image that may not be read on has no other answer to give.

    Args:
        storage: reads.
        purse: pays; may be shared by several storages.
    """

    def __init__(self, storage: Storage, purse: Purse) -> None:
        self._storage = storage
        self._purse = purse
        self.uri = storage.uri
        self.is_far = storage.is_far

    def fetch(self, ranges: Sequence[ByteRange]) -> list[Piece]:
        """An answer per range, in order.

        Raises:
            AllowanceSpentError: if the purse does not hold as much; its cost is what was read in vain.
        """
        bounded = [one for one in ranges if one.count is not None]
        answers = iter(self._bounded(bounded))
        pieces: list[Piece] = []
        try:
            for one in ranges:
                pieces.append(self._whole(one) if one.count is None else next(answers))  # noqa: PERF401  # those that came count, whatever the next one does
        except AllowanceSpentError as error:
            error.cost += _in_vain([*pieces, *answers])
            raise
        return pieces

    def close(self) -> None:
        """No reads from now on."""
        self._storage.close()

    def beside(self, name: str) -> Storage:
        """Paid for by the same purse."""
        return MeteredStorage(self._storage.beside(name), self._purse)

    def completed(self, wanted: ByteRange, start: Piece) -> Piece:
        """The answer to a range without a known end, whose first part is here already.

        Raises:
            AllowanceSpentError: if the purse does not hold the rest.
        """
        if start.fingerprint is None or start.data is None:
            return start
        reached = wanted.offset + len(start.data)
        missing = start.fingerprint.size_bytes - reached
        if missing <= 0:
            return start
        if not self._purse.take(missing):
            error = self._spent(missing)
            error.cost = Acquisition(
                gap_bytes=start.num_bytes, transferred_bytes=start.num_bytes, num_requests=1
            )
            raise error
        rest = replace(wanted, offset=reached, count=missing, version=start.fingerprint)
        [end] = self._storage.fetch([rest])
        num_requests = start.num_requests + end.num_requests
        data = None if end.data is None else start.data + end.data
        return replace(end, data=data, num_requests=num_requests)

    def _bounded(self, ranges: Sequence[ByteRange]) -> list[Piece]:
        """Ranges that say how long they are: that much is taken, with what will come along between them."""
        requests = [one.wanted for one in plan_requests(ranges)] if self.is_far else ranges
        most = sum(one.count or 0 for one in requests)
        if not self._purse.take(most):
            raise self._spent(most)
        pieces = self._storage.fetch(ranges)
        if all(piece.error is None for piece in pieces):  # of what broke off nobody knows what came
            self._purse.give_back(most - sum(piece.transferred_bytes for piece in pieces))
        return pieces

    def _whole(self, wanted: ByteRange) -> Piece:
        """An object, or its end, of unknown length: a first part, which tells how much is missing."""
        room = self._purse.take_at_most(FIRST_PART_BYTES)
        if not room:
            raise self._spent(1)
        first = replace(wanted, count=room, is_clipped=True)
        [piece] = self._storage.fetch([first])
        if piece.error is not None:
            return piece
        self._purse.give_back(room - piece.transferred_bytes)
        return self.completed(wanted, piece)

    def _spent(self, wanted: int) -> AllowanceSpentError:
        return AllowanceSpentError(
            f"{self.uri}: {wanted} bytes are wanted, {self._purse.num_left} are left of its share of the "
            "archive's budget; give the archive more, or fewer images"
        )


def _in_vain(pieces: Iterable[Piece]) -> Acquisition:
    """What came and is thrown away, for there is not enough for the rest."""
    came = tile_cost(pieces, 0.0)
    return replace(came, requested_bytes=0, gap_bytes=came.transferred_bytes)
