"""Images to ingest on a cluster whose workers die; a stand-in for Ray says when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import WorkerCrashedError

from actors.ingest_tasks import ingest_on_ray
from pipeline.ingest.ingest import IngestTask
from pipeline.ingest.settings import IngestSettings
from tests.conftest import picture
from tests.pipeline.ingest.results import write


class Remote:
    """Runs a task when its result is asked for; images called `deadly` kill the worker."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work

    def remote(self, sample_id: str, task: IngestTask, num_threads: int) -> Callable[[], Any]:
        def result() -> Any:
            if sample_id == "deadly":
                raise WorkerCrashedError
            return self._work(sample_id, task, num_threads)

        return result


def _results(refs: Any) -> Any:
    return [ref() for ref in refs] if isinstance(refs, list) else refs()


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(ray, "remote", lambda **_: Remote)
    monkeypatch.setattr(ray, "wait", lambda refs: (refs[:1], refs[1:]))
    monkeypatch.setattr(ray, "get", _results)


class TestOnRay:
    def test_an_image_that_kills_workers_harms_no_other(self, tmp_path: Path) -> None:
        """It has failed, by its name, and those after it are ingested."""
        path = write(tmp_path / "a.tif", picture(300, 300), photometric="rgb")
        tasks = [
            (name, IngestTask(uri=str(path), final=tmp_path / name, settings=IngestSettings()))
            for name in ("first", "deadly", "last")
        ]
        receipts = {one.sample_id: one for one in ingest_on_ray(tasks, 2)}

        assert receipts["first"].ingested is not None
        assert receipts["last"].ingested is not None
        assert receipts["deadly"].ingested is None
        assert f"{path}: every worker that took it up ended" in str(receipts["deadly"].problem)
