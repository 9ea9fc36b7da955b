"""All odd, hostile and broken files of the public sets in one run, as a user with a messy archive would have it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import pandas as pd
import psutil
import pytest

from tests.conftest import SHARED
from tests.jobs.processes import started, table
from tests.worker_processes import worker_processes

pytestmark = [
    pytest.mark.shared,
    pytest.mark.ray,
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(180),
]

ODD_FILES = SHARED / "odd_files"
MAX_WORKER_BYTES = 2 * 2**30
NO_IMAGES = ("EXPECT.tsv", "ORIGIN.md")
"""They describe the others."""


def all_files() -> list[Path]:
    """Every file of the set, whatever it is called."""
    return sorted(
        path for path in ODD_FILES.rglob("*") if path.is_file() and path.name not in NO_IMAGES
    )


class PeakWatch:
    """Looks at the workers of a command again and again for the most memory that one of them ever had."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = psutil.Process(process.pid)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._is_over = False
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over:
            peaks = [_peak_bytes(one) for one in worker_processes(self._process)]
            self.peak_bytes = max([self.peak_bytes, *peaks])
            time.sleep(0.1)


def _peak_bytes(process: psutil.Process) -> int:
    """The kernel remembers it, so nothing is missed between two looks; 0 of a process that has just ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def run(directory: Path) -> tuple[int, str, int, pd.DataFrame]:
    """Status, what was said, peak memory of a worker, and the rows of one run over all of them."""
    manifest = directory / "manifest.csv"
    rows = [
        {"sample_id": str(path.relative_to(ODD_FILES)), "image_path": path} for path in all_files()
    ]
    pd.DataFrame(rows).to_csv(manifest, index=False)
    out = directory / "out"
    with (
        started("jobs.cli", "classify", manifest, "--model", "digits", "--out", out) as process,
        PeakWatch(process) as watch,
    ):
        said = "".join(process.communicate(timeout=150))
    return process.returncode, said, watch.peak_bytes, table(out, "predictions")


class TestOddFiles:
    def test_each_has_its_row(self, tmp_path: Path) -> None:
        """A row each and status 3: no crash, no hang, bounded memory, and every error with file and way out."""
        status, said, peak_bytes, rows = run(tmp_path)
        failed = rows[rows["status"] == "failed"]

        assert status == 3, said
        assert set(rows["sample_id"]) == {str(path.relative_to(ODD_FILES)) for path in all_files()}
        assert len(rows) == len(all_files())
        assert 0 < peak_bytes < MAX_WORKER_BYTES
        assert 0 < len(failed) < len(rows)
        for path, error in zip(failed["image_path"], failed["error"], strict=True):
            assert path in error
            found, _, way_out = error.removeprefix(path).rpartition(";")
            assert len(found) > 10, error
            assert len(way_out) > 10, error
            assert "unexpected" not in error, error
            assert "killed its process" not in error, error
