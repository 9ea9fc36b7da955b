"""Images whose decoder kills its process: found out by who was in flight when a process died.

A segmentation fault inside a decoder ends the whole worker. The one trace it leaves is the marker of each image
that was in flight: a small file, written before the image is opened and removed when its rows are written. Whoever
is given an image that another process has marked knows that this process died with it. Many images were in flight
with the one that killed it, so each of them runs alone once: only a death with nothing else in flight proves
something. An image gets so many tries and no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass, replace

from pipeline.errors import ImageError, StorageError
from pipeline.image_record import ImageRecord
from pipeline.records.image_name import image_name
from pipeline.records.store.run_store import RunStore

MAX_DEATHS_ALONE = 2
"""Deaths with nothing else in flight that an image may cause. One could be a kill from outside."""
FOLDER = ".in_flight"
"""Where the markers lie, in the store of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is known of an image that a process has taken on."""

    holder: str
    """The process: no two have the same name, not even at different times."""
    is_alone: bool = False
    """Whether nothing else was in flight."""
    shared_deaths: int = 0
    """Processes that died with this and other images in flight, before this attempt."""
    deaths_alone: int = 0
    """Processes that died with only this image in flight, before this attempt."""

    @property
    def num_deaths(self) -> int:
        """Processes that died with this image in flight."""
        return self.shared_deaths + self.deaths_alone

    @property
    def is_suspect(self) -> bool:
        """Whether it may only run alone."""
        return self.num_deaths > 0

    @property
    def is_spent(self) -> bool:
        """Whether it has had all its tries."""
        return self.deaths_alone >= MAX_DEATHS_ALONE


def next_attempt(last: Attempt | None, *, holder: str, is_alone: bool) -> Attempt:
    """The attempt of a process that takes an image on, after the one that was found marked.

    A mark of another process means that it died: an image is with one process at a time, and its mark is removed
    when its rows are written.
    """
    if last is None:
        return Attempt(holder=holder, is_alone=is_alone)
    taken = replace(last, holder=holder, is_alone=is_alone)
    if last.holder == holder:
        return taken
    if last.is_alone:
        return replace(taken, deaths_alone=last.deaths_alone + 1)
    return replace(taken, shared_deaths=last.shared_deaths + 1)


def refusal(record: ImageRecord, attempt: Attempt) -> ImageError:
    """What is said of an image that has had all its tries."""
    return ImageError(
        f"{record.image_path}: reading it killed its process {attempt.num_deaths} times, "
        f"{attempt.deaths_alone} of them with no other image in flight; wanted a file that its decoder "
        "survives: look at it with the program that wrote it, write it again with another "
        "compression, or update the package of its codec; if it is only large, give its worker more memory"
    )


@dataclass(frozen=True, slots=True)
class Attempts:
    """The markers of a run, as one process sees them. Safe to use from many threads."""

    store: RunStore
    """Of the run."""
    holder: str
    """Name of this process."""

    def begin(self, record: ImageRecord, is_alone: bool) -> bool:
        """Take an image on. False: it is suspect and must run alone; it is not taken on yet.

        Raises:
            ImageError: if it has had all its tries.
        """
        attempt = next_attempt(self._read(record), holder=self.holder, is_alone=is_alone)
        if attempt.is_spent:
            raise refusal(record, attempt)
        if attempt.is_suspect and not is_alone:
            return False  # its mark stays as it is: a death before its turn is not its own
        with contextlib.suppress(
            OSError, StorageError
        ):  # then rows cannot be written either; that ends the run
            self.store.put(_marker(record), json.dumps(asdict(attempt)).encode())
        return True

    def end(self, record: ImageRecord) -> None:
        """The rows of an image are written."""
        with contextlib.suppress(
            OSError, StorageError
        ):  # a left-over matters only if this process dies
            self.store.remove(_marker(record))

    def _read(self, record: ImageRecord) -> Attempt | None:
        try:
            found = self.store.get(_marker(record))
        except (OSError, StorageError):
            return None
        return None if found is None else Attempt(**json.loads(found))


def attempts_of(store: RunStore) -> Attempts:
    """The markers in the directory of a run, for this process."""
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    return Attempts(store, name)


def clear_attempts(store: RunStore) -> None:
    """Forget everything; while no process works on the run."""
    store.clear(FOLDER)


def _marker(record: ImageRecord) -> str:
    return f"{FOLDER}/{image_name(record.sample_id)}"
