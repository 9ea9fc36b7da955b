"""The images to learn from and to choose by, with the classes; all that can be wrong with them is told here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from actors.training.config import DataConfig
from pipeline.errors import ManifestError
from pipeline.image_record import ImageRecord
from pipeline.manifest import read_manifest

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Labelled images in two splits."""

    train: tuple[ImageRecord, ...]
    """To learn from."""
    validation: tuple[ImageRecord, ...]
    """To choose by."""
    class_names: tuple[str, ...]
    """Classes, in the order of the network's outputs."""

    def class_of(self, record: ImageRecord) -> int:
        """Index of an image's label."""
        return self.class_names.index(record.label or "")


def read_training_data(
    config: DataConfig, directory: Path, class_names: tuple[str, ...] | None
) -> TrainingData:
    """Read the manifests of a config that lies in `directory`.

    Raises:
        ManifestError: if a split is empty, labels are missing, there is one class only, a class has no image
            to learn from, a label is none of `class_names`, or an image lies in both splits.
    """
    path = directory / config.manifest
    train = _split(path, config.train, "data.train")
    other = path if config.validation_manifest is None else directory / config.validation_manifest
    validation = _split(other, config.validation, "data.validation")
    _refuse_leaks(train, validation, path)
    found = tuple(sorted({record.label or "" for record in train}))
    names = class_names or found
    data = TrainingData(train=train, validation=validation, class_names=names)
    _check_classes(data, set(found), path, other)
    return data


def read_test_split(path: Path, data: TrainingData, name: str = "test") -> tuple[ImageRecord, ...]:
    """Images that were neither learned from nor chosen by.

    Args:
        path: of the manifest.
        data: the other two splits.
        name: of the split.

    Raises:
        ManifestError: if it is empty, labels are missing or no class, or an image lies in another split, too.
    """
    records = _split(path, name, "--test-split")
    _refuse_leaks(data.train + data.validation, records, path)
    _refuse_strange_labels(records, data.class_names, path)
    return records


def _split(path: Path, name: str, key: str) -> tuple[ImageRecord, ...]:
    records = read_manifest(str(path)).records
    chosen = tuple(record for record in records if record.split == name)
    if not chosen:
        found = ", ".join(sorted({repr(one.split) for one in records if one.split})) or "none"
        raise ManifestError(
            f"{path}: no row has split {name!r} ({key}); found: {found}. Add a column 'split', "
            f"or set {key} to one of those"
        )
    missing = [record.sample_id for record in chosen if record.label is None]
    if missing:
        raise ManifestError(
            f"{path}: {len(missing)} of {len(chosen)} rows of split {name!r} have no label: "
            f"{_listed(missing)}; fill in the column 'label', or take them out of the split"
        )
    return chosen


def _refuse_leaks(
    train: Iterable[ImageRecord], validation: Iterable[ImageRecord], path: Path
) -> None:
    for what in ("sample_id", "image_path"):
        learned = {getattr(record, what) for record in train}
        leaked = [value for one in validation if (value := getattr(one, what)) in learned]
        if leaked:
            raise ManifestError(
                f"{path}: {len(leaked)} {what} lie in both splits: {_listed(leaked)}; an image to "
                "choose by must not be one that was learned from: give each to one split"
            )


def _check_classes(data: TrainingData, found: set[str], path: Path, other: Path) -> None:
    if len(set(data.class_names)) < 2:
        raise ManifestError(
            f"{path}: the training split has one class only, {data.class_names[0]!r}; "
            "there is nothing to tell apart: label at least two"
        )
    absent = [name for name in data.class_names if name not in found]
    if absent:
        raise ManifestError(
            f"{path}: no image of the training split is labelled {_listed(absent)}; add some, or "
            "take the class out of model.class_names (with model.start_from the classes are that model's: add "
            "images, or start from another)"
        )
    _refuse_strange_labels(data.train, data.class_names, path)
    _refuse_strange_labels(data.validation, data.class_names, other)


def _refuse_strange_labels(
    records: Iterable[ImageRecord], class_names: tuple[str, ...], path: Path
) -> None:
    found = dict.fromkeys(record.label or "" for record in records)
    strange = [name for name in found if name not in class_names]
    if strange:
        raise ManifestError(
            f"{path}: labels that are no class: {_listed(strange)}; classes are "
            f"{_listed(class_names, limit=20)}. The training split needs them, too"
        )


def _listed(names: Iterable[str], limit: int = _SHOWN) -> str:
    all_names = [repr(name) for name in names]
    return ", ".join(all_names[:limit]) + (", ..." if len(all_names) > limit else "")
