"""What is done to an image in a reader's thread, and the event that tells the engine how it went.

Each task ends in exactly one event, whatever happens in it: one bad image never harms the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from actors.image_events import (
    Broke,
    Concluded,
    Event,
    Forgone,
    NotRead,
    Opened,
    Read,
    Suspected,
    Written,
)
from actors.image_job import ImageJob
from pipeline.errors import AllowanceSpentError, ImageError, PutOffError, TileReadError
from pipeline.image_record import ImageRecord
from pipeline.images.tile_cache import TileCache
from pipeline.records.result import ImageResult, conclude
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.place import shown
from pipeline.walk.allowance import Allowance
from pipeline.walk.glimpse import Glimpse
from pipeline.walk.image_walk import ImageWalk
from pipeline.walk.opening import open_image_walk
from pipeline.walk.remembered_walk import RememberedWalk, go_on
from pipeline.walk.walk import LookModel
from pipeline.walk.walk_plan import WalkPlan

Sink: TypeAlias = Callable[[ImageResult], None]
"""Where results are written before anybody hears of them; runs in a reader's thread."""
Admission: TypeAlias = Callable[[ImageRecord, Allowance, bool], bool]
"""Asked before an image is opened, with what it may spend and whether it is alone; False: it may only be opened alone.
Raises `ImageError` for an image that may not be opened at all."""
Recall: TypeAlias = Callable[[str], RememberedWalk | None]
"""What is known of an image from an earlier walk, by its id; asked for images that may not spend without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTasks:
    """The tasks, and what they all need. Safe to use from many threads."""

    plan: WalkPlan
    """What is the same for all images."""
    model: LookModel
    """Looks are not taken here."""
    cache: TileCache
    """Shared by all images."""
    sink: Sink
    """Where results go."""
    admit: Admission
    """Decides whether an image may be opened."""
    recall: Recall
    """Knows earlier walks."""
    post: Callable[[Event], None]
    """Tells the engine."""

    def open(self, image: int, job: ImageJob, is_alone: bool) -> None:
        """Open an image and plan its first looks."""
        record = job.record
        try:
            if not self.admit(record, job.allowance, is_alone):
                self.post(Suspected(image))
                return
            walk = self._opened(record, job.allowance)
        except Exception as error:  # noqa: BLE001  # becomes the image's row
            self.post(Broke(image, _told(record, error)))
        else:
            self.post(Opened(image, walk))

    def _opened(self, record: ImageRecord, allowance: Allowance) -> ImageWalk:
        """From its beginning, or from where an earlier walk ended."""
        earlier = None if allowance.is_endless else self.recall(record.sample_id)
        try:
            walk = open_image_walk(
                record,
                self.plan,
                combine=self.model.combine,
                cache=self.cache,
                score_roots=self.model.score_roots,
                allowance=allowance,
            )
        except ImageError as error:
            if earlier is None:
                raise
            put_off = PutOffError(f"{error}; what is known of the image stays")
            put_off.cost = error.cost
            raise put_off from error
        if earlier is not None:
            go_on(walk, earlier)
        return walk

    def read(self, image: int, walk: ImageWalk, glimpse: Glimpse) -> None:
        """Read the pixels of a look."""
        try:
            window = walk.read(glimpse)
        except TileReadError as error:
            self.post(NotRead(image, glimpse, str(error)))
        except AllowanceSpentError as error:
            walk.tiles.charge(error.cost)
            self.post(Forgone(image, glimpse))
        except Exception as error:  # noqa: BLE001  # becomes the image's row
            self.post(Broke(image, _told(walk.record, error, walk.tiles.cost)))
        else:
            self.post(Read(image, glimpse, window.pixels))

    def conclude(self, image: int, walk: ImageWalk, started_s: float) -> None:
        """Put an image's result together and close it."""
        try:
            result = conclude(walk, self.model, started_s)
        except Exception as error:  # noqa: BLE001  # becomes the image's row
            self.post(Broke(image, _told(walk.record, error, walk.tiles.cost)))
        else:
            walk.close()
            self.post(Concluded(image, result))

    def write(self, image: int, result: ImageResult) -> None:
        """Write an image's result."""
        try:
            self.sink(result)
        except Exception as error:  # noqa: BLE001  # told to whoever waits for the result
            self.post(Written(image, result, error))
        else:
            self.post(Written(image, result))


def _told(record: ImageRecord, error: Exception, cost: Acquisition | None = None) -> Exception:
    """Our own errors speak for themselves; others are named as what they are. `cost`: read so far, if it is open."""
    if isinstance(error, TileReadError):
        return error
    own = error
    if not isinstance(own, ImageError):
        own = ImageError(
            f"{shown(record.image_path)}: unexpected {type(error).__name__}: {error}; please report it "
            "with the file"
        )
    own.cost = cost or own.cost
    return own
