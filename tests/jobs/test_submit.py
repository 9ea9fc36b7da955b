"""foveate submit and `ray job submit` on a real cluster that asks for a token."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import pandas as pd
import pytest

from jobs.submit import entrypoint_of
from pipeline.errors import UsageError
from tests.image_files import slide
from tests.jobs.processes import ROOT, finished, started, wait_until
from tests.servers.ray_cluster import RAY, RayCluster, running

ON_RAY = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(600)]


class TestEntrypoint:
    def test_is_the_command_as_a_module(self) -> None:
        """What `ray job submit` is given by hand, with spaces and stars safe."""
        found = entrypoint_of(["classify", "s3://b/my slides/*.tif", "--out", "s3://b/o"])

        assert found == "python -m jobs.classify 's3://b/my slides/*.tif' --out s3://b/o"

    @pytest.mark.parametrize("command", [[], ["report", "x"], ["--out", "x"]])
    def test_refuses_what_is_no_job(self, command: list[str]) -> None:
        """A page is made at home; the message lists what can be submitted."""
        with pytest.raises(UsageError, match="wanted one of classify"):
            entrypoint_of(command)


class TestWrongUse:
    def test_nobody_there(self) -> None:
        """A dashboard that does not answer: status 2, the address and the way out."""
        arguments = ("submit", "--address", "http://127.0.0.1:9", "--", "classify", "a.tif")
        status, said = finished("jobs.cli", *arguments)

        assert status == 2
        assert "http://127.0.0.1:9: no job can be submitted there" in said
        assert "ray dashboard" in said


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head with two processors."""
    with running(num_cpus=2) as found:
        yield found


class TestOnACluster:
    pytestmark = ON_RAY

    def test_streams_the_log_and_ends_with_the_commands_status(
        self, cluster: RayCluster, tmp_path: Path
    ) -> None:
        """One good image and one that is none: both rows are there, the log is shown, the status is 3."""
        slide(tmp_path / "images/good.tif", 400, 400)
        (tmp_path / "images/bad.tif").write_bytes(b"no image")
        out = tmp_path / "out"
        command = ("classify", tmp_path / "images", "--model", "digits", "--out", out)
        status, said = finished(
            "jobs.cli", "submit", "--address", cluster.dashboard, "--", *command,
            environment=cluster.environment, limit_s=400,
        )  # fmt: skip

        assert status == 3, said
        assert "2 images: 1 ok, 0 degraded, 1 failed" in said
        assert sorted(pd.read_parquet(out / "predictions")["status"]) == ["failed", "ok"]

    def test_ray_job_submit_works_as_the_readme_says(
        self, cluster: RayCluster, tmp_path: Path
    ) -> None:
        """The long form, with the working directory uploaded."""
        slide(tmp_path / "good.tif", 400, 400)
        entrypoint = ["python", "-m", "jobs.classify", str(tmp_path / "good.tif")]
        asked = subprocess.run(
            [RAY, "job", "submit", "--address", cluster.dashboard, "--working-dir", ".", "--",
             *entrypoint, "--model", "digits", "--out", str(tmp_path / "out")],
            cwd=ROOT, env=dict(cluster.environment), capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip

        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert len(pd.read_parquet(tmp_path / "out/predictions")) == 1

    def test_without_the_token_nobody_is_let_in(self, cluster: RayCluster) -> None:
        """Status 2, and the message says how to send the token."""
        strange = {key: value for key, value in cluster.environment.items() if "AUTH" not in key}
        status, said = finished(
            "jobs.cli", "submit", "--address", cluster.dashboard, "--", "classify", "a.tif",
            environment={**strange, "HOME": "/nonexistent"},
        )  # fmt: skip

        assert status == 2, said
        assert "RAY_AUTH_MODE=token" in said

    def test_ctrl_c_stops_the_job(self, cluster: RayCluster, tmp_path: Path) -> None:
        """Status 130 here and the job stopped there; the same command again finishes with a row per image."""
        original = slide(tmp_path / "images/0.tif", 1400, 1400)
        for number in range(1, 12):
            os.link(original, tmp_path / f"images/{number}.tif")
        out = tmp_path / "out"
        options = ("--full-scan", "--in-flight", 2, "--set", "walk.foreground=valid")
        command = ("classify", tmp_path / "images", "--model", "digits", "--out", out, *options)
        arguments = ("jobs.cli", "submit", "--address", cluster.dashboard, "--", *command)
        with started(*arguments, environment=cluster.environment) as process:
            written = out / "predictions"
            wait_until(lambda: len(list(written.glob("*.parquet"))) >= 2, process, limit_s=200)
            process.send_signal(signal.SIGINT)
            said_out, said = process.communicate(timeout=60)

        assert process.returncode == 130, said_out + said
        assert "told to stop; submit the same command again" in said
        status, said = finished(*arguments, environment=cluster.environment, limit_s=300)
        assert status == 0, said
        assert len(pd.read_parquet(written)) == 12

    def test_prometheus_hears_of_looks_bytes_and_images(
        self, cluster: RayCluster, tmp_path: Path
    ) -> None:
        """While a job runs, the node's metrics hold our own, and finished images are counted by status."""
        original = slide(tmp_path / "images/1.tif", 1400, 1400)
        for number in range(2, 30):
            os.link(original, tmp_path / f"images/{number}.tif")
        (tmp_path / "images/0.tif").write_bytes(b"no image")
        options = ("--out", tmp_path / "out", "--full-scan", "--in-flight", 2)
        command = ("classify", tmp_path / "images", "--model", "digits", *options)
        arguments = ("jobs.cli", "submit", "--address", cluster.dashboard, "--", *command)
        wanted = (
            "ray_foveate_looks",
            "ray_foveate_bytes_read",
            "ray_foveate_images_in_flight",
            "ray_foveate_batch_fill",
            'status="ok"',
            'status="failed"',
        )
        with started(*arguments, environment=cluster.environment) as process:
            wait_until(lambda: not missing(cluster, wanted), process, limit_s=300)


def missing(cluster: RayCluster, names: Sequence[str]) -> list[str]:
    """Which of these the node's metrics do not hold."""
    try:
        with urlopen(f"http://127.0.0.1:{cluster.metrics_port}/metrics", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if "foveate" in line]
    except OSError:  # not up yet
        return list(names)
    text = "\n".join(lines)
    return [name for name in names if name not in text]
