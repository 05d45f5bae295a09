"""Curves through points: known forms are found again, and the bands hold what they say."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import curve_fit

from topwork.evidence.learning_curve.forms import Means, fit_curves, means_of
from topwork.evidence.learning_curve.points import Fit, Points

SIZES = np.array([25.0, 50.0, 100.0, 200.0, 400.0, 800.0])


def pow4(x: npt.NDArray[np.float64], a: float, b: float, c: float, d: float) -> object:
    return a - b * (x + d) ** -c


def mmf4(x: npt.NDArray[np.float64], a: float, b: float, c: float, d: float) -> object:
    return (a * b + c * x**d) / (b + x**d)


def sure(values: object, deviation: float = 1e-3) -> Means:
    """Means that are all but certain."""
    return Means(
        sizes=SIZES, values=np.asarray(values), covariance=np.eye(len(SIZES)) * deviation**2
    )


@pytest.mark.parametrize(
    ("form", "parameters"),
    [(pow4, (0.95, 2.0, 0.6, 10.0)), (mmf4, (0.3, 60.0, 0.92, 1.1)), (pow4, (0.99, 1.5, 0.4, 0.0))],
)
def test_known_forms_go_on_as_scipy_says(form: object, parameters: tuple[float, ...]) -> None:
    """`curve_fit`, begun at the truth, is the reference; a point of accuracy is the tolerance."""
    values = form(SIZES, *parameters)  # type: ignore[operator]
    curves = fit_curves(sure(values))
    refitted, _ = curve_fit(form, SIZES, values, p0=parameters, maxfev=10_000)
    for size in (1600.0, 8000.0):
        found = curves.predict(size)
        reference = form(np.array([size]), *refitted)[0]  # type: ignore[operator]
        assert found.value == pytest.approx(reference, abs=0.01 if size < 2000 else 0.03)
        assert found.low <= reference <= found.high


def test_every_curve_is_an_accuracy_that_does_not_fall() -> None:
    rng = np.random.default_rng(0)
    curves = fit_curves(sure(np.clip(0.9 + 0.05 * rng.normal(size=6), 0, 1), 0.05))
    grid = np.geomspace(25, 8000, 30)
    lines = np.stack([curves.at(size) for size in grid])
    assert lines.min() >= 0
    assert lines.max() <= 1
    assert np.diff(lines, axis=0).min() >= -1e-12
    assert 0.2 < curves.is_pow4.mean() < 0.8  # points that tell nothing leave both forms


def test_bands_hold_what_they_say() -> None:
    """Of 120 noisy curves; 95% less three standard errors is 89%."""
    rng = np.random.default_rng(1)
    held, widths = [], []
    for _ in range(120):
        limit, drop, rate = rng.uniform(0.7, 1), rng.uniform(0.2, 0.6), rng.uniform(0.2, 1.2)
        truth = limit - drop * (SIZES / SIZES[0]) ** -rate
        variances = truth * (1 - truth) * (1 / 1000 + 0.2 / SIZES)
        means = Means(
            sizes=SIZES,
            values=np.clip(rng.normal(truth, np.sqrt(variances)), 0, 1),
            covariance=np.diag(variances),
        )
        curves = fit_curves(means)
        for times in (2, 10):
            found = curves.predict(SIZES[-1] * times)
            held.append(found.low <= limit - drop * (32.0 * times) ** -rate <= found.high)
        widths.append([curves.predict(800.0 * t).high - curves.predict(800.0 * t).low
                       for t in (1, 2, 10)])  # fmt: skip
    assert np.mean(held) >= 0.89
    near, twice, tenfold = np.mean(widths, axis=0)
    assert near < twice < tenfold < 0.25


def test_points_without_errors_are_no_certainty() -> None:
    found = fit_curves(sure(np.ones(6), 0.01)).predict(1600)
    assert found.high == pytest.approx(1.0, abs=0.005)
    assert 0.95 < found.low < 0.999


def make_points(complete: bool, *, seed: int = 0) -> Points:
    """Two sizes, five folds of 40; fold 0 is easy. The second size may have seen that one alone."""
    rng = np.random.default_rng(seed)
    fits = []
    for size, share in enumerate((0.6, 0.7)):
        for unit in range(5 if complete or size == 0 else 1):
            test = np.arange(unit * 40, unit * 40 + 40)
            easier = 0.2 if unit == 0 else -0.05
            fits.append(Fit(size=size, unit=unit, test=test, right=rng.random(40) < share + easier))
    return Points(sizes=(50, 100), fits=tuple(fits), clusters=np.arange(200), thins_groups=False)


def test_means_of_complete_folds_are_plain_means() -> None:
    points = make_points(complete=True)
    means = means_of(points)
    for size in range(2):
        every = np.concatenate([fit.right for fit in points.fits if fit.size == size])
        assert means.values[size] == pytest.approx(every.mean(), abs=1e-6)
        binomial = every.mean() * (1 - every.mean()) / 200
        assert binomial < means.covariance[size, size] < 4 * binomial


def test_a_size_that_saw_one_easy_fold_is_not_flattered() -> None:
    plain, freed, reach = [], [], []
    for seed in range(20):
        points = make_points(complete=False, seed=seed)
        means = means_of(points)
        plain.append(points.fits[-1].right.mean())
        freed.append(means.values[1])
        reach.append(np.sqrt(means.covariance[1, 1]))
    assert np.mean(plain) == pytest.approx(0.9, abs=0.04)
    assert np.mean(freed) == pytest.approx(0.7, abs=0.04)
    assert np.mean(reach) == pytest.approx(np.std(freed), rel=0.6)


def test_groups_that_answer_alike_count_as_one() -> None:
    right = np.repeat([True, True, True, False], 50)
    for clusters, deviation in ((np.arange(200), 0.031), (np.repeat(np.arange(4), 50), 0.25)):
        fits = tuple(Fit(size=s, unit=0, test=np.arange(200), right=right) for s in range(3))
        points = Points(sizes=(200, 400, 800), fits=fits, clusters=clusters, thins_groups=False)
        found = np.sqrt(np.diag(means_of(points).covariance))
        np.testing.assert_allclose(found, deviation, rtol=0.6)
