"""The images that an engine has been given and not given back, and the looks at them that are being read."""

from __future__ import annotations

from actors.image_job import ImageJob
from pipeline.walk.glimpse import Glimpse, Position


class JobsUnderWay:
    """By number, counted up as they come. Has one owner."""

    def __init__(self) -> None:
        self._jobs: dict[int, ImageJob] = {}
        self._num_added = 0
        self._reading: set[tuple[int, Position]] = set()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __contains__(self, image: int) -> bool:
        return image in self._jobs

    def __getitem__(self, image: int) -> ImageJob:
        return self._jobs[image]

    def add(self, job: ImageJob) -> int:
        """Its number."""
        number = self._num_added
        self._jobs[number] = job
        self._num_added += 1
        return number

    def unconcluded(self, image: int) -> ImageJob | None:
        """None for an image that has its result already."""
        job = self._jobs.get(image)
        return None if job is None or job.is_concluded else job

    def remove(self, image: int) -> ImageJob | None:
        """An image is given back; None if it was before."""
        return self._jobs.pop(image, None)

    def remove_all(self) -> list[ImageJob]:
        """All images are given back."""
        jobs = list(self._jobs.values())
        self._jobs.clear()
        return jobs

    def read_begins(self, image: int, glimpse: Glimpse) -> None:
        """A look is being read."""
        self._reading.add((image, glimpse.position))

    def read_ends(self, image: int, glimpse: Glimpse) -> bool:
        """A look came back; False for one that was given up and came back after all."""
        key = (image, glimpse.position)
        is_awaited = key in self._reading
        self._reading.discard(key)
        return is_awaited

    def give_up_reads(self, image: int) -> int:
        """Nobody waits any more for the looks of an image that are being read; how many there are."""
        stuck = {key for key in self._reading if key[0] == image}
        self._reading -= stuck
        return len(stuck)
