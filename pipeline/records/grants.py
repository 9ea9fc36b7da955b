"""What was set aside for images under way, so that a process that dies cannot make an archive spend twice.

A process that takes an image up writes down what was set aside for it, before a byte is read; when the image's rows
are written it says so there. Nobody takes an image up again that has such a note: what the dead process read of it
is not known, so all that was set aside counts as spent. Between two passes, while no process works on the run, the
driver adds these up and clears the notes; then the image may be given something anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import PutOffError
from pipeline.image_record import ImageRecord
from pipeline.records.image_name import image_name
from pipeline.records.store.run_store import RunStore
from pipeline.walk.allowance import Allowance

FOLDER = ".grants"
"""Where the notes lie, in the store of the run."""


_ENDED = " ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """What is known of an image that was taken up."""

    lost: int
    """Spent, or set aside and with a process that died."""
    has_died: bool
    """Whether that process died with it."""


@dataclass(frozen=True, slots=True)
class Grants:
    """The notes of a run. Safe to use from many threads."""

    store: RunStore
    """Of the run."""

    def check(self, record: ImageRecord, allowance: Allowance) -> None:
        """Whether an image may be taken up in this pass.

        Raises:
            PutOffError: if a process that died had it, or it is done; or its time is over before it began.
        """
        if allowance.is_over:
            raise PutOffError(f"{record.image_path}: the archive's time was over before its turn")
        if allowance.granted and self.store.get(_note(record)) is not None:
            raise PutOffError(
                f"{record.image_path}: a process died with it; it is taken up again in the next pass"
            )

    def take_up(self, record: ImageRecord, allowance: Allowance) -> None:
        """Write down what is set aside for an image; before anything of it is read."""
        if allowance.granted:
            self.store.put(_note(record), str(allowance.granted).encode())

    def end(self, record: ImageRecord, allowance: Allowance, *, lost: int = 0) -> None:
        """No process has the image any more. Its rows say what it cost, but for what is `lost`."""
        if allowance.granted:
            self.store.put(_note(record), f"{lost}{_ENDED}".encode())

    def left_behind(self, records: Iterable[ImageRecord]) -> dict[str, LeftBehind]:
        """What the notes say that no row says, by id. While no process works on the run."""
        there = set(self.store.keys(FOLDER))
        noted = {one.sample_id: _note(one) for one in records if _note(one) in there}
        notes = {name: (self.store.get(note) or b"0").decode() for name, note in noted.items()}
        found = {
            name: LeftBehind(
                lost=int(text.removesuffix(_ENDED)), has_died=not text.endswith(_ENDED)
            )
            for name, text in notes.items()
        }
        return {name: one for name, one in found.items() if one.lost or one.has_died}

    def clear(self) -> None:
        """Forget all notes. While no process works on the run."""
        self.store.clear(FOLDER)


def _note(record: ImageRecord) -> str:
    return f"{FOLDER}/{image_name(record.sample_id)}"
