"""What a person may write as a budget, and what is kept of its spending."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.budget.account import FILE, Account, account_of
from pipeline.budget.archive_budget import ArchiveBudget, parse_archive_budget
from pipeline.errors import ResumeError, UsageError
from pipeline.records.store.disk_store import DiskStore


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "amount", "unit"),
        [
            ("2TB", 2 * 10**12, "bytes"),
            ("1.5GiB", 3 * 2**29, "bytes"),
            ("500 gb", 500 * 10**9, "bytes"),
            ("10B", 10, "bytes"),
            ("3kB", 3000, "bytes"),
            ("100_000looks", 100_000, "looks"),
            ("1 look", 1, "looks"),
            ("90min", 5400, "seconds"),
            ("600s", 600, "seconds"),
            ("1.5h", 5400, "seconds"),
            ("2d", 172_800, "seconds"),
        ],
    )
    def test_units(self, text: str, amount: int, unit: str) -> None:
        """Bytes by powers of 1000 or 1024, looks, and times."""
        found = parse_archive_budget(text)

        assert (found.amount, found.unit) == (amount, unit)

    @pytest.mark.parametrize(
        "text", ["", "2", "TB", "2 apples", "-1TB", "1e9B", "0looks", "0.4s", "2TBx"]
    )
    def test_nonsense_is_refused(self, text: str) -> None:
        """Anything else is wrong use, and says what is wanted."""
        with pytest.raises(UsageError, match=r"--archive-budget .*wanted"):
            parse_archive_budget(text)

    def test_it_reads_as_it_was_meant(self) -> None:
        """In messages a budget has its number and its unit."""
        assert str(ArchiveBudget(amount=12_000, unit="looks")) == "12,000 looks"


class TestAccount:
    def test_rows_and_losses_add_up(self) -> None:
        """Spent is what rows say, what was lost, and for rows that are away what they had said."""
        account = Account(unit="looks", lost=7)
        account.replace(["a", "b", "new"], {"a": 10, "b": 20})

        assert account.spent({"a": 10, "b": 20}) == 37
        assert account.spent({"b": 25}) == 7 + 10 + 25  # `a` is away, `b` was walked on
        assert account.spent({"a": 3, "b": 20}) == 37  # a row that says less was spent all the same

    def test_what_begins_anew_has_cost_twice(self) -> None:
        """Of an image whose walk is not remembered the old row is lost, and the next one counts beside it."""
        account = Account(unit="bytes", replaced={"b": 50})
        account.give_up(["a", "b", "never"], {"a": 10, "b": 40})

        assert account.spent({}) == 60
        assert account.spent({"a": 7, "b": 8}) == 75

    def test_it_survives_its_process(self, tmp_path: Path) -> None:
        """What is saved is found again; a directory without one has spent nothing."""
        store = DiskStore(tmp_path)
        assert account_of(store, "bytes") == Account(unit="bytes")
        account = Account(unit="bytes", lost=5, replaced={"a": 3})
        account.save(store)

        assert account_of(store, "bytes") == account

    def test_another_unit_is_refused(self, tmp_path: Path) -> None:
        """Looks that were spent cannot be counted in bytes."""
        Account(unit="looks").save(DiskStore(tmp_path))
        with pytest.raises(ResumeError, match="a budget of looks, now it is one of bytes"):
            account_of(DiskStore(tmp_path), "bytes")

        assert (tmp_path / FILE).exists()
