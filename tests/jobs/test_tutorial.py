"""docs/tutorial.md does what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.jobs.processes import ENVIRONMENT, ROOT

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(300)]


def blocks() -> list[tuple[str, str]]:
    """Language and text of every block of code, in order."""
    text = (ROOT / "docs" / "tutorial.md").read_text()
    return re.findall(r"```(bash|python)\n(.*?)```", text, re.DOTALL)


def run(directory: Path, *command: str) -> str:
    """One command in a directory; fails with what it said."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


class TestTutorial:
    def test_every_block_runs(self, tmp_path: Path) -> None:
        """From an empty directory to a report, with what each step promises."""
        said = {}
        for language, text in blocks():
            if language == "python":
                said[text] = run(tmp_path, "-c", text)
                continue
            for line in text.strip().splitlines():
                name, *rest = shlex.split(line)
                assert name == "foveate"
                said[line] = run(tmp_path, "-m", "jobs.cli", *rest)
        again = [text for line, text in said.items() if line.endswith("--out results")]
        dry = next(text for line, text in said.items() if line.endswith("--dry-run"))

        assert "6 of 6 images are done" in again[-1]
        assert "nothing was written" in dry
        assert len(pd.read_parquet(tmp_path / "results" / "predictions")) == 6
        assert (tmp_path / "savings" / "report.html").stat().st_size > 100_000
        assert len(pd.read_csv(tmp_path / "looks.csv")) == 120
        assert len(list((tmp_path / "qupath").glob("*.geojson"))) == 6
