"""The table of the papers' toy experiments, from finished runs of `foveate attention-benchmark`.

python -m tests.benchmarks.toys RUN...
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "mref": {"san": 83.42, "no_context": 95.69},
    "mdist": {"san": 80.06, "no_context": 89.92},
    "mbg_like": {"san": 58.07, "no_context": 69.33},
    "mbg_like inverse": {"no_context": 40.15, "context": 66.37, "arnn": 72.77},
    "mbg_like 224": {"arnn_upper": 91.43, "arnn": 91.09, "brnn2": 92.68, "brnn3": 91.67},
}
"""Accuracy in percent (AttentionRNN, tables 1 to 3), as far as our text of the paper has it; on SUN's photographs.
`arnn_upper` is its NONE: without any mask no question is heard, and 91 % could not be."""
HEAD = (
    "| data | attention | parameters | epochs | accuracy | published | (0.5, 1] | (1, 1.5] | (1.5, 2] | (2, 2.5] | "
    "(2.5, 3] | on ink | in box | s/epoch |"
)


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path, nargs="+", help="Directories with a result.json.")
    results = [json.loads((run / "result.json").read_text()) for run in parser.parse_args().runs]
    print("\n".join([HEAD, "|---" * HEAD.count(" | ") + "|---|", *map(_row, results)]))


def _row(result: Mapping[str, Any]) -> str:
    return f"| {' | '.join(_cells(result))} |"


def _cells(result: Mapping[str, Any]) -> Iterator[str]:
    data = _name(result)
    published = PUBLISHED.get(data, {}).get(result["attention"])
    yield from (data, result["attention"], f"{result['parameters']:,}", str(result["epochs"]))
    yield from (_percent(result["accuracy"]), "" if published is None else f"{published} %")
    yield from map(_percent, result["by_scale"])
    yield from ("" if result[one] is None else f"{result[one]:.2f}" for one in ("on_ink", "in_box"))
    yield f"{result['seconds_per_epoch']:.0f}"


def _name(result: Mapping[str, Any]) -> str:
    name: str = result["kind"]
    name += " 224" if result["canvas_px"] == 224 else ""
    return name + (" inverse" if result["is_inverse"] else "")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}".replace("%", " %")


if __name__ == "__main__":
    main()
