"""The walk of one image as a state machine: propose looks, take what was seen, know when to stop.

No pixels, no network, no clock but that of an allowance: it can be tested on paper. Looks are proposed in waves; a
wave is decided only when all looks of the one before are back, and then in the order of its choosing, so the order
in which looks come back changes nothing. Waves nest: a walk with a smaller budget takes the first looks of a larger
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.images.region import Region
from pipeline.walk.allowance import ENDLESS, Allowance
from pipeline.walk.candidate_rule import CandidateRule
from pipeline.walk.candidates import Candidates
from pipeline.walk.config import WalkConfig
from pipeline.walk.geometry import Geometry
from pipeline.walk.glimpse import Glimpse, Observation, Position
from pipeline.walk.look import FailedLook, Looks
from pipeline.walk.overlap import ChosenRegions
from pipeline.walk.selection import selection_for

StopReason: TypeAlias = Literal["budget", "confident", "complete", "failed_reads", "archive_budget"]
"""`complete`: no cell is left to look at. `archive_budget`: its share of the archive's budget is spent."""
Combine: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""(L, R) kept of the looks so far to (L, K) class probabilities after each of them."""

MAX_FAILED_LOOKS = 8
"""A walk gives up after so many unreadable looks; each may have cost a timeout. A full scan goes on."""
ROOT_WAVE = 4096
"""Roots proposed at once; bounds what a full scan holds."""


class Traversal:
    """One image being walked. Not thread safe: it has one owner.

    Args:
        config: how it is walked.
        geometry: its tree of looks.
        roots: looks that are taken before any other.
        combine: what the looks so far say.
        candidates: scores the cells of a look.
        open_roots: further roots with scores, which the rule of selection may choose or not.
        allowance: bounds beside the walk's own budget.
    """

    def __init__(
        self,
        config: WalkConfig,
        geometry: Geometry,
        roots: Iterator[Glimpse],
        combine: Combine,
        *,
        candidates: CandidateRule,
        open_roots: Candidates | None = None,
        allowance: Allowance = ENDLESS,
    ) -> None:
        self.looks = Looks()
        self.failed_looks: list[FailedLook] = []
        self.seen: dict[Position, Observation] = {}  # kept where the walk may be taken up again
        self.stop_reason: StopReason | None = None
        self._config = config
        self._geometry = geometry
        self._roots = roots
        self._combine = combine
        self._candidates = candidates
        self._selection = selection_for(config)
        if open_roots is not None:
            self._selection.add(open_roots)
        self._chosen = ChosenRegions(config.overlaps)
        self._wave: list[Glimpse] = []
        self._num_proposed = 0
        self._num_waves = 0
        self._answers: dict[Position, Observation] = {}
        self._failed: dict[Position, str] = {}
        self._allowance = allowance
        self._known: Mapping[Position, Observation | str] = {}
        self._forgone: set[Position] = set()

    def start_within(self, region: Region) -> None:
        """Let `region` (level-0 pixels) stand for the whole image; before the first look."""
        self._roots = (replace(root, region=region) for root in self._roots)

    def go_on_from(self, known: Mapping[Position, Observation | str]) -> None:
        """Before the first look: do not take looks again that an earlier walk took.

        Args:
            known: what was seen there, or the error.
        """
        self._known = known

    @property
    def is_finished(self) -> bool:
        """Whether the walk is over."""
        return self.stop_reason is not None

    def propose(self, max_count: int) -> list[Glimpse]:
        """At most `max_count` looks to take now; none while others of the wave are still out, or at the end."""
        while True:
            if self._num_proposed == len(self._wave) and not self._num_out:
                self._decide()
            first = self._num_proposed
            self._num_proposed = min(len(self._wave), first + max_count)
            proposed = self._wave[first : self._num_proposed]
            unknown = [glimpse for glimpse in proposed if not self._recall(glimpse)]
            if unknown or not proposed:
                return unknown

    def _recall(self, glimpse: Glimpse) -> bool:
        """Take what an earlier walk saw there, if it did."""
        found = self._known.get(glimpse.position)
        if isinstance(found, Observation):
            self.observe(glimpse, found)
        elif found is not None:
            self.fail(glimpse, found)
        return found is not None

    def observe(self, glimpse: Glimpse, observation: Observation) -> None:
        """Take what the model said of a proposed look."""
        self._answers[glimpse.position] = observation
        if not self._allowance.is_endless:
            self.seen[glimpse.position] = observation

    def fail(self, glimpse: Glimpse, error: str) -> None:
        """A proposed look could not be read; the walk goes around it."""
        self._failed[glimpse.position] = error

    def forgo(self, glimpse: Glimpse) -> None:
        """A proposed look was not taken, for the allowance does not suffice; the walk ends with its wave."""
        self._forgone.add(glimpse.position)

    @property
    def _is_scan(self) -> bool:
        return self._config.selection == "full_scan"

    @property
    def num_cells_per_side(self) -> int:
        """Rows, and columns, of the grid of candidate cells of a look."""
        return self._geometry.grid.num_per_side

    def wants_cells(self, glimpse: Glimpse) -> bool:
        """Whether this walk goes on inside the look; if not, its cells need no scores."""
        return self._geometry.has_cells(glimpse)

    @property
    def _num_out(self) -> int:
        return self._num_proposed - len(self._answers) - len(self._failed) - len(self._forgone)

    def _decide(self) -> None:
        """Take stock of the finished wave and form the next one, or stop."""
        while not self.is_finished:
            self._absorb_wave()
            self.stop_reason = self._reason_to_stop()
            if self.is_finished:
                return
            self._wave = self._next_wave()
            if self._wave:
                return
            self.stop_reason = "complete"

    def _absorb_wave(self) -> None:
        for glimpse in self._wave:
            if glimpse.position in self._forgone:
                continue
            if glimpse.position in self._failed:
                self._absorb_failure(glimpse, self._failed[glimpse.position])
                continue
            observation = self._answers[glimpse.position]
            self.looks.append(glimpse, observation.kept, self._num_waves)
            if self._geometry.has_cells(glimpse):
                self._selection.add(self._candidates.opened(glimpse, self._geometry, observation))
        self._num_waves += bool(self._wave)
        self._wave, self._num_proposed = [], 0
        self._answers.clear()
        self._failed.clear()

    def _absorb_failure(self, glimpse: Glimpse, error: str) -> None:
        self.failed_looks.append(
            FailedLook(glimpse=glimpse, after=len(self.looks), wave=self._num_waves, error=error)
        )
        self._selection.give_back(glimpse)

    def _reason_to_stop(self) -> StopReason | None:
        budget = self._config.budget
        if budget is not None and len(self.looks) >= budget:
            return "budget"
        if not self._is_scan and len(self.failed_looks) >= MAX_FAILED_LOOKS:
            return "failed_reads"
        if self._is_sure():
            return "confident"
        return "archive_budget" if self._may_not_go_on else None

    @property
    def _may_not_go_on(self) -> bool:
        looks = self._allowance.looks
        is_spent = looks is not None and len(self.looks) >= looks
        return is_spent or bool(self._forgone) or self._allowance.is_over

    def _is_sure(self) -> bool:
        stop_at, rule = self._config.stop_at, self._config.stop_rule
        if stop_at is None or not self.looks:
            return False
        needed = stop_at if rule is None else rule.confidence_at(stop_at, len(self.looks))
        return float(self._combine(self.looks.kept)[-1].max()) >= needed

    def _next_wave(self) -> list[Glimpse]:
        bounds = [one for one in (self._config.budget, self._allowance.looks) if one is not None]
        left = min(bounds) - len(self.looks) if bounds else None
        roots = list(islice(self._roots, ROOT_WAVE if left is None else min(ROOT_WAVE, left)))
        if not self._is_scan:  # in which nothing is chosen
            for root in roots:
                self._chosen.add(root.region, root.position.depth)
        return roots or self._selection.next_wave(left, self._chosen)
