"""Everything that decides a training of small images; it lies beside the results, and no run goes on with another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from actors.small_images.schedule import Schedule
from models.ltpa.network import AttentionOptions
from models.small_images.catalogue import SMALL_IMAGES
from models.small_images.network import WholeImageNetwork
from models.small_images.preparation import SIDE_PX, PreparationKind
from pipeline.benchmarks.small_images.dataset import ImageSet
from pipeline.benchmarks.small_images.splits import Splits, SplitSizes, cut
from pipeline.errors import ResumeError, UsageError
from pipeline.records.store.disk_store import write_atomically

SETTINGS = "settings.json"
_FORMERLY: Mapping[str, Any] = {"precision": "float32", "dropout": 1.0}
"""Of schedules, in runs from before there was a choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one run."""

    network: str
    """Name in the catalogue."""
    options: AttentionOptions
    """Of Learn to Pay Attention's networks; empty: as they come."""
    preparation: PreparationKind
    """Of the images."""
    schedule: Schedule
    """Of training."""
    seed: int
    """Of weights, order, variation and dropout."""
    sizes: SplitSizes
    """Of the splits, as asked for."""
    data: str
    """Digest of the image set."""
    class_names: tuple[str, ...]
    """In the order of the outputs."""

    def make_network(self) -> WholeImageNetwork:
        """With random weights, of torch's generator.

        Raises:
            ModelError: if the network does not take its options, or has no dropout to change.
        """
        network = WholeImageNetwork(
            self.network,
            len(self.class_names),
            preparation=self.preparation,
            options=self.options,
        )
        if self.schedule.dropout != 1:
            network.scale_dropout(self.schedule.dropout)
        return network

    def splits_of(self, images: ImageSet) -> Splits:
        """The pictures that this run is about.

        Raises:
            UsageError: if these are others than it was begun with, or have another size than networks want.
        """
        if images.digest() != self.data:
            raise UsageError(
                f"these are other images ({images.digest()}, {images.name}) than the run was made with "
                f"({self.data}); give the same data, or another --out"
            )
        height, width = images.train.images.shape[1:3]
        if (height, width) != (SIDE_PX, SIDE_PX):
            raise UsageError(
                f"{images.name}: images of {width} x {height} px; these networks want {SIDE_PX} x {SIDE_PX}"
            )
        return cut(images, self.sizes)


def default_preparation(network: str) -> PreparationKind:
    """As the network's authors have it."""
    return SMALL_IMAGES[network].preparation


def claim(directory: Path, settings: Settings) -> None:
    """Make the directory, or find that it belongs to the same run.

    Raises:
        ResumeError: naming what differs from the run that lies there.
        UsageError: if it cannot be made.
    """
    wanted = json.loads(json.dumps(asdict(settings)))
    path = directory / SETTINGS
    if path.exists():
        differing = _differences(_read(path), wanted)
        if differing:
            raise ResumeError(
                f"{directory} holds a run with other settings: {'; '.join(differing)}; give another --out"
            )
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(wanted, indent=2) + "\n").encode())
    except OSError as error:
        raise UsageError(f"--out {directory}: cannot be written to: {error}") from error


def read_settings(directory: Path) -> Settings:
    """What `claim` wrote.

    Raises:
        UsageError: if there is no run.
    """
    path = directory / SETTINGS
    if not path.exists():
        raise UsageError(f"{directory}: no {SETTINGS}; give the --out of foveate image-benchmark")
    found = _read(path)
    try:
        schedule = found["schedule"]
        schedule["falls_after"] = tuple(schedule["falls_after"])
        return Settings(
            **{
                **found,
                "schedule": Schedule(**schedule),
                "sizes": SplitSizes(**found["sizes"]),
                "class_names": tuple(found["class_names"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: not the settings of a run ({error}); train it again") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); remove it to start again") from error
    if isinstance(schedule := found.get("schedule"), dict):
        for name, value in _FORMERLY.items():
            schedule.setdefault(name, value)
    return found


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name in {**then, **now}:
        before, after = then.get(name), now.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{name}.")
        elif before != after:
            found.append(f"{prefix}{name}: {before} then, {after} now")
    return found
