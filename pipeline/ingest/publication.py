"""A result that is there as a whole or not at all: written under a hidden name, renamed when it is finished."""

from __future__ import annotations

import fcntl
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import zarr

from pipeline.errors import UsageError
from pipeline.ingest.codec import ChunkCodec
from pipeline.ingest.metadata import axis_names
from pipeline.ingest.origin import read_origin
from pipeline.ingest.plan import CHUNK_PX, IngestPlan

MAX_NAME_BYTES = 200


def result_path(out: Path, sample_id: str) -> Path:
    """Where the result of an image lies.

    Raises:
        UsageError: if its id is no file name.
    """
    name = quote(sample_id, safe=" ()[]+,;=@#&~!$'")  # an id may be a whole path
    if len(name) > MAX_NAME_BYTES:
        raise UsageError(
            f"sample_id {sample_id!r}: {len(name)} bytes as a file name, at most {MAX_NAME_BYTES}; "
            "give it a shorter id in a manifest"
        )
    return out / f"{name}.ome.zarr"


class Publication:
    """A directory to write into, and its way to the final name. A context manager that keeps others out.

    Raises:
        UsageError: if another process is writing the same result.
        OSError: if the disk does not take it.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.partial = final.with_name(f".{final.name}.partial")
        self._discarded = final.with_name(f".{final.name}.discarded")
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.final.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.final.with_name(f".{self.final.name}.lock"), os.O_CREAT | os.O_RDWR)
        try:
            # Ends with its process, also a killed one.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(lock).st_nlink:
                raise BlockingIOError("its holder is removing it")
        except OSError as error:
            os.close(lock)
            raise UsageError(
                f"{self.final}: another ingest is writing it; wait for that one"
            ) from error
        self._lock = lock
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self.final.with_name(f".{self.final.name}.lock").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def begin(
        self,
        plan: IngestPlan,
        codec: ChunkCodec,
        attributes: Mapping[str, Any],
    ) -> bool:
        """Make the partial result ready; True if it is one of a killed ingest of the same image."""
        if read_origin(self.partial) == attributes["foveate"]["ingest"]:
            for rest in self.partial.glob(".shard-*"):
                rest.unlink()
            return True
        shutil.rmtree(self.partial, ignore_errors=True)
        for index in range(len(plan.levels)):
            _create_array(self.partial, plan, codec, index)
        # Last: only a partial result with all of its arrays has an origin.
        group = zarr.open_group(str(self.partial), mode="a", zarr_format=3)
        group.attrs.update(attributes)
        return False

    def publish(self) -> None:
        """Give the finished result its name; one that was there before goes.

        The name outlives a power cut, so what it stands for must be on the disk before.
        """
        with warnings.catch_warnings():
            # Not in the specification yet, but written by zarr itself: a far reader opens all levels at once.
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(str(self.partial), zarr_format=3)
        for path in (*self.partial.rglob("*"), self.partial):
            _settle(path)
        if self.final.exists():
            shutil.rmtree(self._discarded, ignore_errors=True)
            self.final.rename(self._discarded)
        self.partial.rename(self.final)
        _settle(self.final.parent)
        shutil.rmtree(self._discarded, ignore_errors=True)


def _settle(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create_array(store: Path, plan: IngestPlan, codec: ChunkCodec, index: int) -> None:
    level = plan.levels[index]
    sides = (CHUNK_PX, CHUNK_PX)
    shape: tuple[int, ...] = (level.height, level.width)
    chunks: tuple[int, ...] = sides
    shards: tuple[int, ...] = (level.shard_height, level.shard_width)
    if plan.num_bands > 1:
        shape, chunks = (plan.num_bands, *shape), (plan.bands_per_chunk, *chunks)
        in_bands = -(-plan.num_bands // plan.bands_per_chunk) * plan.bands_per_chunk
        shards = (in_bands, *shards)
    zarr.create_array(
        str(store / str(index)),
        shape=shape,
        chunks=chunks,
        shards=shards,
        dtype=plan.dtype,
        fill_value=plan.fill_value,
        dimension_names=axis_names(plan),
        **codec.array_options,
    )
