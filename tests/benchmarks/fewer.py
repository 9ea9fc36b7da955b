"""A manifest with fewer images to learn from: the first of each split but the test's.

    python -m tests.benchmarks.fewer ARCHIVE/manifest.csv 400

writes ARCHIVE/manifest_400.csv: 400 images for training and validation, in the proportion of all, and every test image.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    """Write it beside the whole one."""
    path, count = Path(sys.argv[1]), int(sys.argv[2])
    rows = pd.read_csv(path, dtype=str)
    is_test = rows["split"] == "test"
    share = count / int((~is_test).sum())
    kept = [
        split.head(len(split) if name == "test" else round(len(split) * share))
        for name, split in rows.groupby("split", sort=False)
    ]
    out = path.with_name(f"{path.stem}_{count}.csv")
    pd.concat(kept).sort_index().to_csv(out, index=False)
    print(out)


if __name__ == "__main__":
    main()
