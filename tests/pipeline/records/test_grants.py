"""Rules of what was set aside: a dead process' share counts as spent, and nobody spends it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import PutOffError
from pipeline.image_record import ImageRecord
from pipeline.records.grants import Grants, LeftBehind
from pipeline.records.store.disk_store import DiskStore
from pipeline.walk.allowance import ENDLESS, Allowance

IMAGE = ImageRecord(sample_id="a/b", image_path="slides/a.tif")
OTHER = ImageRecord(sample_id="c", image_path="slides/c.tif")
SHARE = Allowance(looks=9, granted=4)


class TestGrants:
    def test_a_finished_image_leaves_nothing_behind(self, tmp_path: Path) -> None:
        """Its rows say what it cost; and in the same pass it is not taken up again."""
        grants = Grants(DiskStore(tmp_path))
        grants.check(IMAGE, SHARE)
        grants.take_up(IMAGE, SHARE)
        grants.end(IMAGE, SHARE)

        assert grants.left_behind([IMAGE, OTHER]) == {}
        with pytest.raises(PutOffError, match=r"slides/a\.tif"):
            grants.check(IMAGE, SHARE)
        grants.check(OTHER, SHARE)

    def test_what_a_dead_process_had_is_lost(self, tmp_path: Path) -> None:
        """All that was set aside, until the notes are cleared; then the image may be taken up anew."""
        grants = Grants(DiskStore(tmp_path))
        grants.take_up(IMAGE, SHARE)

        assert grants.left_behind([IMAGE, OTHER]) == {"a/b": LeftBehind(lost=4, has_died=True)}
        with pytest.raises(PutOffError, match="a process died with it"):
            grants.check(IMAGE, SHARE)
        grants.clear()
        grants.check(IMAGE, SHARE)
        assert grants.left_behind([IMAGE]) == {}

    def test_what_was_read_in_vain_is_lost(self, tmp_path: Path) -> None:
        """An image that was given back has cost what no row says; nobody died."""
        grants = Grants(DiskStore(tmp_path))
        grants.take_up(IMAGE, SHARE)
        grants.end(IMAGE, SHARE, lost=3)

        assert grants.left_behind([IMAGE]) == {"a/b": LeftBehind(lost=3, has_died=False)}

    def test_without_a_budget_nothing_is_noted(self, tmp_path: Path) -> None:
        """Runs without an archive's budget write no notes."""
        grants = Grants(DiskStore(tmp_path))
        grants.check(IMAGE, ENDLESS)
        grants.take_up(IMAGE, ENDLESS)
        grants.end(IMAGE, ENDLESS)

        assert not list(tmp_path.rglob("*"))

    def test_after_the_end_nobody_begins(self, tmp_path: Path) -> None:
        """An image whose turn comes when the time is over is put off unopened."""
        with pytest.raises(PutOffError, match="time was over"):
            Grants(DiskStore(tmp_path)).check(IMAGE, Allowance(until_s=1.0))
