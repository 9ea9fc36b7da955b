"""What has been spent of an archive's budget, kept beside the run so that no process can forget it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from pipeline.budget.archive_budget import Unit
from pipeline.errors import ResumeError
from pipeline.records.store.run_store import RunStore

FILE = "archive_budget.json"


@dataclass(slots=True, kw_only=True)
class Account:
    """Of one run. Every image's row says what it cost; here is what no row says."""

    unit: Unit
    """Of all numbers."""
    lost: int = 0
    """Set aside for images whose process died, or spent on rows that were thrown away."""
    replaced: dict[str, int] = field(default_factory=dict)
    """What images had cost that are walked on, by id: their rows are written anew."""

    def spent(self, rows: Mapping[str, int]) -> int:
        """All that was spent, and all that may have been. `rows`: cost of each image, by id, as its row says."""
        ids = rows.keys() | self.replaced.keys()
        return self.lost + sum(max(rows.get(one, 0), self.replaced.get(one, 0)) for one in ids)

    def replace(self, sample_ids: Iterable[str], rows: Mapping[str, int]) -> None:
        """Images are about to be walked on; what their rows say stays spent whatever becomes of them."""
        for one in sample_ids:
            if one in rows:
                self.replaced[one] = max(rows[one], self.replaced.get(one, 0))

    def give_up(self, sample_ids: Iterable[str], rows: Mapping[str, int]) -> None:
        """Images are about to be begun anew: their next rows will not say what these ones cost."""
        self.lost += sum(max(rows.get(one, 0), self.replaced.pop(one, 0)) for one in sample_ids)

    def save(self, store: RunStore) -> None:
        """Write it, atomically."""
        store.put(FILE, json.dumps(asdict(self)).encode())


def account_of(store: RunStore, unit: Unit) -> Account:
    """That of a run, or a new one.

    Raises:
        ResumeError: if the run counted in another unit.
    """
    found = store.get(FILE)
    if found is None:
        return Account(unit=unit)
    account = Account(**json.loads(found))
    if account.unit != unit:
        raise ResumeError(
            f"{store.uri} holds a run with a budget of {account.unit}, now it is one of {unit}; give "
            f"--archive-budget in {account.unit}, or another --out"
        )
    return account
