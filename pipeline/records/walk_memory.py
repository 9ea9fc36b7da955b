"""Remembered walks in the store of a run, one small file each: arrays and JSON, so that reading one runs no code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.images.tile import TileKey
from pipeline.records.image_name import image_name
from pipeline.records.store.run_store import RunStore
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.fingerprint import Fingerprint
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.remembered_walk import RememberedLook, RememberedWalk

FOLDER = ".walks"
"""Where they lie, in the store of the run."""


@dataclass(frozen=True, slots=True)
class WalkMemory:
    """The remembered walks of a run. Safe to use from many threads."""

    store: RunStore
    """Of the run."""

    def keep(self, sample_id: str, walk: RememberedWalk) -> None:
        """Write one, atomically."""
        self.store.put(_name(sample_id), encoded(walk))

    def recall(self, sample_id: str) -> RememberedWalk | None:
        """Read one; None where there is none."""
        found = self.store.get(_name(sample_id))
        return None if found is None else decoded(found)

    def forget(self, sample_id: str) -> None:
        """None there is no error."""
        self.store.remove(_name(sample_id))


def encoded(walk: RememberedWalk) -> bytes:
    """As the bytes of an .npz file."""
    texts = {
        "fingerprint": asdict(walk.fingerprint),
        "header": asdict(walk.header),
        "failed_looks": [[*position, text] for position, text in walk.failed_looks.items()],
        "failed_tiles": [[*key, text] for key, text in walk.failed_tiles.items()],
    }
    arrays: dict[str, NDArray[Any]] = {
        "texts": np.frombuffer(json.dumps(texts).encode(), np.uint8),
        "positions": _rows(walk.looks, 3),
        **_packed(list(walk.looks.values())),
        "tiles": _rows(walk.tiles, 3),
        "costs": np.array([astuple(one) for one in walk.tiles.values()], np.float64),
        "opening_tiles": _rows(walk.opening_tiles, 3),
    }
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _packed(looks: Sequence[RememberedLook]) -> dict[str, NDArray[Any]]:
    """A row per look; what the model said end to end, with its lengths."""
    kept = [look.observation.kept for look in looks]
    cells = [look.observation.cell_log_probs for look in looks]
    levels = [look.observation.level_scores for look in looks]
    nothing = np.zeros(0, np.float32)
    return {
        "regions": _rows((astuple(look.region) for look in looks), 4),
        "reads": _rows(((look.level, look.num_failed_tiles) for look in looks), 2),
        "kept": np.concatenate([nothing, *kept]),
        "cells": np.concatenate([nothing, *cells]),
        "levels": np.concatenate([nothing, *levels]),
        "sizes": _rows((map(len, said) for said in zip(kept, cells, levels, strict=True)), 3),
    }


def decoded(content: bytes) -> RememberedWalk:
    """Back again."""
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        found = dict(arrays)
    texts = json.loads(found["texts"].tobytes())
    return RememberedWalk(
        fingerprint=Fingerprint(**texts["fingerprint"]),
        header=Acquisition(**texts["header"]),
        looks=_looks(found),
        failed_looks={Position(*row[:3]): row[3] for row in texts["failed_looks"]},
        tiles={
            key: _cost(row)
            for key, row in zip(_keys(found["tiles"]), found["costs"].tolist(), strict=True)
        },
        failed_tiles={TileKey(*row[:3]): row[3] for row in texts["failed_tiles"]},
        opening_tiles=frozenset(_keys(found["opening_tiles"])),
    )


def _looks(found: Mapping[str, NDArray[Any]]) -> dict[Position, RememberedLook]:
    ends = found["sizes"].cumsum(axis=0)[:-1]  # (L - 1, 3)
    said = zip(  # of no looks np.split makes one that says nothing; `rows` is then empty
        *(
            np.split(found[name], ends[:, at])
            for at, name in enumerate(("kept", "cells", "levels"))
        ),
        strict=True,
    )
    names = ("positions", "regions", "reads")
    rows = zip(*(found[name].tolist() for name in names), strict=True)
    return {
        Position(*position): RememberedLook(
            region=Region(*region),
            observation=Observation(*observed),
            level=read[0],
            num_failed_tiles=read[1],
        )
        for (position, region, read), observed in zip(rows, said, strict=False)
    }


def _rows(rows: Iterable[Iterable[int]], width: int) -> NDArray[np.int64]:
    """(N, width)."""
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, width)


def _keys(rows: NDArray[np.int64]) -> list[TileKey]:
    return [TileKey(*row) for row in rows.tolist()]


def _cost(row: list[float]) -> Acquisition:
    """Counts are whole; only the seconds are not."""
    *counts, seconds = row
    requested, gap, index, transferred, requests = (int(count) for count in counts)
    return Acquisition(
        requested_bytes=requested,
        gap_bytes=gap,
        index_bytes=index,
        transferred_bytes=transferred,
        num_requests=requests,
        seconds=seconds,
    )


def _name(sample_id: str) -> str:
    return f"{FOLDER}/{image_name(sample_id)}.npz"
