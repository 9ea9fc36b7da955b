"""Visits examples in a process of its own, which may crash or hang: numbers come in, a line of JSON each goes out."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random

from tests.fuzz.example import example
from tests.fuzz.visit import visit

ADDRESS_SPACE_BYTES = 12 * 2**30
"""Beyond this an allocation fails, so that the machine survives."""


def visit_example(number: int) -> dict[str, object]:
    """How the example went."""
    started_s = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        path = example(number).write(Path(directory))
        try:
            outcome, trace = visit(path, Random(number)), ""
        except Exception:  # noqa: BLE001  # this is what is looked for
            outcome, trace = "broke", traceback.format_exc()
    return {
        "outcome": outcome,
        "trace": trace,
        "cpu_s": time.process_time() - started_s,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    """Serve until the numbers end."""
    warnings.simplefilter("ignore")  # of tifffile's words; what counts is how it ends
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    example(0)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(visit_example(int(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
