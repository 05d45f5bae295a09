"""Arrays are moved, scaled and disturbed within their ranges, each row in its own unit."""

import numpy as np
import pytest

from topwork.examples.arrays.views import (
    ARRAY_AUGMENTATIONS,
    MAX_NOISE,
    MAX_SCALE,
    array_view,
    slid,
)


def view(array, *names, seed=1):
    def draw(name):
        return np.random.default_rng([seed, ARRAY_AUGMENTATIONS.index(name)])

    return array_view(array, names, draw)


def rows():
    """Two channels, of which one has numbers a thousand times as large."""
    small = np.random.default_rng(0).normal(0, 1, 200)
    return np.stack([small, 1_000 * small[::-1]]).astype(np.float32)


@pytest.mark.parametrize(
    ("steps", "want"), [(0, [1, 2, 3]), (1, [1, 1, 2]), (-2, [3, 3, 3]), (9, [1, 1, 1])]
)
def test_slid(steps, want):
    assert slid(np.array([1, 2, 3], np.float32), steps, axis=0).tolist() == want


def test_shift_moves_all_rows_alike_up_to_a_tenth():
    moves = []
    for seed in range(80):
        got = view(rows(), "shift", seed=seed)
        moves += [n for n in range(-20, 21) if np.array_equal(got, slid(rows(), n, axis=-1))]
    assert len(moves) == 80
    assert -20 <= min(moves) < -14
    assert 14 < max(moves) <= 20


def test_scale_is_one_factor():
    factors = []
    for seed in range(60):
        ratio = view(rows(), "scale", seed=seed) / rows()
        assert np.allclose(ratio, ratio[0, 0], rtol=1e-5)
        factors.append(float(ratio[0, 0]))
    assert 1 / MAX_SCALE <= min(factors) < 0.85
    assert 1.18 < max(factors) <= MAX_SCALE


def test_noise_is_of_each_rows_own_size():
    strengths = []
    for seed in range(40):
        added = view(rows(), "noise", seed=seed) - rows()
        one, other = added.std(axis=1) / rows().std(axis=1)
        assert one == pytest.approx(other, rel=0.3)
        strengths.append(one)
    assert 0.8 * MAX_NOISE < max(strengths) < 1.2 * MAX_NOISE


def test_a_constant_stays_as_it_is():
    assert np.array_equal(
        view(np.full((3, 40), 7, np.float32), "shift", "noise"), np.full((3, 40), 7)
    )
