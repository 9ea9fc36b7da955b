"""CIFAR-10's own two forms: six batches, as plain bytes or as Python pickles (Krizhevsky, 2009)."""

from __future__ import annotations

import io
import pickle  # nothing but arrays, lists and numbers is let through, see _Arrays
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmarks.small_images.dataset import ImageSet, LabelledImages
from pipeline.errors import UsageError

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SIDE_PX = 32
_VALUES = 3 * SIDE_PX**2
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""What a pickled array is made of; whatever else a pickle asks for is refused."""


def read_binary(directory: Path) -> ImageSet:
    """`data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`: a byte of label, then 3 x 32 x 32 of colour.

    Raises:
        UsageError: naming the file that is missing or damaged.
    """
    return _joined(directory, ".bin", "CIFAR-10, binary", _binary_batch)


def read_pickled(directory: Path) -> ImageSet:
    """The same without `.bin`: dictionaries with `data`, (N, 3072) bytes, and `labels`.

    Raises:
        UsageError: naming the file that is missing or damaged.
    """
    return _joined(directory, "", "CIFAR-10, pickled", _pickled_batch)


def _joined(
    directory: Path, suffix: str, name: str, read: Callable[[Path], LabelledImages]
) -> ImageSet:
    paths = [directory / f"{batch}{suffix}" for batch in _BATCHES]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise UsageError(
            f"{directory}: no {', '.join(missing)}; CIFAR-10 has six batches, unpack its archive again"
        )
    batches = [read(path) for path in paths]
    for path, batch in zip(paths, batches, strict=True):
        if len(batch) != len(batches[0]):
            raise UsageError(
                f"{path}: {len(batch)} images, and {len(batches[0])} in {paths[0].name}; all batches "
                "have as many, fetch it again"
            )
    *train, test = batches
    joined = LabelledImages(
        images=np.concatenate([one.images for one in train]),
        labels=np.concatenate([one.labels for one in train]),
    )
    return ImageSet(name=name, class_names=CLASSES, train=joined, test=test)


def _binary_batch(path: Path) -> LabelledImages:
    data = _bytes_of(path)
    if not data or len(data) % (1 + _VALUES):
        raise UsageError(
            f"{path}: {len(data)} bytes, wanted a multiple of {1 + _VALUES}; the file is cut, fetch it again"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + _VALUES)
    return _checked(path, records[:, 1:], records[:, 0])


def _pickled_batch(path: Path) -> LabelledImages:
    try:
        batch = _Arrays(io.BytesIO(_bytes_of(path)), encoding="bytes").load()
        values, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise UsageError(
            f"{path}: not a batch of CIFAR-10 ({type(error).__name__}: {error}); fetch it again"
        ) from error
    is_batch = values.ndim == 2 and values.shape[1] == _VALUES and values.dtype == np.uint8
    if not is_batch or labels.shape != values.shape[:1] or not len(labels):
        raise UsageError(
            f"{path}: data of {values.dtype} {values.shape} and labels {labels.shape}; wanted uint8 "
            f"(N, {_VALUES}) and (N,); fetch it again"
        )
    return _checked(path, values, labels)


def _checked(
    path: Path, values: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]
) -> LabelledImages:
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        raise UsageError(
            f"{path}: labels from {labels.min()} to {labels.max()}, wanted 0 to {len(CLASSES) - 1}; "
            "the file is damaged or of another set"
        )
    planes = values.reshape(-1, 3, SIDE_PX, SIDE_PX)  # (N, 3, 32, 32)
    images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))  # (N, 32, 32, 3)
    return LabelledImages(images=images, labels=labels.astype(np.int64))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


class _Arrays(pickle.Unpickler):
    """A pickle may name any function to be called; only those that make an array are."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)
