"""Finds out in which form a set of small pictures lies somewhere."""

from __future__ import annotations

from pathlib import Path

from pipeline.benchmarks.small_images.batches import read_binary, read_pickled
from pipeline.benchmarks.small_images.dataset import ImageSet
from pipeline.benchmarks.small_images.pictures import read_archive, read_folders
from pipeline.errors import UsageError

_FORMS = (
    "data_batch_1.bin ... test_batch.bin (CIFAR-10, binary), data_batch_1 ... test_batch (CIFAR-10, "
    "Python), one tar archive of pictures, or folders train/CLASS/NAME.jpg"
)


def read_images(path: Path) -> ImageSet:
    """A directory, or a tar archive.

    Raises:
        UsageError: naming what is missing or damaged, and what is wanted.
    """
    if path.is_file():
        return read_archive(path)
    if not path.is_dir():
        raise UsageError(f"{path}: there is no such directory; wanted one with {_FORMS}")
    for directory in (path, path / "cifar-10-batches-bin"):
        if any(directory.glob("*_batch*.bin")):
            return read_binary(directory)
    for directory in (path, path / "cifar-10-batches-py"):
        if any(one.suffix == "" for one in directory.glob("*_batch*")):
            return read_pickled(directory)
    archives = sorted(one for one in path.glob("*.tar*") if one.is_file())
    if len(archives) > 1:
        listed = ", ".join(one.name for one in archives)
        raise UsageError(f"{path}: {len(archives)} archives, {listed}; give the one that is meant")
    if archives:
        return read_archive(archives[0])
    if any((path / "train").glob("*/*")):
        return read_folders(path)
    raise UsageError(f"{path}: no images; wanted {_FORMS}")
