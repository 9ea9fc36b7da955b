"""A few pictures that are easily told apart, in every form that CIFAR-10 comes in."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.benchmarks.small_images.batches import CLASSES
from pipeline.benchmarks.small_images.dataset import LabelledImages

NUM_BATCHES = 6


def toy_images(count: int, *, num_classes: int = 4, seed: int = 0) -> LabelledImages:
    """Noise with a bright bar, as high as its class; classes take turns. A mirrored picture is of the same class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % num_classes
    images = rng.integers(0, 90, (count, 32, 32, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        y, x = 32 * label // num_classes, rng.integers(0, 12)
        image[y : y + 32 // num_classes, x : x + 20] += 10
    return LabelledImages(images=images, labels=labels.astype(np.int64))


def write_binary(directory: Path, images: LabelledImages) -> Path:
    """Six batches of equal size: a byte of label, then red, green and blue, row by row."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, values, labels in _batches(images):
        records = np.concatenate([labels[:, None].astype(np.uint8), values], axis=1)
        (directory / f"{name}.bin").write_bytes(records.tobytes())
    return directory


def write_pickled(directory: Path, images: LabelledImages) -> Path:
    """The same as pickled dictionaries with keys of bytes, as Python 2 wrote them."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, values, labels in _batches(images):
        batch = {b"data": values, b"labels": labels.tolist(), b"batch_label": name.encode()}
        (directory / name).write_bytes(pickle.dumps(batch, protocol=2))
    return directory


def write_folders(directory: Path, images: LabelledImages) -> Path:
    """train/CLASS/0000.png and test/CLASS/0000.png: the last sixth is for the test."""
    num_train = len(images) - len(images) // NUM_BATCHES
    for number, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
        split = "train" if number < num_train else "test"
        folder = directory / split / CLASSES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:04}.png")
    return directory


def write_archive(path: Path, images: LabelledImages, *, suffix: str = "JPEG") -> Path:
    """A tar of train/CLASS/0000.jpg without a test set, in the order of the images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz") as archive:
        for number, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
            content = io.BytesIO()
            Image.fromarray(image).save(content, suffix)
            extension = "jpg" if suffix == "JPEG" else suffix.lower()
            add(archive, f"train/{CLASSES[label]}/{number:04}.{extension}", content.getvalue())
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member of an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _batches(
    images: LabelledImages,
) -> list[tuple[str, NDArray[np.uint8], NDArray[np.int64]]]:
    """Names, (N, 3072) values, (N,) labels."""
    names = [*(f"data_batch_{number}" for number in range(1, NUM_BATCHES)), "test_batch"]
    values = images.images.transpose(0, 3, 1, 2).reshape(len(images), -1)  # (N, 3072)
    size = len(images) // NUM_BATCHES
    parts = [slice(start, start + size) for start in range(0, NUM_BATCHES * size, size)]
    return [
        (name, values[part], images.labels[part]) for name, part in zip(names, parts, strict=True)
    ]
