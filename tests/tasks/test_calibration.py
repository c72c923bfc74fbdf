"""Confidence against what was right: closed forms, and scikit-learn's bins."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from gptlab.tasks.calibration import Bin, calibration_error, in_bins


def test_a_model_that_is_as_often_right_as_it_says_has_no_error() -> None:
    right = [True] * 3 + [False] + [True] * 9 + [False]
    confidences = [0.75] * 4 + [0.9] * 10
    assert calibration_error(confidences, right) == pytest.approx(0)
    assert calibration_error([0.75] * 8, [True] * 8) == pytest.approx(0.25)
    assert calibration_error([1.0] * 4, [False] * 4) == 1


def test_a_bin_counts_by_what_it_holds() -> None:
    bins = in_bins([0.62, 0.68, 0.95, 1.0], [True, False, True, True])
    expected = [Bin(0.65, 0.5, 0.5), Bin(0.975, 1.0, 0.5)]
    assert [tuple(map(pytest.approx, b)) for b in expected] == bins
    assert calibration_error([0.6, 0.9, 0.9, 0.9], [True] * 4) == pytest.approx(
        0.25 * 0.4 + 0.75 * 0.1
    )


@pytest.mark.parametrize("n_bins", [1, 5, 10, 17])
def test_as_scikit_learn_sorts_them(n_bins: int) -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.3, 1, 200)
    right = rng.uniform(size=200) < confidences**2
    shares, means = calibration_curve(right, confidences, n_bins=n_bins)
    counts = np.histogram(confidences, n_bins, (0, 1))[0]
    weights = counts[counts > 0] / 200
    bins = in_bins(confidences.tolist(), right.tolist(), n_bins)
    np.testing.assert_allclose(np.array(bins).T, [means, shares, weights])
    error = float(np.sum(weights * np.abs(means - shares)))
    assert calibration_error(confidences.tolist(), right.tolist(), n_bins) == pytest.approx(error)


def test_what_makes_no_sense_is_said() -> None:
    with pytest.raises(ValueError, match="2 confidences for 1 answers"):
        in_bins([0.5, 0.6], [True])
    with pytest.raises(ValueError, match="0 confidences for 0"):
        in_bins([], [])
    with pytest.raises(ValueError, match=r"is 1\.2; it must lie"):
        in_bins([1.2], [True])
