"""Rules of finding the image that kills its process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import ImageError
from pipeline.image_record import ImageRecord
from pipeline.records.attempts import (
    FOLDER,
    MAX_DEATHS_ALONE,
    Attempts,
    attempts_of,
    clear_attempts,
    next_attempt,
)
from pipeline.records.store.disk_store import DiskStore

IMAGE = ImageRecord(sample_id="a/b", image_path="slides/a.tif")
OTHER = ImageRecord(sample_id="c", image_path="slides/c.tif")


def process(run: Path, name: str) -> Attempts:
    """The markers as a process of this name sees them."""
    return Attempts(DiskStore(run), name)


class TestNextAttempt:
    def test_an_unmarked_image_is_innocent(self) -> None:
        """Nobody died with it: it may share the process."""
        attempt = next_attempt(None, holder="p", is_alone=False)

        assert (attempt.num_deaths, attempt.is_suspect, attempt.is_spent) == (0, False, False)

    def test_only_another_process_has_died(self) -> None:
        """The own mark counts no death; that of another process counts one, of its kind."""
        own = next_attempt(None, holder="p", is_alone=False)

        assert next_attempt(own, holder="p", is_alone=True).num_deaths == 0
        after = next_attempt(own, holder="q", is_alone=True)
        assert (after.shared_deaths, after.deaths_alone) == (1, 0)
        later = next_attempt(after, holder="r", is_alone=True)
        assert (later.shared_deaths, later.deaths_alone) == (1, 1)

    def test_tries_are_bounded(self) -> None:
        """After one death with others and the bound of deaths alone it is spent, and not before."""
        attempt = next_attempt(None, holder="0", is_alone=False)
        spent = []
        for number in range(1, MAX_DEATHS_ALONE + 2):
            attempt = next_attempt(attempt, holder=str(number), is_alone=True)
            spent.append(attempt.is_spent)

        assert spent == [False] * MAX_DEATHS_ALONE + [True]


class TestAttempts:
    def test_written_images_leave_nothing(self, tmp_path: Path) -> None:
        """A mark is there from taking an image on until its rows are written."""
        markers = attempts_of(DiskStore(tmp_path))

        assert markers.begin(IMAGE, False)
        assert len(list((tmp_path / FOLDER).iterdir())) == 1
        markers.end(IMAGE)
        markers.end(IMAGE)  # once more: it may have been removed by a retry
        assert not list((tmp_path / FOLDER).iterdir())
        assert process(tmp_path, "next").begin(IMAGE, False)

    def test_no_two_processes_have_one_name(self, tmp_path: Path) -> None:
        """Numbers of processes come again; names do not."""
        assert attempts_of(DiskStore(tmp_path)).holder != attempts_of(DiskStore(tmp_path)).holder

    def test_a_poisonous_image_ends_with_a_word(self, tmp_path: Path) -> None:
        """One death with others, the bound of deaths alone, then an error with the file, the count and the way out."""
        assert process(tmp_path, "0").begin(IMAGE, False)
        for name in range(1, MAX_DEATHS_ALONE + 1):
            here = process(tmp_path, str(name))
            assert not here.begin(IMAGE, False)
            assert here.begin(IMAGE, True)
        with pytest.raises(
            ImageError,
            match=r"slides/a\.tif: reading it killed its process 3 times.*write it again",
        ):
            process(tmp_path, "last").begin(IMAGE, False)

    def test_waiting_suspects_are_not_blamed(self, tmp_path: Path) -> None:
        """A death before a suspect's turn to run alone is none of its own, however many there are."""
        first = process(tmp_path, "0")
        assert first.begin(IMAGE, False)
        assert first.begin(OTHER, False)
        for name in "1234":
            here = process(tmp_path, name)
            assert not here.begin(IMAGE, False)
            assert not here.begin(OTHER, False)
        last = process(tmp_path, "5")

        assert last.begin(OTHER, True)
        [mark] = [
            json.loads(path.read_text())
            for path in (tmp_path / FOLDER).iterdir()
            if '"5"' in path.read_text()
        ]
        assert (mark["shared_deaths"], mark["deaths_alone"]) == (1, 0)

    def test_deaths_elsewhere_do_not_count(self, tmp_path: Path) -> None:
        """What another worker has in flight is marked under names of its own images."""
        assert process(tmp_path, "here").begin(IMAGE, False)
        assert process(tmp_path, "there").begin(OTHER, False)

        assert process(tmp_path, "here").begin(IMAGE, False)

    def test_a_new_run_forgets(self, tmp_path: Path) -> None:
        """Clearing makes every image innocent, and nothing is left; clearing nothing is no error."""
        assert process(tmp_path, "0").begin(IMAGE, False)
        clear_attempts(DiskStore(tmp_path))
        clear_attempts(DiskStore(tmp_path))

        assert not list(tmp_path.iterdir())
        assert process(tmp_path, "1").begin(IMAGE, False)

    def test_a_full_disk_is_no_images_failure(self, tmp_path: Path) -> None:
        """Where no mark can be written the image goes on; writing its rows will tell."""
        (tmp_path / FOLDER).write_text("in the way")

        assert process(tmp_path, "0").begin(IMAGE, False)
