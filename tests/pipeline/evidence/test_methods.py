"""What may be asked for."""

from __future__ import annotations

import pytest

from pipeline.errors import UsageError
from pipeline.evidence.methods import METHODS, parse_methods


class TestParsing:
    def test_in_the_order_of_the_page(self) -> None:
        """Each once, whatever the order of asking; `all` is all."""
        assert [one.name for one in parse_methods("cam, looks,cam")] == ["looks", "cam"]
        assert parse_methods("all") == tuple(METHODS.values())

    @pytest.mark.parametrize(
        ("asked", "nearest"),
        [
            ("evidense", "evidence"),
            ("gradcam", "grad_cam"),
            ("Grad-CAM", "grad_cam"),
            ("cell", "cells"),
        ],
    )
    def test_unknown_names(self, asked: str, nearest: str) -> None:
        """The error names the nearest, and all."""
        with pytest.raises(UsageError, match=f"is '{nearest}' meant.*Known: looks, weights"):
            parse_methods(f"looks,{asked}")

    def test_nothing(self) -> None:
        """Asking for nothing is a mistake."""
        with pytest.raises(UsageError, match="at least one"):
            parse_methods(" ,")

    def test_captions_say_what_maps_do_not_show(self) -> None:
        """One sentence each, with both halves."""
        for method in METHODS.values():
            shown, _, not_shown = method.caption.partition("; it does not ")

            assert shown
            assert not_shown.endswith(".")
            assert "." not in method.caption[:-1]
