"""The engine against the reference: many images at once, in threads, must be what walk() does alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from actors import image_tasks
from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import ModelDirectory, open_model
from actors.model_loading import load_runner
from actors.model_runner import ModelRunner
from pipeline.errors import TileReadError
from pipeline.image_record import ImageRecord
from pipeline.images.opening import open_source
from pipeline.images.tiff.source import TiffSource
from pipeline.images.tile import TileAnswer, TileKey
from pipeline.records.result import Failure, ImageResult, Prediction
from pipeline.walk.glimpse import Observation, Position
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.root_scan import unscored
from tests.image_files import slide
from tests.reference_walk import reference

CHANGES = {
    "best_first": {"walk.budget": 7},
    "top_k": {"walk.selection": "top_k", "walk.looks_per_region": [2, 2, 1], "walk.budget": None},
    "full_scan": {"walk.selection": "full_scan", "walk.budget": None},
    "tissue_roots": {"walk.roots": "grid", "walk.root_downsample": 3, "walk.foreground": "tissue"},
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> list[ImageRecord]:
    """Nine small slides, all different."""
    directory = tmp_path_factory.mktemp("archive")
    return [
        ImageRecord(
            sample_id=f"s{i}",
            image_path=str(slide(directory / f"{i}.tif", 400 + 60 * i, 700, seed=i)),
        )
        for i in range(9)
    ]


@pytest.fixture(scope="module")
def model() -> ModelDirectory:
    """The model that ships."""
    return open_model("digits")


@pytest.fixture(scope="module")
def runner(model: ModelDirectory) -> ModelRunner:
    """Its network."""
    return load_runner(model, num_threads=2)


def facts(result: ImageResult) -> tuple[object, ...]:
    """All of a result but its times."""
    assert isinstance(result.outcome, Prediction)
    return (
        result.outcome.probabilities.tolist(),
        result.outcome.stop_reason,
        result.outcome.bytes_read,
        result.glimpses,
        [replace(cost, acquisition=replace(cost.acquisition, seconds=0)) for cost in result.ledger],
    )


class TestEngine:
    @pytest.mark.parametrize("changes", CHANGES)
    @pytest.mark.parametrize(
        "config", [EngineConfig(), EngineConfig(images_in_flight=3, num_readers=1)]
    )
    def test_equals_the_reference(
        self,
        archive: list[ImageRecord],
        model: ModelDirectory,
        runner: ModelRunner,
        changes: str,
        config: EngineConfig,
    ) -> None:
        """Looks, predictions to the last bit, bytes and ledger equal those of walk(), whatever runs beside."""
        plan = model.with_changes(CHANGES[changes]).config.plan
        with Engine(plan, runner, config) as engine:
            results = {r.outcome.record.sample_id: r for r in engine.classify(archive)}

        assert len(results) == len(archive)
        for record in archive[:4]:
            assert facts(results[record.sample_id]) == facts(reference(record, plan, runner))

    @pytest.mark.parametrize("changes", CHANGES)
    def test_the_last_look_has_cost_what_the_ledger_says(
        self, archive: list[ImageRecord], model: ModelDirectory, runner: ModelRunner, changes: str
    ) -> None:
        """Running costs grow from look to look and end at the sums of the ledger."""
        plan = model.with_changes(CHANGES[changes]).config.plan
        # Tiles that only the search for tissue read belong to the ledger, and to no look.
        plan = replace(plan, walk=replace(plan.walk, foreground="none"))
        result = reference(archive[3], plan, runner)
        costs = [row.cost_so_far for row in result.glimpses]
        native = [cost for cost in result.ledger if cost.level == 0]

        for name in ("transferred_bytes", "requested_bytes", "requests", "tiles", "pixels"):
            values = [getattr(cost, name) for cost in costs]
            assert values == sorted(values)
        last = costs[-1]
        assert last.transferred_bytes == sum(c.acquisition.transferred_bytes for c in result.ledger)
        assert last.requested_bytes == sum(c.acquisition.requested_bytes for c in result.ledger)
        assert last.requests == sum(c.acquisition.num_requests for c in result.ledger)
        assert last.tiles == sum(c.tiles_read for c in result.ledger)
        assert last.pixels == sum(c.pixels_read for c in result.ledger)
        assert last.native_pixels == sum(c.pixels_read for c in native)

    def test_one_bad_image_harms_no_other(
        self, archive: list[ImageRecord], model: ModelDirectory, runner: ModelRunner, tmp_path: Path
    ) -> None:
        """Missing, broken and too small images fail with their reason; the others are classified."""
        (tmp_path / "broken.tif").write_bytes(b"II*\0 and then nothing that makes sense")
        small = slide(tmp_path / "small.tif", 40, 40)
        bad = [
            ImageRecord(sample_id="gone", image_path=str(tmp_path / "gone.tif")),
            ImageRecord(sample_id="broken", image_path=str(tmp_path / "broken.tif")),
            ImageRecord(sample_id="small", image_path=str(small)),
        ]
        with Engine(model.config.plan, runner, EngineConfig()) as engine:
            results = {
                r.outcome.record.sample_id: r.outcome for r in engine.classify([*bad, *archive])
            }
        failures = {name: r.error for name, r in results.items() if isinstance(r, Failure)}

        assert set(failures) == {"gone", "broken", "small"}
        assert "No such file" in failures["gone"]
        assert "there is nothing to zoom into" in failures["small"]

    def test_a_corrupt_tile_degrades_its_image(
        self, model: ModelDirectory, runner: ModelRunner, tmp_path: Path
    ) -> None:
        """Every tile of a corner of the finest level is broken: the walk goes around it and says so."""
        path = slide(tmp_path / "a.tif")
        with path.open("r+b") as raw:
            source = open_source(str(path))
            assert isinstance(source, TiffSource)
            plane = source._structure.planes[0][0]
            for index in range(0, len(plane.offsets), 2):
                raw.seek(int(plane.offsets[index]))
                raw.write(b"\0" * int(plane.byte_counts[index]))
        record = ImageRecord(sample_id="a", image_path=str(path))
        plan = model.with_changes({"walk.budget": 12}).config.plan
        with Engine(plan, runner, EngineConfig()) as engine:
            [result] = engine.classify([record])

        assert isinstance(result.outcome, Prediction)
        assert result.outcome.status == "degraded"
        assert result.outcome.error is not None
        assert "could not be read" in result.outcome.error
        assert {row.status for row in result.glimpses} & {"failed", "partial"}
        assert facts(result)[:4] == facts(reference(record, plan, runner))[:4]

    def test_silent_storage_costs_its_timeout_once(
        self,
        archive: list[ImageRecord],
        model: ModelDirectory,
        runner: ModelRunner,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """An image whose storage never answers fails after the timeout; the others do not wait for it."""
        never = threading.Event()
        stuck = archive[4].image_path
        read_tiles = TiffSource.read_tiles

        def stalling(self: TiffSource, keys: Sequence[TileKey]) -> Iterator[TileAnswer]:
            if self.pyramid.uri == stuck:
                never.wait()
            return read_tiles(self, keys)

        monkeypatch.setattr(TiffSource, "read_tiles", stalling)
        started = time.monotonic()
        config = EngineConfig(num_readers=2, read_timeout_s=1.0)
        with Engine(model.config.plan, runner, config) as engine:
            results = [result.outcome for result in engine.classify(archive)]
        never.set()
        [failure] = [outcome for outcome in results if isinstance(outcome, Failure)]

        assert failure.record.image_path == stuck
        assert "did not answer within 1 s" in failure.error
        assert time.monotonic() - started < 10

    def test_unexpected_errors_stay_with_their_image(
        self,
        archive: list[ImageRecord],
        model: ModelDirectory,
        runner: ModelRunner,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A mistake of our own in reading one image is that image's error, and asks to be reported."""
        original = ImageWalk.read

        def failing(self: ImageWalk, glimpse: object) -> object:
            if self.record.sample_id == "s2":
                raise ZeroDivisionError("oh")
            return original(self, glimpse)  # type: ignore[arg-type]  # passed on as it came

        monkeypatch.setattr(ImageWalk, "read", failing)
        with Engine(model.config.plan, runner, EngineConfig()) as engine:
            results = {r.outcome.record.sample_id: r.outcome for r in engine.classify(archive)}
        failures = [outcome for outcome in results.values() if isinstance(outcome, Failure)]

        assert [failure.record.sample_id for failure in failures] == ["s2"]
        assert "unexpected ZeroDivisionError" in failures[0].error
        assert len(results) == len(archive)

    def test_a_broken_model_fails_every_image(
        self, archive: list[ImageRecord], model: ModelDirectory
    ) -> None:
        """When the model itself breaks, everybody who waits hears of it, and closing does not hang."""

        class Broken:
            batch_size = 4
            num_lanes = 2

            def look(
                self, windows: Sequence[NDArray[np.float32]], positions: Sequence[Position]
            ) -> list[Observation]:
                raise RuntimeError(f"out of memory on {len(windows)} windows at {positions[0]}")

            score_roots = staticmethod(unscored)

            def combine(self, kept: NDArray[np.float32]) -> NDArray[np.float64]:
                return kept.astype(np.float64)

            alone = combine

        with Engine(model.config.plan, Broken(), EngineConfig()) as engine:
            promises = [engine.submit(record) for record in archive]
            for promise in promises:
                with pytest.raises(RuntimeError, match="out of memory"):
                    promise.result(timeout=20)

    def test_results_are_written_before_they_are_told(
        self, archive: list[ImageRecord], model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """Whoever hears of a result finds it written."""
        written: list[str] = []
        with Engine(
            model.config.plan,
            runner,
            EngineConfig(),
            sink=lambda result: written.append(result.outcome.record.sample_id),
        ) as engine:
            for result in engine.classify(archive):
                assert result.outcome.record.sample_id in written

        assert len(written) == len(archive)

    def test_results_that_cannot_be_written_break_the_run(
        self, archive: list[ImageRecord], model: ModelDirectory, runner: ModelRunner
    ) -> None:
        """A full disk is not an image's failure; it is told to the caller."""

        def full(_: ImageResult) -> None:
            raise OSError(28, "No space left on device")

        with (
            Engine(model.config.plan, runner, EngineConfig(), sink=full) as engine,
            pytest.raises(OSError, match="No space left"),
        ):
            list(engine.classify(archive))

    def test_errors_of_tiles_are_told_as_they_are(self) -> None:
        """Our own errors are not wrapped; others are named with their type and the file."""
        record = ImageRecord(sample_id="a", image_path="a.tif")

        assert str(image_tasks._told(record, TileReadError("tile 3 is gone"))) == "tile 3 is gone"
        assert "a.tif: unexpected KeyError" in str(image_tasks._told(record, KeyError("x")))
