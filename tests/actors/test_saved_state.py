"""The state of a training is whole, or not there, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actors.saved_state import NAME, load_state, save_state
from pipeline.errors import ResumeError


class TestSavedState:
    def test_the_last_one_is_taken_up(self, tmp_path: Path) -> None:
        """What was written last comes back; where nothing was, there is nothing, and nothing else stays behind."""
        assert load_state(tmp_path, dict) is None
        save_state(tmp_path, {"epochs": 1, "best": {"w": torch.ones(3)}})
        save_state(tmp_path, {"epochs": 2, "best": {"w": torch.zeros(3)}})
        found = load_state(tmp_path, dict)

        assert found is not None
        assert found["epochs"] == 2
        assert torch.equal(found["best"]["w"], torch.zeros(3))
        assert [one.name for one in tmp_path.iterdir()] == [NAME]

    def test_a_write_that_was_cut_off_changes_nothing(self, tmp_path: Path) -> None:
        """Half a file beside the whole one is what a kill leaves."""
        save_state(tmp_path, {"epochs": 1})
        (tmp_path / f".{NAME}.partial").write_bytes(b"half")

        assert load_state(tmp_path, dict) == {"epochs": 1}

    def test_a_damaged_one_is_refused(self, tmp_path: Path) -> None:
        """A file that is cut, or lacks what is wanted, is named with the way out."""
        save_state(tmp_path, {"epochs": 1})
        with pytest.raises(ResumeError, match=rf"{NAME}: cannot be read \(KeyError.*remove it"):
            load_state(tmp_path, lambda saved: saved["network"])

        path = tmp_path / NAME
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ResumeError, match=rf"{NAME}: cannot be read .* start again"):
            load_state(tmp_path, dict)
