"""Parametric forms of learning curves.

Two forms, which extrapolated best of 16 on 246 data sets (Mohr, Viering, Loog and van Rijn 2022,
"LCDB 1.0: an extensive learning curves database for classification tasks"):

    pow4    a - b (x + d)^-c
    mmf4    (a b + c x^d) / (b + x^d)

Both are `limit - drop * g(x)`, where g falls from 1 at the smallest size to 0 and has two
parameters; given these and the limit, the drop is linear (Golub and Pereyra 1973). So all of them
are tried on a grid: nothing depends on where a search starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Doubles, Float64, Int
from topwork.evaluation.intervals import Estimate
from topwork.evidence.learning_curve.points import Points

MISFIT = 0.02
"""How far a true curve may be from both forms, as a share of its errors, one standard deviation.
From 0.01 to 0.05 the bands of all 27 predictions for twice the examples held (see
benchmarks/curves.py), and were wider with more."""

DRAW_BOUNDS = (0.25, 4.0)
"""Bounds of the variance by the draw of what is learned from, in `p (1 - p) / size`: a handful of
fits cannot tell it."""

NUM_DRAWS, SEED = 4000, 0

POW4_RATES = np.geomspace(0.1, 2.0, 16)
POW4_SHIFTS = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
"""In smallest sizes."""

MMF4_RATES = np.geomspace(0.3, 2.5, 10)
MMF4_HALVES, NUM_HALVES = (0.25, 10.0), 14
"""Where half of the way is gone: from a quarter of the smallest size to ten times the largest."""

NUM_LIMITS = 40
TILT = 1.0
"""Limits are the more likely beforehand the nearer they are to 1: in proportion to their distance
from the lowest, to this power. With all alike (0) 27 predictions for twice the examples were 0.8
points too low in the mean, with 1 0.5 and with 2 0.2; but the past of the four whole sets was off
by 0.32, 0.55 and 0.72 points."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Means:
    """Mean accuracies of several sizes.

    Attributes:
        sizes: [S], ascending.
        values: [S].
        covariance: of the values around what the whole population would give, [S, S].
    """

    sizes: Doubles
    values: Doubles
    covariance: Doubles

    def take(self, positions: Int[np.ndarray, " n"]) -> Means:
        """Return those of some sizes."""
        return Means(
            sizes=self.sizes[positions],
            values=self.values[positions],
            covariance=self.covariance[np.ix_(positions, positions)],
        )


def means_of(points: Points) -> Means:
    """Return each size's mean, freed of which folds it was asked about, and how sure they are.

    The fits are a table of sizes and folds with gaps where the time was up. Size and fold are two
    additive effects, by weighted least squares; so a size that only saw an easy fold is not
    flattered. The covariance is that of drawing other test examples (or groups) plus that of
    drawing others to learn from. The latter goes with `p (1 - p) / size`: clothes and hand signs,
    30 to 825 examples, 0.2 to 1.1 times that. How many times, is taken from what the effects leave.
    """
    fits, num_sizes = points.fits, len(points.sizes)
    counts = np.array([len(fit.test) for fit in fits], np.float64)
    shares = np.array([fit.right.mean() for fit in fits])
    size_of = np.array([fit.size for fit in fits])
    sizes = np.array(points.sizes, np.float64)
    mean = np.bincount(size_of, shares * counts) / np.bincount(size_of, counts)
    binomial = np.maximum(mean * (1 - mean), 0.5 / len(points.clusters))
    expected = binomial[size_of] * (1 / sizes[size_of] + 1 / counts)

    units, unit_of = np.unique([fit.unit for fit in fits], return_inverse=True)
    design = np.zeros((len(fits) + 1, num_sizes + len(units)))
    design[np.arange(len(fits)), size_of] = 1
    design[np.arange(len(fits)), num_sizes + unit_of] = 1
    design[-1, num_sizes + unit_of] = counts  # the folds' effects are 0 on average
    design[-1] /= design[-1].sum()
    scale = np.append(1 / np.sqrt(expected), 1e3 / np.sqrt(expected.min()))
    solver = np.linalg.pinv(design * scale[:, None]) * scale
    found = solver @ np.append(shares, 0.0)
    values = np.clip(found[:num_sizes], 0.0, 1.0)
    left_over = shares - (design @ found)[:-1]

    influence = np.zeros((int(points.clusters.max()) + 1, num_sizes))
    for number, fit in enumerate(fits):
        parts = (fit.right - values[fit.size])[:, None] * solver[:num_sizes, number]
        np.add.at(influence, points.clusters[fit.test], parts / len(fit.test))
    num_clusters = len(influence)
    covariance = influence.T @ influence * (num_clusters / (num_clusters - 1))
    free = len(fits) + 1 - num_sizes - len(units)
    times = float((left_over**2 / expected).sum()) / free if free else 1.0
    training = np.clip(times, *DRAW_BOUNDS) * binomial / sizes / np.array(points.num_repeats)
    covariance += np.diag(training + 1 / len(points.clusters) ** 2)  # no errors are no certainty
    return Means(sizes=sizes, values=values, covariance=covariance)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """Curves drawn by how well they explain the points: their spread is what is not known.

    Attributes:
        smallest: size at which every shape is 1.
        shapes: parameters of the form, the rate first, [D, 2].
        is_pow4: which form, [D].
        limits: accuracy with any number of examples, [D].
        drops: what is missing of it at the smallest size, [D].
    """

    smallest: float
    shapes: Doubles
    is_pow4: npt.NDArray[np.bool_]
    limits: Doubles
    drops: Doubles

    def at(self, size: float) -> Float64[np.ndarray, " d"]:
        """Return the accuracy of every curve at a size, [D]."""
        g = _shape(np.array([size]), self.smallest, self.shapes, self.is_pow4)
        return np.asarray(self.limits - self.drops * g[:, 0], np.float64)

    def predict(self, size: float) -> Estimate:
        """Return the median of the curves, and what 95% of them lie between."""
        low, value, high = np.quantile(self.at(size), [0.025, 0.5, 0.975])
        return Estimate.around(float(value), float(low), float(high))


def fit_curves(means: Means) -> Curves:
    """Draw curves that explain the points, both forms beforehand as likely.

    Every shape and limit of a grid is weighed by the probability of the points (multivariate
    normal, the covariance of the means and `MISFIT`), the drop integrated out; the curves are drawn
    by these weights. So the band knows of the noise of the test examples and of the fits, of both
    forms, and of all the curves that the points do not tell apart. Beside a bootstrap that refits
    both forms with scipy's `least_squares` and takes their mean, on 27 predictions for twice the
    examples of four sets (benchmarks/curves.py): mean error 1.1 points against 1.2, the truth in 27
    bands against 26, the bands 5.9 points wide against 7.0. Limits are
    between the largest size's accuracy (less three standard errors) and 1 (see `TILT`); no curve
    falls.
    """
    from scipy.special import ndtr, ndtri

    sizes, values = means.sizes, means.values
    errors = np.maximum(1 - values, 0.01)
    covariance = means.covariance + np.diag((MISFIT * errors + 0.001) ** 2)
    precision = np.linalg.inv(covariance)
    shapes, is_pow4 = _grid(sizes)
    g = _shape(sizes, sizes[0], shapes, is_pow4)
    lowest = float(np.clip(values[-1] - 3 * np.sqrt(covariance[-1, -1]), 0.0, 0.999))
    limits = np.linspace(lowest, 1.0, NUM_LIMITS)
    missing = limits[:, None] - values
    weighted = g @ precision
    information = np.einsum("gs,gs->g", weighted, g)[:, None]
    drops = weighted @ missing.T / information
    spread = 1 / np.sqrt(information)
    squares = np.einsum("as,st,at->a", missing, precision, missing) - drops**2 * information
    least, most = ndtr(-drops / spread), ndtr((limits - drops) / spread)
    prior = np.where(is_pow4, 1 / is_pow4.sum(), 1 / (~is_pow4).sum())[:, None]
    with np.errstate(divide="ignore"):
        log_weights = np.log(spread * prior * (most - least)) - squares / 2
        log_weights += TILT * np.log(np.linspace(0, 1, NUM_LIMITS))
    weights = np.exp(log_weights - log_weights.max()).ravel()

    rng = np.random.default_rng(SEED)
    drawn = rng.choice(len(weights), NUM_DRAWS, p=weights / weights.sum())
    shape, limit = np.unravel_index(drawn, log_weights.shape)
    between = least[shape, limit] + rng.random(NUM_DRAWS) * (most - least)[shape, limit]
    moved = spread[shape, 0] * ndtri(np.clip(between, 1e-12, 1 - 1e-12))
    return Curves(
        smallest=float(sizes[0]),
        shapes=shapes[shape],
        is_pow4=is_pow4[shape],
        limits=limits[limit],
        drops=np.clip(drops[shape, limit] + moved, 0.0, limits[limit]),
    )


def _grid(sizes: Doubles) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return the parameters of all shapes [G, 2], and which of them are pow4's."""
    pow4 = np.meshgrid(POW4_RATES, POW4_SHIFTS * sizes[0], indexing="ij")
    halves = np.geomspace(MMF4_HALVES[0] * sizes[0], MMF4_HALVES[1] * sizes[-1], NUM_HALVES)
    mmf4 = np.meshgrid(MMF4_RATES, halves, indexing="ij")
    parts = [np.stack([axis.ravel() for axis in grid], axis=1) for grid in (pow4, mmf4)]
    return np.concatenate(parts), np.arange(sum(map(len, parts))) < len(parts[0])


def _shape(
    sizes: Doubles, smallest: float, shapes: Doubles, is_pow4: npt.NDArray[np.bool_]
) -> Doubles:
    """Return what is still missing at each size of what was at the smallest, [G, S]."""
    rate, second = shapes[:, :1], shapes[:, 1:]
    pow4 = ((sizes + second) / (smallest + second)) ** -rate
    half = np.where(is_pow4[:, None], 1.0, second)  # of pow4 it may be 0
    mmf4 = (1 + (smallest / half) ** rate) / (1 + (sizes / half) ** rate)
    return np.where(is_pow4[:, None], pow4, mmf4)
