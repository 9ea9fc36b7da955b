"""A coloured data set: images, and the questions about them; no image lies in two splits.

PAN counts pairs of image and question, cuts the list of pairs by position, and so has an image astride each cut.
Here a split begins with a new image.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.benchmarks.coloured.backgrounds import Backgrounds
from pipeline.benchmarks.coloured.drawing import ColouredDigit, ColouredScene, draw_scene
from pipeline.benchmarks.coloured.law import ColouredLaw
from pipeline.benchmarks.digits import Digits
from pipeline.errors import UsageError

SPLITS = ("train", "validation", "test")
IMAGES, OWNERS, PAIRS = "images.npy", "owners.npy", "pairs.parquet"
RECORD = "benchmark.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One question about one image."""

    split: str
    """train, validation or test."""
    image: int
    """Index of the image."""
    query: int
    """Digit asked about; its colour, where the question is inverse."""
    label: int
    """Colour to answer; the digit, where the question is inverse."""
    owner: int
    """What marks the ink of the digit in question among the owners."""
    scale: float
    """Of that digit."""
    y_px: int
    """Top of its box."""
    x_px: int
    """Left of its box."""
    side_px: int
    """Side of its box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredPlan:
    """Everything that decides what is written."""

    law: ColouredLaw
    """Of every image."""
    num_pairs: Mapping[str, int]
    """Pairs of each split; the papers have 30,000, 10,000 and 10,000."""
    seed: int = 0
    """Of all draws."""

    def __post_init__(self) -> None:
        for split in SPLITS:
            if self.num_pairs.get(split, 0) < 1:
                raise UsageError(f"{self.num_pairs.get(split)} {split} pairs; at least 1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColouredData:
    """A data set in memory, or mapped from its files."""

    images: NDArray[np.uint8]
    """(N, side, side, 3)."""
    owners: NDArray[np.uint8]
    """(N, side, side): 1 + index of the digit whose ink lies there, 0 for none."""
    pairs: tuple[Pair, ...]
    """All splits."""

    @property
    def sha256(self) -> str:
        """Of all pairs and of the first images: other draws differ in the pairs, other backgrounds in the images."""
        digest = hashlib.sha256(repr(self.pairs).encode())
        digest.update(self.images[:16].tobytes())
        return digest.hexdigest()


def pairs_of(scene: ColouredScene, law: ColouredLaw, split: str, image: int) -> Iterator[Pair]:
    """The questions that can be asked about a scene."""
    times = Counter(digit.colour for digit in scene.digits)
    for index, digit in enumerate(scene.digits):
        if law.is_inverse and times[digit.colour] > 1:
            continue
        yield _pair(digit, law, split, image, index + 1)


def _pair(digit: ColouredDigit, law: ColouredLaw, split: str, image: int, owner: int) -> Pair:
    query, label = digit.digit, digit.colour
    if law.is_inverse:
        query, label = label, query
    return Pair(
        split=split,
        image=image,
        query=query,
        label=label,
        owner=owner,
        scale=digit.scale,
        y_px=digit.y_px,
        x_px=digit.x_px,
        side_px=digit.side_px,
    )


def make_data(plan: ColouredPlan, source: Digits, backgrounds: Backgrounds) -> ColouredData:
    """Draw images until every split has its pairs; of the last image of a split some may be left out."""
    rng = np.random.default_rng(plan.seed)
    scenes: list[ColouredScene] = []
    pairs: list[Pair] = []
    for split in SPLITS:
        wanted = len(pairs) + plan.num_pairs[split]
        while len(pairs) < wanted:
            scene = draw_scene(plan.law, source, backgrounds.draw(rng), rng)
            pairs.extend(pairs_of(scene, plan.law, split, len(scenes)))
            scenes.append(scene)
        del pairs[wanted:]
    return ColouredData(
        images=np.stack([scene.image for scene in scenes]),
        owners=np.stack([scene.owners for scene in scenes]),
        pairs=tuple(pairs),
    )


def write_data(data: ColouredData, plan: ColouredPlan, directory: Path) -> None:
    """Four files: two arrays for NumPy, a table, and what it was made by."""
    directory.mkdir(parents=True, exist_ok=True)
    record = {"law": asdict(plan.law), "num_pairs": dict(plan.num_pairs), "seed": plan.seed}
    (directory / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    np.save(directory / IMAGES, data.images)
    np.save(directory / OWNERS, data.owners)
    names = list(Pair.__dataclass_fields__)
    columns = {name: [getattr(pair, name) for pair in data.pairs] for name in names}
    pq.write_table(pa.table(columns), directory / PAIRS)


def read_law(directory: Path) -> ColouredLaw:
    """What `write_data` wrote it by.

    Raises:
        UsageError: if there is no data set.
    """
    path = directory / RECORD
    if not path.exists():
        raise UsageError(
            f"{directory}: no {RECORD}; make the data set with `foveate make-benchmark "
            f"coloured-digits --out {directory}`"
        )
    return ColouredLaw(**json.loads(path.read_text(encoding="utf-8"))["law"])


def read_data(directory: Path) -> ColouredData:
    """What `write_data` wrote, arrays mapped from disk.

    Raises:
        UsageError: if a file is missing.
    """
    for name in (IMAGES, OWNERS, PAIRS):
        if not (directory / name).exists():
            raise UsageError(
                f"{directory}: no {name}; make the data set with `foveate make-benchmark "
                f"coloured-digits --out {directory}`"
            )
    rows = pq.read_table(directory / PAIRS).to_pylist()
    return ColouredData(
        images=np.load(directory / IMAGES, mmap_mode="r"),
        owners=np.load(directory / OWNERS, mmap_mode="r"),
        pairs=tuple(Pair(**row) for row in rows),
    )
