"""What obstore raises, in our own words: what the server said, and what to do about it."""

from __future__ import annotations

import re

from obstore.exceptions import (
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from pipeline.errors import ObjectChangedError, StorageError

_LASTING = ("MissingContentLength", "UnexpectedRange", "TooManyRedirects")
"""Words for what the server does every time."""


def may_pass(error: Exception) -> bool:
    """Whether trying again may help: no answer, too many requests, or the server's own trouble."""
    settled = (NotSupportedError, PermissionDeniedError, PreconditionError, UnauthenticatedError)
    if isinstance(error, settled):
        return False
    if any(sign in str(error) for sign in _LASTING):
        return False
    status = status_of(error)
    return status is None or status == 429 or status >= 500


def status_of(error: Exception) -> int | None:
    """HTTP status that an error tells of, if any."""
    found = re.search(r"status code: (\d{3})", str(error))
    return int(found.group(1)) if found else None


def told(error: Exception, name: str, *, is_signed: bool, num_tries: int = 1) -> StorageError:
    """The error as our own. `name` is the object's URL without secrets."""
    if isinstance(error, PreconditionError):
        return changed(name)
    if isinstance(error, NotSupportedError):
        return without_ranges(name)
    status = status_of(error)
    if isinstance(error, UnauthenticatedError | PermissionDeniedError) or status in (401, 403):
        return refused(name, status or 403, is_signed=is_signed)
    tries = f" after {num_tries} tries" if num_tries > 1 else ""
    return StorageError(
        f"{name}: the server does not give it{tries}: {_reason(error)}; check the address and the "
        "network, then run again: what is finished is kept"
    )


def changed(name: str) -> ObjectChangedError:
    """The object has another ETag than when it was opened."""
    return ObjectChangedError(
        f"{name}: the object changed on the server while it was read; run again when nothing writes to it"
    )


def without_ranges(name: str) -> StorageError:
    """The server would send everything."""
    return StorageError(
        f"{name}: the server does not answer requests for byte ranges, so all of it would be read; "
        "serve it from one that does (nginx, S3), or copy the image to a disk"
    )


_CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_SKIP_SIGNATURE=true for a public bucket",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true "
    "for a public container",
}
"""What lets us in, by the start of the URL."""


def refused(name: str, status: int, *, is_signed: bool) -> StorageError:
    """The server knows it but does not let us have it."""
    way_out = (
        "its signed link has expired or was never valid: make a new one and run again"
        if is_signed
        else _CREDENTIALS.get(name[:2], "a login is not sent to web servers: make a signed link")
    )
    return StorageError(f"{name}: the server refuses access (status {status}); {way_out}")


_SIGNS = (
    (("timed out", "kind: timeout", "timedout"), "no answer in time"),
    (("missingcontentlength",), "it does not say how long its answer is (no Content-Length)"),
    (("unexpectedrange",), "it sends other bytes than were asked for"),
    (("toomanyredirects",), "it is redirected in circles"),
    (("account must be specified",), "no account is named (AZURE_STORAGE_ACCOUNT_NAME)"),
    (("dns", "lookup address"), "there is no server of that name"),
    (("certificate", "tls", "ssl", "corrupt message"), "no safe connection (TLS) can be made"),
    (("connection refused",), "nothing listens there (connection refused)"),
    (
        ("incomplete", "unexpected eof", "end of file", "closed", "reset"),
        "the connection broke off",
    ),
)
"""Words in obstore's messages, and what they come to. The messages themselves hold addresses, which may be signed."""


def _reason(error: Exception) -> str:
    status = status_of(error)
    if status is not None:
        return f"status {status}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = re.sub(r"https?://\S+", "", str(error).lower())  # an address may hold any word
    found = [meaning for signs, meaning in _SIGNS if any(sign in text for sign in signs)]
    return found[0] if found else type(error).__name__
