"""Pictures are moved, turned and coloured as geometry and optics say, and never show black."""

import math

import numpy as np
import pytest

from topwork.examples.images.views import (
    IMAGE_AUGMENTATIONS,
    LIGHT,
    MAX_DEGREES,
    MAX_NOISE,
    image_view,
    warped,
)

GEOMETRY = ("flip", "flip_vertical", "zoom", "rotate", "shift")


def draws(seed):
    return lambda name: np.random.default_rng([seed, IMAGE_AUGMENTATIONS.index(name)])


def view(pixels, *names, seed=1):
    return image_view(pixels, names, draws(seed))


def photo(size=96):
    """A smooth picture of several colours, none of them dark."""
    y, x = np.mgrid[:size, :size] / size
    waves = [np.sin(5 * x + 3 * y), np.cos(4 * y - 2 * x), np.sin(6 * x * y + 1)]
    return np.rint(140 + 60 * np.stack(waves, axis=2)).astype(np.uint8)


def blob(x, y, size=101):
    """A light spot at a place, on black."""
    down, across = np.mgrid[:size, :size] + 0.5
    spot = 255 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * 4.0**2))
    return np.repeat(np.rint(spot).astype(np.uint8)[:, :, None], 3, axis=2)


def middle(pixels):
    weights = pixels[:, :, 0].astype(float)
    down, across = np.mgrid[: len(pixels), : len(pixels)] + 0.5
    return (weights * across).sum() / weights.sum(), (weights * down).sum() / weights.sum()


class TestGeometry:
    @pytest.mark.parametrize(
        ("name", "mirrored"),
        [("flip", np.s_[:, ::-1]), ("flip_vertical", np.s_[::-1])],
    )
    def test_a_flip_is_exact_and_comes_in_half_of_the_views(self, name, mirrored):
        pixels = photo()
        flipped = [np.array_equal(view(pixels, name, seed=s), pixels[mirrored]) for s in range(200)]
        as_it_is = [np.array_equal(view(pixels, name, seed=s), pixels) for s in range(200)]
        assert sum(flipped) + sum(as_it_is) == 200
        assert 70 < sum(flipped) < 130

    @pytest.mark.parametrize("degrees", [-90, -15, 7, 15, 90])
    def test_turned_anticlockwise(self, degrees):
        distance = 30
        got = middle(warped(blob(50.5 + distance, 50.5), degrees=degrees))
        angle = math.radians(degrees)
        assert got[0] == pytest.approx(50.5 + distance * math.cos(angle), abs=0.1)
        assert got[1] == pytest.approx(50.5 - distance * math.sin(angle), abs=0.1)

    def test_a_quarter_turn(self):
        turned = warped(photo(), degrees=90).astype(int)
        assert np.abs(turned - np.rot90(photo())).max() <= 1

    def test_nothing_is_exact(self):
        pixels = photo()
        assert warped(pixels) is pixels

    def test_half_of_the_picture_at_twice_the_size(self):
        got = middle(warped(blob(60, 40), shown=(0.5, 0.5)))
        assert got == pytest.approx((50.5 + 2 * 9.5, 50.5 - 2 * 10.5), abs=0.1)

    def test_stretched_across_alone(self):
        assert middle(warped(blob(60, 40), shown=(0.5, 1))) == pytest.approx((69.5, 40), abs=0.1)

    def test_moved(self):
        got = middle(warped(blob(60, 40), offset=(10 / 101, -5 / 101)))
        assert got == pytest.approx((50, 45), abs=0.05)
        whole = warped(photo(100), offset=(0.1, 0))
        assert np.array_equal(whole[:, :90], photo(100)[:, 10:])

    def test_outside_is_the_mirror_image(self):
        pixels = photo(100)
        moved = warped(pixels, offset=(0.1, 0))
        assert np.array_equal(moved[:, 90:], pixels[:, :89:-1])
        wide = warped(pixels, shown=(2.0, 2.0))
        assert wide.min() > 70  # no black comes in

    @pytest.mark.parametrize("name", GEOMETRY)
    def test_colours_stay(self, name):
        pixels = photo()
        means = [view(pixels, name, seed=s).mean(axis=(0, 1)) for s in range(40)]
        assert np.allclose(np.mean(means, axis=0), pixels.mean(axis=(0, 1)), atol=6)

    @pytest.mark.parametrize("value", [0, 1, 128, 255])
    def test_one_colour_stays_one_colour(self, value):
        pixels = np.full((33, 33, 3), value, np.uint8)
        for seed in range(20):
            assert np.array_equal(view(pixels, *GEOMETRY, seed=seed), pixels)

    def test_zoom_shows_a_part_of_the_picture_or_all_of_it(self):
        """Lines of a ruler that leave the view on one side do not come in on the other."""
        ruler = np.repeat(np.linspace(0, 255, 256)[None, :, None], 256, 0).repeat(3, 2)
        for seed in range(50):
            row = view(np.rint(ruler).astype(np.uint8), "zoom", seed=seed)[128, :, 0].astype(int)
            inner = row[30:-30]
            assert (np.diff(inner) >= 0).all()
            assert 0.65 * 255 < row.max() - row.min() <= 255

    def test_no_more_than_its_degrees(self):
        for seed in range(50):
            x, y = middle(view(blob(80.5, 50.5), "rotate", seed=seed))
            assert abs(math.degrees(math.atan2(50.5 - y, x - 50.5))) < MAX_DEGREES + 0.2


class TestLight:
    def test_grey_stays_grey(self):
        grey = np.repeat(photo()[:, :, :1], 3, axis=2)
        for seed in range(20):
            got = view(grey, "colour", "grey", "blur", "noise", "erase", seed=seed).astype(int)
            assert np.ptp(got, axis=2).max() <= 1  # rounded each on its own

    def test_brightness_within_its_range(self):
        pixels = photo()
        ratios = np.array(
            [view(pixels, "colour", seed=s).mean() / pixels.mean() for s in range(60)]
        )
        assert 1 / LIGHT - 0.01 < ratios.min() < 0.87
        assert 1.13 < ratios.max() < LIGHT + 0.01

    def test_grey_is_the_luma_in_some_views(self):
        pixels = photo()
        luma = np.rint(pixels @ [0.299, 0.587, 0.114])
        num_grey = 0
        for seed in range(100):
            got = view(pixels, "grey", seed=seed)
            if not np.array_equal(got, pixels):
                assert np.abs(got - luma[:, :, None]).max() <= 1
                num_grey += 1
        assert 8 < num_grey < 35

    def test_blur_smooths_in_half_of_the_views(self):
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        spreads = np.array([view(pixels, "blur", seed=s).std() for s in range(60)])
        num_as_it_is = int((spreads == pixels.std()).sum())
        assert 15 < num_as_it_is < 50
        assert spreads.min() < 0.7 * pixels.std()

    def test_noise_is_as_strong_as_it_says(self):
        flat = np.full((64, 64, 3), 128, np.uint8)
        strengths = [view(flat, "noise", seed=s).std() for s in range(30)]
        assert max(strengths) < MAX_NOISE * 1.05
        assert max(strengths) > MAX_NOISE * 0.7

    def test_erase_covers_one_box_with_the_mean_colour(self):
        pixels = photo()
        shares = []
        for seed in range(60):
            changed = (view(pixels, "erase", seed=seed) != pixels).any(axis=2)
            rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            if len(rows):
                box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                inside = view(pixels, "erase", seed=seed)[box]
                assert np.array_equal(np.unique(inside.reshape(-1, 3), axis=0),
                                      [np.rint(pixels.mean(axis=(0, 1)))])  # fmt: skip
                shares.append(inside[:, :, 0].size / pixels[:, :, 0].size)
        assert 15 < len(shares) < 45
        assert 0.01 < min(shares) < max(shares) < 0.21
