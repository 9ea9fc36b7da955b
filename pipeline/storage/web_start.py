"""The first request to a web server: it follows redirects, so that all later ones go straight to where the object is.

obstore follows redirects silently, each time anew: requests would double unseen, and a server could send us to a
place that may not be read. So the first request is made with the standard library, hop by hop.
"""

from __future__ import annotations

import email.utils
import http.client
import random
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from pipeline.errors import ImageAccessError, ImageError, StorageError
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.allowed_places import AllowedPlaces
from pipeline.storage.byte_range import MAX_WHOLE_BYTES, ByteRange, Piece
from pipeline.storage.fingerprint import Fingerprint
from pipeline.storage.place import HTTP_SCHEMES, is_signed, server_parts, shown
from pipeline.storage.remote_errors import refused, without_ranges
from pipeline.storage.remote_limits import RemoteLimits

MAX_HOPS = 10
_PART_BYTES = 2**20
"""Of a long answer; each has as much time as a short one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebStart:
    """What the first request found."""

    url: str
    """Where the object is, after all redirects."""
    piece: Piece
    """Its first bytes."""


def start_at(url: str, wanted: ByteRange, places: AllowedPlaces, limits: RemoteLimits) -> WebStart:
    """Ask for the first bytes of an object, where redirects lead to. `wanted` starts at 0.

    Raises:
        ImageAccessError: if a redirect leads to a place that may not be read.
        StorageError: if the server does not give them.
    """
    num_requests, pause_s = 0, limits.first_pause_s
    for number in range(1, limits.num_tries + 1):
        answer = _follow(url, wanted, places, limits)
        num_requests += answer.num_hops
        if not answer.may_pass or number == limits.num_tries:
            break
        time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311  # spreads tries, guards nothing
        pause_s *= 4
    if answer.error is not None:
        return WebStart(url=url, piece=Piece(error=answer.error, num_requests=num_requests))
    piece = Piece(data=answer.data, fingerprint=answer.fingerprint, num_requests=num_requests)
    return WebStart(url=answer.url, piece=piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    url: str
    num_hops: int
    data: bytes | None = None
    fingerprint: Fingerprint | None = None
    error: StorageError | None = None
    may_pass: bool = False


def _follow(url: str, wanted: ByteRange, places: AllowedPlaces, limits: RemoteLimits) -> _Answer:
    """One try: as many hops as the redirects take."""
    at = url
    for hops in range(1, MAX_HOPS + 1):
        try:
            with _opener().open(_request(at, wanted), timeout=limits.read_timeout_s) as response:
                return _read(response, at, hops, wanted, limits)
        except urllib.error.HTTPError as error:
            with error:  # it holds the connection
                target = error.headers.get("Location")
                if error.code not in (301, 302, 303, 307, 308) or not target:
                    return _refusal(error, url, hops)
            try:
                at = _redirected(at, target, places)
            except (ImageError, ValueError) as trouble:
                raise _led_astray(url, hops, trouble) from trouble
        except (OSError, http.client.HTTPException) as error:
            may_pass = not isinstance(error, http.client.InvalidURL)
            return _Answer(url=at, num_hops=hops, error=_silence(error, url), may_pass=may_pass)
        except ValueError as error:  # such as a host whose name no server can have
            return _Answer(url=at, num_hops=hops - 1, error=_silence(error, url))
    text = f"{shown(url)}: redirected {MAX_HOPS} times; give the address where it really is"
    return _Answer(url=at, num_hops=MAX_HOPS, error=StorageError(text))


def _redirected(at: str, target: str, places: AllowedPlaces) -> str:
    to = urljoin(at, target)
    if server_parts(to).scheme.lower() not in HTTP_SCHEMES:
        raise ImageAccessError(f"{shown(to)}: not a web server")
    places.check(to)
    return to


def _led_astray(url: str, hops: int, trouble: Exception) -> ImageAccessError:
    # A ValueError may hold the address, which may be signed.
    reason = trouble if isinstance(trouble, ImageError) else "not an address"
    error = ImageAccessError(
        f"{shown(url)}: redirected to a place that is not read: {reason}; give the address where it really is"
    )
    error.cost = Acquisition(num_requests=hops)
    return error


def _request(url: str, wanted: ByteRange) -> urllib.request.Request:
    request = urllib.request.Request(url)  # noqa: S310  # its scheme was checked: http or https
    if wanted.count is not None:
        request.add_header("Range", f"bytes=0-{wanted.count - 1}")
    return request


def _read(response: Any, url: str, hops: int, wanted: ByteRange, limits: RemoteLimits) -> _Answer:
    length = response.headers.get("Content-Length")
    is_cut = wanted.count is None or response.status == 206
    # Small objects may come whole: a server need not cut them.
    if not is_cut and (length is None or int(length) > (wanted.count or 0)):
        return _Answer(url=url, num_hops=hops, error=without_ranges(shown(url)))
    if wanted.count is None and int(length or 0) > MAX_WHOLE_BYTES:
        text = f"{shown(url)}: {length} bytes are too many to be read at once"
        return _Answer(url=url, num_hops=hops, error=StorageError(text))
    data = _body(response, limits)
    if length is not None and len(data) < int(length):  # which http.client does not tell
        raise http.client.IncompleteRead(data, int(length) - len(data))
    told = response.headers.get("Content-Range") or "bytes 0-"
    if not told.startswith("bytes 0-"):
        text = f"{shown(url)}: the server sends other bytes than were asked for ({told}); check the server"
        return _Answer(url=url, num_hops=hops, error=StorageError(text))
    total = told.rpartition("/")[2]
    size = int(total) if total.isdigit() else len(data)
    return _Answer(
        url=url, num_hops=hops, data=data, fingerprint=_fingerprint(response.headers, size)
    )


def _body(response: Any, limits: RemoteLimits) -> bytes:
    """All of it. The time limit of the connection is that of each byte: one that trickles would never end."""
    data = bytearray()
    while len(data) < MAX_WHOLE_BYTES:
        deadline_s = time.monotonic() + limits.read_timeout_s
        end = len(data) + _PART_BYTES
        while len(data) < end:
            more = response.read1(end - len(data))
            if not more:
                return bytes(data)
            data += more
            if time.monotonic() > deadline_s:
                raise TimeoutError
    return bytes(data)


def _refusal(error: urllib.error.HTTPError, url: str, hops: int) -> _Answer:
    name, status = shown(url), error.code
    if status in (404, 410):
        return _Answer(url=url, num_hops=hops)
    if status in (401, 403):
        own = refused(name, status, is_signed=is_signed(url))
    elif status == 416:  # an empty object has no first byte
        return _Answer(url=url, num_hops=hops, data=b"", fingerprint=Fingerprint(0, 0))
    else:
        own = StorageError(
            f"{name}: the server does not give it: status {status}; check the address, then run again"
        )
    return _Answer(url=url, num_hops=hops, error=own, may_pass=status == 429 or status >= 500)


def _silence(error: Exception, url: str) -> StorageError:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        text = "no answer in time"
    elif isinstance(reason, http.client.IncompleteRead | ConnectionError):
        broke = not isinstance(reason, ConnectionRefusedError)
        text = "the connection broke off" if broke else "nothing listens there (connection refused)"
    elif isinstance(reason, OSError):
        text = reason.strerror or str(reason)
    else:  # its text may hold the address, which may be signed
        text = f"not an address that can be asked ({type(reason).__name__})"
    host = urlsplit(url).hostname
    return StorageError(
        f"{shown(url)}: the server {host} does not give it: {text}; check the "
        "address and the network, then run again"
    )


def _fingerprint(headers: Any, size: int) -> Fingerprint:
    stamp = email.utils.parsedate_tz(headers.get("Last-Modified", ""))
    seconds = 0 if stamp is None else email.utils.mktime_tz(stamp)
    return Fingerprint(size, seconds * 10**9, headers.get("ETag"))


def _opener() -> urllib.request.OpenerDirector:
    """Of web servers only, and without following redirects: `_follow` looks at where they lead."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
