"""Images classified in this process by a model without weights, so that only reading is put to the test."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actors.engine import Engine
from actors.engine_config import EngineConfig
from pipeline.image_record import ImageRecord
from pipeline.images.input_spec import InputSpec
from pipeline.images.opening import open_source
from pipeline.images.source import Source
from pipeline.images.tile import TileAnswer, TileKey
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import ImageResult, Prediction, conclude
from pipeline.records.tables import tables_of
from pipeline.storage.acquisition import Acquisition
from pipeline.walk.config import WalkConfig
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.opening import open_image_walk
from pipeline.walk.root_scan import unscored
from pipeline.walk.walk import walk
from pipeline.walk.walk_plan import WalkPlan

GRID = 3
KEY = TileKey(0, 1, 1)
CLASSES = ("red", "green", "blue")
_COLUMNS = ("requested_bytes", "gap_bytes", "index_bytes", "transferred_bytes")
PLAN = WalkPlan(
    spec=InputSpec(base_px=48),
    walk=WalkConfig(grid=GRID, cell_fraction=0.5, selection="best_first", wave=4, budget=24),
)


class BrightnessModel:
    """Looks where it is bright; its classes are the bands' means. To the last bit the same everywhere."""

    batch_size = 4
    num_lanes = 1

    def look(
        self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
    ) -> list[Observation]:
        """One window after another."""
        assert len(windows) == len(positions)
        return [_observed(window) for window in windows]

    score_roots = staticmethod(unscored)

    def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mean of all looks so far, as probabilities."""
        counts = np.arange(1, len(kept) + 1)[:, None]
        means = np.exp(np.cumsum(kept.astype(np.float64), axis=0) / counts)  # (L, K)
        return _shares(means)

    def alone(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
        """Each look's own."""
        return _shares(np.exp(kept.astype(np.float64)))


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = values / values.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True, slots=True)
class Reference:
    """One image, read from the disk by `walk`, one look after another."""

    result: ImageResult
    """What came out."""
    tiles: frozenset[TileKey]
    """All that its looks show."""


def reference(path: Path) -> Reference:
    """What any other way of reading must come to."""
    record = ImageRecord(sample_id=path.name, image_path=str(path))
    model = BrightnessModel()
    image = open_image_walk(record, PLAN, combine=model.combine, cache=TileCache(2**24))
    walk(image, model)
    result = conclude(image, model, time.perf_counter())
    traces = [image.trace(look.glimpse) for look in image.traversal.looks]
    shown = frozenset(key for trace in traces for key in trace.plan.tiles)
    image.close()
    return Reference(result, shown)


def classified(*uris: str, read_timeout_s: float = 20.0) -> dict[str, ImageResult]:
    """All of them at once by the engine, by URL."""
    records = [ImageRecord(sample_id=uri, image_path=uri) for uri in uris]
    config = EngineConfig(num_readers=4, read_timeout_s=read_timeout_s)
    with Engine(PLAN, BrightnessModel(), config) as engine:
        return {one.outcome.record.sample_id: one for one in engine.classify(records)}


def cost_of(result: ImageResult) -> Acquisition:
    """The sums over an image's rows of the ledger, as they are written; without times."""
    rows = tables_of(result, CLASSES)["ledger"].to_pydict()
    sums = {name: sum(rows[name]) for name in _COLUMNS}
    return Acquisition(num_requests=sum(rows["requests"]), **sums)


def answer_of(result: ImageResult) -> tuple[object, ...]:
    """What was concluded and from which looks; nothing of what it cost."""
    assert isinstance(result.outcome, Prediction), result.outcome
    looks = [(row.glimpse, row.level, row.confidence_so_far, row.status) for row in result.glimpses]
    return (result.outcome.probabilities.tolist(), result.outcome.stop_reason, looks)


def _observed(window: NDArray[np.float32]) -> Observation:
    side = window.shape[1] // GRID
    cells = window.reshape(3, GRID, side, GRID, side).mean(axis=(0, 2, 4))  # (GRID, GRID)
    scores = np.exp(20 * cells.reshape(-1).astype(np.float64))  # (G,)
    kept = window.mean(axis=(1, 2)).astype(np.float32)  # (3,)
    return Observation(kept, np.log(scores / scores.sum()).astype(np.float32))


@contextmanager
def opened(uri: str) -> Iterator[Source]:
    """An open image."""
    source = open_source(uri)
    try:
        yield source
    finally:
        source.close()


def answer(source: Source) -> TileAnswer:
    """Of one tile."""
    [found] = source.read_tiles([KEY])
    return found
