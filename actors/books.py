"""What a worker writes down of the images that it takes on: marks before, rows and what a walk knew after."""

from __future__ import annotations

from pipeline.image_record import ImageRecord
from pipeline.records.attempts import Attempts
from pipeline.records.grants import Grants
from pipeline.records.output import Output
from pipeline.records.result import Failure, ImageResult
from pipeline.records.walk_memory import WalkMemory
from pipeline.walk.allowance import ENDLESS, Allowance


class Books:
    """Of one worker. Safe to use from many threads.

    Args:
        output: the run's tables.
        attempts: the marks of this process.
    """

    def __init__(self, output: Output, attempts: Attempts) -> None:
        self.walks = WalkMemory(output.store)
        self._output = output
        self._attempts = attempts
        self._grants = Grants(output.store)
        self._taken: dict[str, Allowance] = {}

    def admit(self, record: ImageRecord, allowance: Allowance, is_alone: bool) -> bool:
        """Take an image on; False: it may only be opened alone.

        Raises:
            ImageError: if it has had all its tries, or may not be taken up in this pass.
        """
        self._grants.check(record, allowance)
        if not self._attempts.begin(record, is_alone):
            return False
        self._grants.take_up(record, allowance)
        self._taken[record.sample_id] = allowance
        return True

    def commit(self, result: ImageResult) -> None:
        """Write an image's rows, and that it is done. What its walk knew comes first: the rows say that it is there."""
        outcome = result.outcome
        record = outcome.record
        allowance = self._taken.pop(record.sample_id, None)
        if isinstance(outcome, Failure) and outcome.is_put_off:
            if allowance is not None:
                self._put_off(record, allowance, outcome.bytes_read)
            return
        if result.walk is not None:
            self.walks.keep(record.sample_id, result.walk)
        self._output.commit(result)
        self._end(record, allowance or ENDLESS)

    def _put_off(self, record: ImageRecord, allowance: Allowance, bytes_read: int) -> None:
        """It was taken up in vain; the rows that it has stay, and do not say what that cost."""
        self._end(record, allowance, lost=0 if allowance.num_bytes is None else bytes_read)

    def _end(self, record: ImageRecord, allowance: Allowance, *, lost: int = 0) -> None:
        self._grants.end(record, allowance, lost=lost)
        self._attempts.end(record)
