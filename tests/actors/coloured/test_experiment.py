"""The toy experiment: PAN's schedule, results by scale, and a run that goes on after a stop."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from actors.checkpoint import Epoch, load_checkpoint
from actors.coloured.batch import batch_of, targets_of
from actors.coloured.experiment import Experiment, ToyOutcome
from actors.coloured.result import result_of, scale_bin
from actors.coloured.schedule import Schedule
from actors.model_directory import Precision
from pipeline.benchmarks.coloured.backgrounds import Backgrounds
from pipeline.benchmarks.coloured.dataset import ColouredData, ColouredPlan, make_data
from pipeline.benchmarks.coloured.law import ColouredLaw
from pipeline.benchmarks.digits import all_of, read_digits
from pipeline.errors import ResumeError

LAW = ColouredLaw()


@pytest.fixture(scope="module")
def data() -> ColouredData:
    """Some eighty pairs of scikit-learn's digits."""
    plan = ColouredPlan(law=LAW, num_pairs={"train": 48, "validation": 16, "test": 20}, seed=1)
    return make_data(plan, all_of(read_digits("digits")), Backgrounds(LAW, []))


def run(data: ColouredData, out: Path, epochs: int) -> tuple[ToyOutcome, list[Epoch]]:
    """An experiment of so many epochs, begun or gone on with."""
    out.mkdir(exist_ok=True)
    told: list[Epoch] = []
    experiment = Experiment(
        data=data,
        law=LAW,
        kind="san",
        schedule=Schedule(epochs=epochs, batch_size=16),
        seed=3,
        out=out,
    )
    return experiment.run(told.append), told


class TestExperiment:
    def test_a_stopped_run_goes_on_to_the_same_result(
        self, data: ColouredData, tmp_path: Path
    ) -> None:
        """Two epochs and then one more equal three in one go, in loss and in every figure."""
        whole, at_once = run(data, tmp_path / "whole", 3)
        run(data, tmp_path / "parts", 2)
        resumed, last = run(data, tmp_path / "parts", 3)

        tested = whole.tested
        best = max(one.accuracy for one in at_once)
        assert resumed.tested == tested
        assert [(one.epoch, one.loss) for one in last] == [(3, at_once[2].loss)]
        assert [one.accuracy for one in whole.epochs].index(best) == whole.best_epoch - 1
        assert tested.num_pairs == 20
        assert sum(tested.pairs_by_scale) == 20
        assert 0 < (tested.on_ink or 0) < (tested.in_box or 0) < 1

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"seed": 4}, "seed: 3 then, 4 now"),
            ({"schedule": Schedule(epochs=2, batch_size=8)}, "schedule.batch_size: 16 then, 8 now"),
            ({"kind": "context"}, "attention: 'san' then, 'context' now"),
        ],
    )
    def test_it_goes_on_with_nothing_else(
        self, data: ColouredData, tmp_path: Path, change: dict[str, Any], named: str
    ) -> None:
        """Another seed, schedule or attention in the same directory is refused by name."""
        begun = Experiment(
            data=data,
            law=LAW,
            kind="san",
            schedule=Schedule(epochs=1, batch_size=16),
            seed=3,
            out=tmp_path,
        )
        begun.run(lambda _: None)

        with pytest.raises(ResumeError, match=re.escape(named)):
            replace(begun, **change).run(lambda _: None)

    def test_a_run_of_before_there_was_a_precision_goes_on(
        self, data: ColouredData, tmp_path: Path
    ) -> None:
        """It was float32, and is taken up as that."""
        run(data, tmp_path, 1)
        record = json.loads((tmp_path / "run.json").read_text())
        assert record["settings"].pop("schedule.precision") == "float32"
        (tmp_path / "run.json").write_text(json.dumps(record))
        _, told = run(data, tmp_path, 2)

        assert [one.epoch for one in told] == [2]

    def test_other_data_are_refused(self, data: ColouredData, tmp_path: Path) -> None:
        """The same pairs on other pixels are other data."""
        run(data, tmp_path, 1)
        other = replace(data, images=255 - data.images)

        with pytest.raises(ResumeError, match=re.escape("data.sha256")):
            run(other, tmp_path, 2)

    def test_bfloat16_goes_nearly_the_same_way(self, data: ColouredData, tmp_path: Path) -> None:
        """The loss of an epoch differs by rounding, and by no more; what is kept stays float32."""
        losses = []
        for precision in get_args(Precision):
            schedule = Schedule(epochs=1, batch_size=16, precision=precision)
            out = tmp_path / precision
            experiment = Experiment(
                data=data, law=LAW, kind="arnn", schedule=schedule, seed=3, out=out
            )
            losses.append(experiment.run(lambda _: None).epochs[0].loss)
            saved = load_checkpoint(out)
            assert saved is not None
            assert {w.dtype for w in saved.network.values() if w.is_floating_point()} == {
                torch.float32
            }
        plain, *_, rounded = losses

        assert rounded != plain
        assert rounded == pytest.approx(plain, rel=0.05)

    def test_a_batch_is_what_the_pairs_point_at(self, data: ColouredData) -> None:
        """Pixels from 0 to 1, the ink inside the box, labels as in the table."""
        pairs = data.pairs[:5]
        batch = batch_of(data, pairs, torch.device("cpu"))
        targets = targets_of(data, pairs, torch.device("cpu"))

        np.testing.assert_allclose(
            batch.images[2].permute(1, 2, 0).numpy() * 255,
            data.images[pairs[2].image],
            atol=1e-3,
        )
        assert batch.labels.tolist() == [pair.label for pair in pairs]
        assert not (targets.ink & ~targets.box).any()
        assert targets.box.sum(dim=(1, 2)).tolist() == [pair.side_px**2 for pair in pairs]


class TestSchedule:
    def test_the_rate_falls_as_in_pan(self) -> None:
        """0.003 for thirty epochs, then divided by 1.5 at the 31st and every twelfth after."""
        schedule = Schedule()
        found = [schedule.rate_of(epoch) for epoch in (1, 30, 31, 42, 43, 55)]

        assert found == pytest.approx([0.003, 0.003, 0.002, 0.002, 0.002 / 1.5, 0.002 / 1.5**2])


class TestResult:
    @pytest.mark.parametrize(
        ("scale", "wanted"),
        [(0.5, 0), (0.51, 0), (1.0, 0), (1.01, 1), (2.5, 3), (2.9, 4), (3.0, 4)],
    )
    def test_bins_hold_their_upper_end(self, scale: float, wanted: int) -> None:
        """(0.5, 1], (1, 1.5], ... (2.5, 3]."""
        assert scale_bin(scale) == wanted

    def test_accuracy_by_scale(self, data: ColouredData) -> None:
        """Each bin averages its own pairs; an empty one is None."""
        pairs = [replace(data.pairs[0], scale=scale) for scale in (0.6, 0.9, 1.2, 2.8)]
        right = [np.array([True, False]), np.array([True, True])]
        found = result_of(pairs, right, [], [])

        assert found.accuracy == 0.75
        assert found.by_scale == (0.5, 1.0, None, None, 1.0)
        assert found.on_ink is None
