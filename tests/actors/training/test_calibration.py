"""Temperature and calibration error against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from actors.training.calibration import (
    cross_entropy,
    expected_calibration_error,
    fit_temperature,
    smoothed_loss,
)


def drawn(num_images: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities that are `temperature` times too sharp for the labels drawn from them."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(num_images, 5)) * 2
    labels = np.array([rng.choice(5, p=softmax(row)) for row in logits])
    return log_softmax(logits * temperature, axis=1), labels


class TestTemperature:
    @pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
    def test_it_undoes_what_made_predictions_too_sharp_or_too_flat(
        self, temperature: float
    ) -> None:
        """Labels drawn at T = 1 give back the factor that the logits were multiplied with."""
        log_probs, labels = drawn(20_000, temperature)

        assert fit_temperature(log_probs, labels) == pytest.approx(temperature, rel=0.05)

    def test_no_temperature_of_a_fine_grid_is_better(self) -> None:
        """The fitted temperature has the least cross-entropy of all."""
        log_probs, labels = drawn(500, 2.0)
        best = smoothed_loss(log_probs / fit_temperature(log_probs, labels), labels)

        for tried in np.geomspace(0.06, 19, 400):
            assert best <= smoothed_loss(log_probs / tried, labels) + 1e-9

    def test_a_hundred_right_answers_are_not_certainty(self) -> None:
        """Where all of N are right, confidence becomes about that of N + 1 with one of any class."""
        labels = np.arange(100) % 4
        log_probs = log_softmax(np.eye(4)[labels] * 3, axis=1)

        sure = softmax(log_probs / fit_temperature(log_probs, labels), axis=1).max(axis=1)

        assert sure == pytest.approx(1 - 0.75 / 101, abs=1e-3)

    def test_cross_entropy_is_the_mean_of_minus_log_p(self) -> None:
        """By hand: p = 3/4 of the true class twice and 1/4 once."""
        logits = np.log([[3.0, 1.0], [1.0, 3.0], [3.0, 1.0]])

        found = cross_entropy(logits, np.array([0, 1, 1]))

        assert found == pytest.approx((2 * np.log(4 / 3) + np.log(4)) / 3)


class TestCalibrationError:
    def test_by_hand(self) -> None:
        """Ten images at 0.95 of which 8 are right, and ten at 0.65 of which 6 are: (0.15 + 0.05) / 2."""
        probabilities = np.array([[0.95, 0.05]] * 10 + [[0.65, 0.35]] * 10)
        labels = np.array([0] * 8 + [1] * 2 + [0] * 6 + [1] * 4)

        assert expected_calibration_error(probabilities, labels) == pytest.approx(0.10)

    def test_certain_and_right_is_calibrated(self) -> None:
        """Confidence 1 on right answers has no error, and falls into the last bin."""
        assert expected_calibration_error(np.eye(3), np.arange(3)) == 0
