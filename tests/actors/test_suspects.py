"""Images that may only run alone, in the engine: threads and real reads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from actors.engine import Engine
from actors.engine_config import EngineConfig
from actors.model_directory import open_model
from actors.model_loading import load_runner
from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.records.result import Failure, ImageResult, Prediction
from pipeline.walk.allowance import Allowance
from tests.image_files import slide

SUSPECTS = {"s1", "s4", "s5"}


class Watch:
    """Admits as the markers would, and keeps who was in flight with whom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.in_flight: set[str] = set()
        self.company: dict[str, set[str]] = {}

    def admit(self, record: ImageRecord, _: Allowance, is_alone: bool) -> bool:
        name = record.sample_id
        if name == "spent":
            raise ImageError("it has had its tries")
        if name in SUSPECTS and not is_alone:
            return False
        with self._lock:
            self.company[name] = set(self.in_flight)
            for other in self.in_flight:
                self.company[other].add(name)
            self.in_flight.add(name)
        return True

    def written(self, result: ImageResult) -> None:
        with self._lock:
            self.in_flight.discard(result.outcome.record.sample_id)


class TestSuspects:
    @pytest.mark.parametrize("images_in_flight", [1, 4, 32])
    def test_nothing_is_in_flight_beside_a_suspect(
        self, tmp_path: Path, images_in_flight: int
    ) -> None:
        """From its opening until it is written a suspect is alone; everybody gets a result."""
        model = open_model("digits")
        watch = Watch()
        records = [
            ImageRecord(
                sample_id=f"s{i}", image_path=str(slide(tmp_path / f"{i}.tif", 400, 400, seed=i))
            )
            for i in range(8)
        ]
        spent = ImageRecord(sample_id="spent", image_path="spent.tif")
        with Engine(
            model.config.plan,
            load_runner(model, num_threads=2),
            EngineConfig(images_in_flight=images_in_flight),
            sink=watch.written,
            admit=watch.admit,
        ) as engine:
            results = {
                r.outcome.record.sample_id: r.outcome for r in engine.classify([spent, *records])
            }

        assert {name for name, one in results.items() if isinstance(one, Prediction)} == {
            record.sample_id for record in records
        }
        assert isinstance(results["spent"], Failure)
        assert results["spent"].error == "it has had its tries"
        for name in SUSPECTS:
            assert watch.company[name] == set()
