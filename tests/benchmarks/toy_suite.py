"""All rows of the papers' toy experiments, some at a time, in one call: data sets, trainings, table.

    python -m tests.benchmarks.toy_suite --digits mnist:DIR --out DIR [--jobs 2] [--minutes 600] [--only mref/san,...]
        [-- OPTIONS OF foveate attention-benchmark]

Made for a GPU that is at hand for minutes: when they are over it ends what still runs, and the same call goes on from
the checkpoints. On processors every job has its share of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

DATA: Mapping[str, tuple[str, ...]] = {
    "mref": ("--kind", "mref"),
    "mdist": ("--kind", "mdist"),
    "mbg_like": ("--kind", "mbg_like"),
    "mbg_like_inverse": ("--kind", "mbg_like", "--inverse"),
    "mbg_like_224": ("--kind", "mbg_like", "--canvas", "224"),
}
"""What each data set is made with."""
_TABLE_1 = ("san", "no_context", "context", "arnn")
ROWS: Mapping[str, tuple[str, ...]] = {
    "mref": _TABLE_1,
    "mdist": _TABLE_1,
    "mbg_like": (*_TABLE_1, "arnn_sampled", "arnn_independent", "arnn_independent_sampled"),
    "mbg_like_inverse": ("no_context", "context", "arnn"),
    "mbg_like_224": ("arnn_upper", "arnn", "brnn2", "brnn3"),
}
"""Attentions of the paper's tables 1 to 3."""
_LOOK_S = 0.2
"""Between two looks at what still runs."""


def main() -> None:
    """Make, train, print."""
    own, options = _split(sys.argv[1:])
    asked = _arguments().parse_args(own)
    until = time.monotonic() + 60 * asked.minutes
    rows = [tuple(row.split("/")) for row in asked.only.split(",")]
    making = [
        _making(asked, data)
        for data in dict(rows)
        if not (asked.out / data / "pairs.parquet").exists()
    ]
    _run_all(making, asked.jobs, until)
    _run_all([_training(asked, *row, options) for row in rows], asked.jobs, until)
    _tell(asked.out, rows)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--digits", required=True, help="as foveate make-benchmark takes it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--pairs", help="train,validation,test; the papers' where not given")
    every = (f"{data}/{attention}" for data in ROWS for attention in ROWS[data])
    parser.add_argument("--only", default=",".join(every), help="DATA/ATTENTION,...")
    return parser


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Before and after `--`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def _making(asked: argparse.Namespace, data: str) -> list[str]:
    names = ("--train", "--validation", "--test")
    counts = asked.pairs.split(",") if asked.pairs else []
    sizes = [word for pair in zip(names, counts, strict=False) for word in pair]
    where = ["--out", str(asked.out / data), "--digits", asked.digits]
    return ["make-benchmark", "coloured-digits", *DATA[data], *sizes, *where]


def _training(
    asked: argparse.Namespace, data: str, attention: str, options: list[str]
) -> list[str]:
    where = ["--out", str(_run_of(asked.out, data, attention))]
    return [
        "attention-benchmark",
        str(asked.out / data),
        "--attention",
        attention,
        *where,
        *options,
    ]


def _run_of(out: Path, data: str, attention: str) -> Path:
    return out / "runs" / f"{data}.{attention}"


def _run_all(commands: Sequence[Sequence[str]], jobs: int, until: float) -> None:
    """Run foveate's commands, `jobs` at once; those that still run when the time is over are ended."""
    waiting, running = list(commands), list[subprocess.Popen[bytes]]()
    while (waiting or running) and time.monotonic() < until:
        while waiting and len(running) < jobs:
            running.append(_started(waiting.pop(0), jobs))
        time.sleep(_LOOK_S)
        running = [one for one in running if one.poll() is None]
    for one in running:
        one.terminate()
        one.wait()


def _started(command: Sequence[str], jobs: int) -> subprocess.Popen[bytes]:
    share = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
    print(" ".join(command), flush=True)
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", *command],
        env=os.environ | share,
        stdout=subprocess.DEVNULL,
    )


def _tell(out: Path, rows: Sequence[Sequence[str]]) -> None:
    runs = [_run_of(out, *row) for row in rows]
    done = [run for run in runs if (run / "result.json").exists()]
    for run in runs:
        if run not in done:
            print(f"{run.name}: not at its end; the same call goes on")
    if done:
        subprocess.run([sys.executable, "-m", "tests.benchmarks.toys", *map(str, done)], check=True)


if __name__ == "__main__":
    main()
