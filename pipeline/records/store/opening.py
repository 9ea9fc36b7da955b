"""From what a person writes after --out to the store of a run."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.records.store.bucket_store import BucketStore
from pipeline.records.store.disk_store import DiskStore
from pipeline.records.store.run_store import RunStore
from pipeline.storage.place import BUCKET_SCHEMES, is_far, local_path, shown


def store_at(place: str) -> RunStore:
    """A path, or the URL of a prefix in a bucket.

    Raises:
        UsageError: if nothing can be written there.
    """
    if not is_far(place):
        return DiskStore(local_path(place).absolute())
    scheme, _, rest = place.partition("://")
    if scheme.lower() not in BUCKET_SCHEMES or not rest.strip("/") or "?" in rest or "@" in rest:
        raise UsageError(
            f"--out {shown(place)}: cannot be written to; wanted a directory, or a bucket as s3://BUCKET/PREFIX, "
            "gs:// or az://, with credentials in the environment"
        )
    return BucketStore(place.rstrip("/"))


def directory_at(place: str, command: str) -> Path:
    """A path, for commands that write pages and pictures beside the tables.

    Raises:
        UsageError: if it is a URL of a server.
    """
    if is_far(place):
        raise UsageError(
            f"{shown(place)}: foveate {command} works on a disk; copy the run there first (aws s3 sync, "
            "gsutil rsync), or give a directory"
        )
    return local_path(place).absolute()
