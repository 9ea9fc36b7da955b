"""Passes over an archive with one budget: everybody a little, then those of whom least is certain."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from pipeline.budget.account import Account, account_of
from pipeline.budget.archive_budget import ArchiveBudget
from pipeline.budget.shares import Share, Standing, first_shares, next_shares
from pipeline.budget.standings import Row, costs_of, rows_of
from pipeline.errors import AllowanceSpentError
from pipeline.image_record import ImageRecord
from pipeline.records.grants import Grants
from pipeline.records.output import Output
from pipeline.records.result import failed
from pipeline.records.walk_memory import WalkMemory
from pipeline.walk.allowance import Allowance

Classify: TypeAlias = Callable[[Sequence[ImageRecord], Mapping[str, Allowance], str], float]
"""Images, what each may spend, and what to call it. Returns when all have been taken up, with the seconds until the
first of them was done: no pass has anything to show for less."""

RESERVED_SHARE = 0.1
"""Of the seconds that are left: kept for looks under way and for the end of the workers."""
MOST_RESERVED_S = 10.0
"""Of them, at most."""


class Passes:
    """Of one run.

    Args:
        budget: of the archive.
        output: the run's tables.
        records: all images.
        most_looks: an image's own budget; None: no end.
        is_merged: whether there are rows of an earlier run, in files that are not of one image each.
    """

    def __init__(
        self,
        budget: ArchiveBudget,
        output: Output,
        records: Sequence[ImageRecord],
        *,
        most_looks: int | None,
        is_merged: bool,
    ) -> None:
        self._budget, self._output, self._records = budget, output, records
        self._most_looks = most_looks
        self._is_merged = is_merged
        self._grants = Grants(output.store)
        self._account: Account = account_of(output.store, budget.unit)
        self._started_s = time.time()
        self._until_s = self._started_s + _seconds_to_look(budget, self._account)
        self._given: dict[str, tuple[int, int]] = {}
        self._start_s = 0.0

    def run(self, to_do: Sequence[ImageRecord], classify: Classify) -> None:
        """Take all passes. Whoever got nothing has a row that says so."""
        try:
            self._take_passes(to_do, classify)
        finally:
            if self._budget.unit == "seconds":
                self._account.lost += math.ceil(time.time() - self._started_s)
                self._account.save(self._output.store)

    def _take_passes(self, to_do: Sequence[ImageRecord], classify: Classify) -> None:
        self._settle()
        rows = rows_of(self._output)
        shares = first_shares(to_do, self._budget.unit, self._left(rows), self._most_looks)
        shares = shares or self._next(rows)
        number = 1
        while shares:
            self._make_room(shares, rows)
            allowances = {one.record.sample_id: one.allowance for one in shares}
            records = [one.record for one in shares]
            self._start_s = classify(records, allowances, f"pass {number}")
            self._settle()
            rows = rows_of(self._output)
            shares = self._next(rows)
            number += 1
        self._tell_the_rest(rows)

    def _settle(self) -> None:
        """What was set aside for images whose process died is spent; they may be taken up anew."""
        found = self._grants.left_behind(self._records)
        self._account.lost += sum(one.lost for one in found.values())
        self._account.save(self._output.store)
        self._grants.clear()
        for name, one in found.items():
            if one.has_died:
                self._given.pop(name, None)

    def _left(self, rows: Mapping[str, Row]) -> float:
        """Of the budget; for seconds, when it ends."""
        if self._budget.unit == "seconds":
            return self._until_s
        return self._budget.amount - self._account.spent(costs_of(rows, self._budget.unit))

    def _next(self, rows: Mapping[str, Row]) -> list[Share]:
        if self._budget.unit == "seconds" and time.time() + self._start_s >= self._until_s:
            return []  # its workers would not be up in time
        standings = [
            Standing(
                record=record, confidence=row.confidence, looks=row.looks, num_bytes=row.num_bytes
            )
            for record in self._records
            if (row := rows.get(record.sample_id, Row())).may_go_on
        ]
        shares = next_shares(standings, self._budget.unit, self._left(rows), self._most_looks)
        return [one for one in shares if self._is_worth_it(one, rows)]

    def _is_worth_it(self, share: Share, rows: Mapping[str, Row]) -> bool:
        """Whether the image is further on, or gets more than last time: else the passes would have no end."""
        name, granted = share.record.sample_id, share.allowance.granted
        looks = rows.get(name, Row()).looks
        last = self._given.get(name)
        self._given[name] = (looks, granted)
        return last is None or looks > last[0] or granted > last[1]

    def _make_room(self, shares: Sequence[Share], rows: Mapping[str, Row]) -> None:
        """Rows are written anew: what they say stays spent, and each image's get a file of their own."""
        names = {one.record.sample_id for one in shares}
        costs = costs_of(rows, self._budget.unit)
        begun_anew = {one for one in names if one in rows and rows[one].confidence is None}
        forget(begun_anew, self._account, costs, self._output)
        self._account.replace((names & rows.keys()) - begun_anew, costs)
        self._account.save(self._output.store)
        if begun_anew:
            self._output.drop(begun_anew)
            self._is_merged = True
        if self._is_merged:  # an image that is put off keeps what it has
            self._output.part(names - begun_anew)

    def _tell_the_rest(self, rows: Mapping[str, Row]) -> None:
        for record in self._records:
            if record.sample_id not in rows:
                error = AllowanceSpentError(
                    f"{record.image_path}: not looked at: the archive's budget of {self._budget} is spent; run again "
                    "with a larger --archive-budget, or fewer images"
                )
                self._output.commit(failed(record, error, 0.0))


def _seconds_to_look(budget: ArchiveBudget, account: Account) -> float:
    """What is left of a budget of seconds, less what the last looks and the end of the workers take."""
    left = budget.amount - account.lost
    return left - min(MOST_RESERVED_S, RESERVED_SHARE * left)


def forget_rows(budget: ArchiveBudget, output: Output, sample_ids: Collection[str]) -> None:
    """Rows are about to be thrown away: what they cost stays spent."""
    if not sample_ids:
        return
    account = account_of(output.store, budget.unit)
    forget(sample_ids, account, costs_of(rows_of(output), budget.unit), output)
    account.save(output.store)


def forget(
    sample_ids: Collection[str], account: Account, costs: Mapping[str, int], output: Output
) -> None:
    """Images are about to be begun anew: what they cost is in no row, and nothing of their walks is remembered."""
    account.give_up(sample_ids, costs)
    walks = WalkMemory(output.store)
    for one in sample_ids:
        walks.forget(one)


def spent_of(budget: ArchiveBudget, output: Output) -> int:
    """What of a budget has been spent."""
    account = account_of(output.store, budget.unit)
    return account.spent(costs_of(rows_of(output), budget.unit))
