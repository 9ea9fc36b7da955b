"""The long run: `python -m tests.fuzz --minutes 10`. Exit status 1 when something was found; it lies in runs/fuzz."""

from __future__ import annotations

import argparse
import itertools
import json
import selectors
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tests.fuzz.example import example

MAX_CPU_S = 10.0
"""An example that works longer than this hangs, for all that a user knows."""
MAX_WALL_S = 60.0
"""And one that waits longer."""
MAX_PEAK_BYTES = 1.5 * 2**30
"""Memory of the whole process, imports and all; the files are small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An example that broke, hung, crashed its process, or took too much."""

    number: int
    """Of the example."""
    kind: str
    """`broke`, `crashed`, `hung`, `slow` or `memory`."""
    detail: str
    """What is known."""

    @property
    def cause(self) -> str:
        """The same for findings that are likely the same mistake."""
        places = [line.strip() for line in self.detail.splitlines() if line.startswith("  File")]
        ours = [place for place in places if "/pipeline/" in place]
        last = self.detail.strip().splitlines()[-1:] if self.kind == "broke" else []
        return " | ".join([self.kind, *ours[-1:], *(text.split(":")[0] for text in last)])


@dataclass(slots=True)
class Report:
    """What all processes found together."""

    directory: Path
    """Where findings are put."""
    counts: Counter[str] = field(default_factory=Counter)
    """Examples by how they ended."""
    causes: Counter[str] = field(default_factory=Counter)
    """Findings by cause."""
    max_cpu_s: float = 0.0
    """Of the slowest example."""
    max_peak_bytes: int = 0
    """Of the largest process."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Guards all of it."""

    def add(self, number: int, answer: dict[str, object]) -> Finding | None:
        """Count an example; the finding, where it is one."""
        cpu_s, peak_bytes = float(str(answer["cpu_s"])), int(str(answer["peak_bytes"]))
        outcome, detail = str(answer["outcome"]), str(answer["trace"])
        if outcome not in ("broke", "crashed", "hung"):
            if cpu_s > MAX_CPU_S:
                outcome, detail = "slow", f"{cpu_s:.1f} s of processor time"
            elif peak_bytes > MAX_PEAK_BYTES:
                outcome, detail = "memory", f"{peak_bytes / 2**20:.0f} MiB"
        finding = None
        with self.lock:
            self.counts[outcome] += 1
            self.max_cpu_s = max(self.max_cpu_s, cpu_s)
            self.max_peak_bytes = max(self.max_peak_bytes, peak_bytes)
            if outcome not in ("read", "damaged", "refused"):
                finding = Finding(number=number, kind=outcome, detail=detail)
                self.causes[finding.cause] += 1
                self._save(finding)
        return finding

    def _save(self, finding: Finding) -> None:
        if self.causes[finding.cause] > 5:  # enough of that
            return
        directory = self.directory / f"{finding.kind}-{finding.number}"
        found = example(finding.number)
        found.write(directory)
        (directory / "finding.txt").write_text(f"{found.name}\n{finding.cause}\n{finding.detail}\n")


def answer_of(child: subprocess.Popen[str], number: int) -> dict[str, object]:
    """What a child says of an example; its own end is an answer, too."""
    gone = {"trace": "", "cpu_s": 0.0, "peak_bytes": 0}
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child was started without pipes")
    try:
        child.stdin.write(f"{number}\n")
        child.stdin.flush()
    except BrokenPipeError:
        return {**gone, "outcome": "crashed", "trace": f"exit status {child.wait()}"}
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        if not selector.select(MAX_WALL_S):
            child.kill()
            return {**gone, "outcome": "hung", "trace": f"no answer in {MAX_WALL_S:g} s"}
    line = child.stdout.readline()
    if not line:
        return {**gone, "outcome": "crashed", "trace": f"exit status {child.wait()}"}
    answer: dict[str, object] = json.loads(line)
    return answer


def serve(numbers: Iterator[int], deadline_s: float, report: Report) -> None:
    """Keep one child busy until the time is over; another takes its place when it ends or has grown."""
    child = start_child()
    while time.monotonic() < deadline_s:
        number = next(numbers)
        finding = report.add(number, answer_of(child, number))
        if finding and finding.kind in ("crashed", "hung", "memory"):
            child.kill()
            child.communicate()
            child = start_child()
    child.kill()
    child.communicate()


def start_child() -> subprocess.Popen[str]:
    """A process that visits examples."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def main() -> int:
    """Run for so many minutes; 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first", type=int, default=None, help="number of the first example")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"))
    asked = parser.parse_args()
    first = int(time.time()) * 1000 if asked.first is None else asked.first
    numbers = itertools.count(first)
    report = Report(asked.out)
    deadline_s = time.monotonic() + 60 * asked.minutes
    threads = [
        threading.Thread(target=serve, args=(numbers, deadline_s, report))
        for _ in range(asked.processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(report, first)
    return 1 if report.causes else 0


def tell(report: Report, first: int) -> None:
    """What happened, for a person."""
    console = Console(highlight=False, soft_wrap=True)
    ended = ", ".join(f"{count} {name}" for name, count in sorted(report.counts.items()))
    console.print(f"{report.counts.total()} examples from number {first}: {ended}")
    console.print(
        f"slowest {report.max_cpu_s:.1f} s, largest process {report.max_peak_bytes / 2**20:.0f} MiB"
    )
    for cause, count in report.causes.most_common():
        console.print(f"{count} x {cause}", markup=False)
    if report.causes:
        console.print(f"the files lie in {report.directory}")


if __name__ == "__main__":
    sys.exit(main())
