"""Objects on servers, by byte range, through obstore: web servers, S3, Google Cloud Storage, Azure.

obstore's own retries and joining of ranges are off: they would not be seen, and the ledger would not be true.
Credentials come from the environment, as each provider's own tools read them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import obstore

from pipeline.errors import StorageError
from pipeline.storage import event_loop
from pipeline.storage.byte_range import MAX_WHOLE_BYTES, ByteRange, Piece
from pipeline.storage.clients import client_for
from pipeline.storage.coalescing import Request, gap_bytes, plan_requests, shared_bytes
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import is_signed, shown
from pipeline.storage.remote_errors import changed, may_pass, told
from pipeline.storage.remote_limits import REMOTE_LIMITS, RemoteLimits
from pipeline.storage.storage import Storage, closed

Ask: TypeAlias = Callable[[ByteRange], Awaitable[Piece]]
"""One request."""


class RemoteStorage(Storage):
    """An object, or a prefix with objects below it.

    Raises:
        StorageError: if no client can be made for the URL.
    """

    is_far = True

    def __init__(self, url: str, limits: RemoteLimits = REMOTE_LIMITS) -> None:
        self._url = url
        self.uri = shown(url)
        self._is_signed = is_signed(url)
        self._is_open = True
        self._limits = limits
        self._client = client_for(url, limits)

    def fetch(self, ranges: Sequence[ByteRange]) -> list[Piece]:
        """All at once; near ranges in one request."""
        if not self._is_open:
            return [Piece(error=closed(self.uri)) for _ in ranges]
        requests = plan_requests(ranges)
        return event_loop.run(self._fetch_all(ranges, requests))

    def beside(self, name: str) -> RemoteStorage:
        """An object or prefix below the same one. A signature that is of one object only will not do for it."""
        parts = urlsplit(self._url)
        path = f"{parts.path.rpartition('/')[0]}/{quote(name)}"
        return RemoteStorage(urlunsplit(parts._replace(path=path)), self._limits)

    def close(self) -> None:
        """Requests under way finish."""
        self._is_open = False

    async def _fetch_all(
        self, ranges: Sequence[ByteRange], requests: Sequence[Request]
    ) -> list[Piece]:
        answers = await asyncio.gather(*(self._answer(request.wanted) for request in requests))
        pieces = [Piece()] * len(ranges)
        for request, answer in zip(requests, answers, strict=True):
            gap = gap_bytes(request, ranges) if answer.data is not None else 0
            for number, piece in zip(
                request.members, _shares(request, answer, ranges, gap), strict=True
            ):
                pieces[number] = piece
        return pieces

    async def _answer(self, wanted: ByteRange) -> Piece:
        if wanted.offset >= 0 or self._client.has_suffixes:
            return await self._tried(wanted, self._asked)
        head = await self._tried(wanted, self._asked_for_length)
        if head.fingerprint is None:  # not there, or an error
            return head
        size = head.fingerprint.size_bytes
        count = min(-wanted.offset, size)
        version = wanted.version or head.fingerprint
        known = replace(wanted, offset=size - count, count=count, version=version)
        found = await self._tried(known, self._asked)
        return replace(found, num_requests=head.num_requests + found.num_requests)

    async def _tried(self, wanted: ByteRange, ask: Ask) -> Piece:
        """Tried again with growing pauses while that may help."""
        limits = self._limits
        name = self.child(wanted.key)
        pause_s = limits.first_pause_s
        for number in range(1, limits.num_tries + 1):
            try:
                return replace(await self._read(wanted, ask), num_requests=number)
            except FileNotFoundError:
                return Piece(num_requests=number)
            except StorageError as error:
                return Piece(error=error, num_requests=number)
            except Exception as error:  # noqa: BLE001  # obstore's tree has many roots
                if number == limits.num_tries or not may_pass(error):
                    own = told(error, name, is_signed=self._is_signed, num_tries=number)
                    return Piece(error=own, num_requests=number)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311  # spreads tries, guards nothing
            pause_s *= 4
        raise AssertionError("the last try returns")

    async def _read(self, wanted: ByteRange, ask: Ask) -> Piece:
        limits = self._limits
        async with event_loop.slots(limits.max_requests):  # waiting for a slot is no request yet
            return await asyncio.wait_for(
                ask(wanted), limits.read_timeout_s + limits.connect_timeout_s
            )

    async def _asked_for_length(self, wanted: ByteRange) -> Piece:
        """How long it is and which version, without its bytes."""
        meta = await obstore.head_async(self._client.store, self._client.key(wanted.key))
        return Piece(fingerprint=_fingerprint(meta))

    async def _asked(self, wanted: ByteRange) -> Piece:
        found = await obstore.get_async(
            self._client.store, self._client.key(wanted.key), options=_options(wanted)
        )
        if wanted.count is None and found.meta["size"] > MAX_WHOLE_BYTES:
            raise StorageError(
                f"{self.child(wanted.key)}: {found.meta['size']} bytes are too many to be read at once"
            )
        data = (await found.bytes_async()).to_bytes()
        fingerprint = _fingerprint(found.meta)
        if wanted.version is not None and fingerprint != wanted.version:
            raise changed(self.child(wanted.key))
        if wanted.is_exact and len(data) != wanted.count:
            raise StorageError(
                f"{self.child(wanted.key)}: bytes {wanted.offset} to "
                f"{wanted.offset + (wanted.count or 0)} are wanted, the object ends at "
                f"{fingerprint.size_bytes}; it is cut short, copy it again from where it came"
            )
        return Piece(data=data, fingerprint=fingerprint)


def _shares(request: Request, answer: Piece, ranges: Sequence[ByteRange], gap: int) -> list[Piece]:
    """What each range gets of a request's answer; the first also bears its cost."""
    shares = []
    shared = shared_bytes(request, ranges)
    for place, number in enumerate(request.members):
        share = replace(answer, num_requests=0) if place else replace(answer, gap_bytes=gap)
        if answer.data is not None and request.wanted.is_exact:
            start = ranges[number].offset - request.wanted.offset
            own = answer.data[start : start + (ranges[number].count or 0)]
            share = replace(share, data=own, shared_bytes=shared[place])
        shares.append(share)
    return shares


def _options(wanted: ByteRange) -> Any:
    options: dict[str, Any] = {}
    if wanted.offset < 0:
        options["range"] = {"suffix": -wanted.offset}
    elif wanted.count is not None:
        options["range"] = (wanted.offset, wanted.offset + wanted.count)
    elif wanted.offset:
        options["range"] = {"offset": wanted.offset}
    etag = None if wanted.version is None else wanted.version.etag
    if etag is not None and not etag.startswith("W/"):  # weak ones never match
        options["if_match"] = etag
    return options


def _fingerprint(meta: Any) -> Fingerprint:
    modified_ns = int(meta["last_modified"].timestamp()) * 10**9
    return Fingerprint(int(meta["size"]), modified_ns, meta["e_tag"])
