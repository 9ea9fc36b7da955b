"""Run all benchmarks, or those named, and print the table for BENCHMARKS.md."""

from __future__ import annotations

import os
import sys

from tests.benchmarks import (
    attention,
    commands,
    compilation,
    driver,
    engine,
    ingest,
    memory,
    reading,
    waste,
)
from tests.benchmarks.figure import table

ALL = {
    "attention": attention.figures,
    "engine": engine.figures,
    "compilation": compilation.figures,
    "commands": commands.figures,
    "memory": memory.figures,
    "reading": reading.figures,
    "ingest": ingest.figures,
    "waste": waste.figures,
    "driver": driver.figures,
}


def main() -> None:
    """`python -m tests.benchmarks.run [NAME ...]`, of the names above."""
    names = sys.argv[1:] or list(ALL)
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(table([figure for name in names for figure in ALL[name]()]))


if __name__ == "__main__":
    main()
