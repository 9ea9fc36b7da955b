"""Commands as processes of their own, and what they wrote."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import psutil

from tests.worker_processes import worker_processes

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}


@contextlib.contextmanager
def started(
    *arguments: object, environment: Mapping[str, str] = ENVIRONMENT
) -> Iterator[subprocess.Popen[str]]:
    """A command in a session of its own, of which nothing is left afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    family: list[psutil.Process] = []
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.communicate()


def finished(
    *arguments: object, environment: Mapping[str, str] = ENVIRONMENT, limit_s: float = 150
) -> tuple[int, str]:
    """Run a command to its end; exit status, and what it said."""
    with started(*arguments, environment=environment) as process:
        out, err = process.communicate(timeout=limit_s)
    return process.returncode, out + err


def table(out: Path, name: str) -> pd.DataFrame:
    """A table of a run, in a fixed order and without times."""
    rows = pd.read_parquet(out / name).drop(columns="seconds", errors="ignore")
    keys = [key for key in ("sample_id", "order", "level") if key in rows]
    return rows.sort_values(keys, ignore_index=True)


def the_worker(process: subprocess.Popen[str]) -> psutil.Process:
    """The one process that reads images."""
    [worker] = workers_of(process)
    return worker


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of a job that read images."""
    return list(worker_processes(psutil.Process(process.pid)))


def wait_until(
    is_so: Callable[[], bool], process: subprocess.Popen[str], *, limit_s: float = 150
) -> None:
    """Poll until something is so; fails when the process ends before."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
