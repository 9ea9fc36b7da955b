"""foveate train as a person runs it: real processes, real Ray Train, real kills."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import yaml

from actors.training.figures import EpochFigures, read_figures
from tests.actors.training.archive import make_archive, small_config
from tests.jobs.processes import finished, started, table, wait_until


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough images for epochs that last a second."""
    return make_archive(tmp_path_factory.mktemp("train") / "archive", num_train=64)


def config_file(directory: Path, manifest: Path, **changes: object) -> Path:
    """A config on disk."""
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(small_config(manifest, **changes)))
    return path


def curve(out: Path) -> list[EpochFigures]:
    """What a run said of its epochs, but for how long they took."""
    return [replace(one, seconds=0.0) for one in read_figures(out)]


def has_epochs(out: Path, count: int) -> bool:
    """Whether so many epochs are done and the next one is under way."""
    log = out / "training.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    done = sum('"kind": "epoch"' in line for line in lines)
    return done >= count and '"kind": "step"' in lines[-1]


@pytest.mark.timeout(300)
class TestInProcess:
    def test_a_killed_run_goes_on_to_the_same_curve(self, manifest: Path, tmp_path: Path) -> None:
        """SIGKILL in the second epoch, the same command again: losses and accuracies are those of a run in peace."""
        config = config_file(tmp_path, manifest)
        command = ("jobs.cli", "train", config, "--in-process", "--out")
        status, said = finished(*command, tmp_path / "peace")
        assert status == 0, said
        with started(*command, tmp_path / "killed") as process:
            wait_until(lambda: has_epochs(tmp_path / "killed", 1), process, limit_s=150)
            process.kill()
        status, said = finished(*command, tmp_path / "killed")

        assert status == 0
        assert "resuming" in said
        assert curve(tmp_path / "killed") == curve(tmp_path / "peace")

    def test_other_settings_are_refused(self, manifest: Path, tmp_path: Path) -> None:
        """A directory is taken up with the settings it was begun with; what differs is named, with status 2."""
        one = small_config(manifest, stages=[{"epochs": 1}])
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(one))
        command = ("jobs.cli", "train", path, "--in-process", "--out", tmp_path / "out")
        assert finished(*command)[0] == 0
        path.write_text(yaml.safe_dump(one | {"batch_size": 5}))
        status, said = finished(*command)

        assert status == 2
        assert "batch_size" in said

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"batch_sise": 3}, "is 'batch_size' meant?"),
            ({"data": {"manifest": "none.csv"}}, "none.csv"),
            ({"data": {"manifest": "MANIFEST", "train": "learn"}}, "no row has split 'learn'"),
            ({"workers": 99}, "workers is 99"),
        ],
    )
    def test_wrong_use_ends_with_status_2_and_writes_nothing(
        self, manifest: Path, tmp_path: Path, change: dict[str, object], message: str
    ) -> None:
        """A bad config is told in one line before Ray or a directory is touched."""
        text = yaml.safe_dump(small_config(manifest, **change)).replace("MANIFEST", str(manifest))
        (tmp_path / "config.yaml").write_text(text)
        status, said = finished(
            "jobs.cli", "train", tmp_path / "config.yaml", "--out", tmp_path / "out"
        )

        assert status == 2
        assert message in " ".join(said.split())
        assert "Traceback" not in said
        assert not (tmp_path / "out").exists()


def train_workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that learn."""
    family = psutil.Process(process.pid).children(recursive=True)
    return [one for one in family if "RayTrainWorker" in " ".join(one.cmdline())]


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(400)
class TestOnRay:
    def test_two_workers_one_killed(self, manifest: Path, tmp_path: Path) -> None:
        """Ray starts the workers again, they go on from the checkpoint, and the curve is that of a run in peace."""
        stages = [{"epochs": 2, "exploration": {"blob_share": 1.0}}, {"epochs": 2}]
        config = config_file(tmp_path, manifest, workers=2, stages=stages)
        command = ("jobs.cli", "train", config, "--out")
        status, said = finished(*command, tmp_path / "peace")
        assert status == 0, said
        with started(*command, tmp_path / "killed") as process:
            wait_until(lambda: has_epochs(tmp_path / "killed", 1), process)
            train_workers(process)[-1].kill()
            _, said = process.communicate(timeout=150)
            assert process.returncode == 0, said

        assert [one.epoch for one in curve(tmp_path / "killed")] == [0, 1, 2, 3]
        assert curve(tmp_path / "killed") == curve(tmp_path / "peace")

    def test_classify_takes_the_model(self, manifest: Path, tmp_path: Path) -> None:
        """A trained directory classifies the test split, without any warning that it is untrained."""
        config = config_file(tmp_path, manifest, stages=[{"epochs": 1}])
        assert (
            finished("jobs.cli", "train", config, "--in-process", "--out", tmp_path / "out")[0] == 0
        )
        status, said = finished(
            *("jobs.cli", "classify", manifest, "--model", tmp_path / "out/model"),
            *("--out", tmp_path / "results", "--budget", 3),
        )

        assert status == 0, said
        assert "UNTRAINED" not in said
        assert (table(tmp_path / "results", "predictions").num_glimpses == 3).all()
