"""Sounds are altered within their ranges, where they are heard and no further."""

import numpy as np
import pytest

from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.views import (
    MAX_FILTER_DB,
    MAX_GAIN_DB,
    MAX_SPEED,
    NOISE_DB,
    SOUND_AUGMENTATIONS,
    sound_view,
)

RATE = 16_000
CLAP = {"feature_extractor_type": "ClapFeatureExtractor"}
SEAMLESS = {"feature_extractor_type": "SeamlessM4TFeatureExtractor", "stride": 2}


def preprocessing(**more):
    return SoundInput(rate_hz=RATE, min_samples=1, max_samples=160_000, **more)


def view(window, *names, seed=1, **more):
    def draw(name):
        return np.random.default_rng([seed, SOUND_AUGMENTATIONS.index(name)])

    return sound_view(window, preprocessing(**more), names, draw)


def tone(hz=440.0, seconds=1.0, level=0.1):
    """A tone that is never exactly 0."""
    return (level * np.cos(2 * np.pi * hz * np.arange(seconds * RATE) / RATE + 0.1)).astype("f4")


def speech(level=0.1):
    """Noise with silence of half a second on both sides, as a backbone's margins are."""
    window = np.zeros(2 * RATE, np.float32)
    window[RATE // 2 : RATE + RATE // 2] = np.random.default_rng(0).normal(0, level, RATE)
    return window


def decibels(one, other):
    return 20 * np.log10(np.std(one) / np.std(other))


def heard(window):
    places = np.flatnonzero(window)
    return int(places[0]), int(places[-1]) + 1


def pitch(window):
    power = np.abs(np.fft.rfft(window * np.hanning(len(window)), 16 * len(window)))
    return float(power.argmax() * RATE / (16 * len(window)))


class TestGain:
    def test_within_its_range_and_nothing_else(self):
        levels = []
        for seed in range(60):
            got = view(tone(), "gain", seed=seed)
            assert np.allclose(got / tone(), got[0] / tone()[0], rtol=1e-5)
            levels.append(decibels(got, tone()))
        assert -MAX_GAIN_DB <= min(levels) < -4
        assert 4 < max(levels) <= MAX_GAIN_DB

    @pytest.mark.parametrize("scale", [1.0, 32767.0])
    def test_no_louder_than_a_file_can_hold(self, scale):
        loud = tone(level=0.9) * np.float32(scale)
        peaks = [np.abs(view(loud, "gain", seed=s, scale=scale)).max() for s in range(40)]
        assert max(peaks) == pytest.approx(scale, rel=1e-5)

    def test_nothing_where_windows_are_brought_to_one_level(self):
        assert view(tone(), "gain", normalise=True) is not None
        assert np.array_equal(view(tone(), "gain", normalise=True), tone())


class TestShift:
    def test_silence_comes_in_and_nothing_goes_round(self):
        moves = []
        for seed in range(60):
            got = view(speech(), "shift", seed=seed)
            start, stop = heard(got)
            assert stop - start == RATE
            assert np.array_equal(got[start:stop], speech()[RATE // 2 : RATE + RATE // 2])
            moves.append(start - RATE // 2)
        assert -0.1 * RATE <= min(moves) < -0.08 * RATE
        assert 0.08 * RATE < max(moves) <= 0.1 * RATE

    def test_a_tenth_of_a_short_one(self):
        window = tone(seconds=0.1)
        for seed in range(40):
            start, stop = heard(view(window, "shift", seed=seed))
            assert stop - start >= 0.9 * len(window)
            assert start == 0 or stop == len(window)


class TestNoise:
    def test_as_far_below_as_it_says_and_not_in_the_silence(self):
        window = speech()
        apart = []
        for seed in range(60):
            added = view(window, "noise", seed=seed) - window
            assert heard(added)[0] >= RATE // 2
            assert heard(added)[1] <= RATE + RATE // 2
            apart.append(decibels(window[window != 0], added[window != 0]))
        assert NOISE_DB[0] - 0.5 < min(apart) < 13
        assert 27 < max(apart) < NOISE_DB[1] + 0.5

    def test_of_many_colours(self):
        shares = []
        for seed in range(40):
            added = view(tone(), "noise", seed=seed) - tone()
            power = np.abs(np.fft.rfft(added)) ** 2
            shares.append(power[: len(power) // 8].sum() / power.sum())
        assert min(shares) < 0.25  # white has an eighth of it there
        assert max(shares) > 0.95


class TestFilter:
    def test_gentle_at_every_frequency(self):
        changes = {}
        for hz in (100, 400, 1_600, 6_400):
            window = tone(hz)
            inner = slice(1_000, -1_000)
            changes[hz] = np.array(
                [decibels(view(window, "filter", seed=s)[inner], window[inner]) for s in range(30)]
            )
            assert np.abs(changes[hz]).max() < 2 * MAX_FILTER_DB
            assert changes[hz].std() > 0.5
        assert np.corrcoef(changes[100], changes[6_400])[0, 1] < 0.7  # each octave its own

    def test_the_end_does_not_come_round_to_the_beginning(self):
        window = np.full(RATE, 1e-6, np.float32)
        window[-100:] = 0.5
        assert np.abs(view(window, "filter")[: RATE // 2]).max() < 1e-3


class TestSpeed:
    def test_pitch_moves_with_it(self):
        ratios = [pitch(view(tone(), "speed", seed=s)) / 440 for s in range(40)]
        assert 1 / MAX_SPEED - 0.01 < min(ratios) < 0.94
        assert 1.06 < max(ratios) < MAX_SPEED + 0.01

    def test_about_the_middle_of_what_is_heard(self):
        lengths = []
        for seed in range(40):
            start, stop = heard(view(speech(), "speed", seed=seed))
            assert (start + stop) / 2 == pytest.approx(RATE, abs=2)
            lengths.append((stop - start) / RATE)
        assert 1 / MAX_SPEED - 0.01 < min(lengths) < 0.94
        assert 1.06 < max(lengths) < MAX_SPEED + 0.01

    def test_too_short_for_it(self):
        window = tone()[:50]
        assert np.array_equal(view(window, "speed"), window)


class TestLevelled:
    @pytest.mark.parametrize("name", ["speed", "shift", "filter", "noise"])
    def test_what_is_heard_comes_back_to_mean_0_and_variance_1(self, name):
        window = speech()
        window[window != 0] /= window[window != 0].std()
        got = view(window, name, normalise=True)
        start, stop = heard(got)
        assert got[start:stop].mean() == pytest.approx(0, abs=1e-4)
        assert got[start:stop].std() == pytest.approx(1, abs=1e-3)


def test_silence_stays_silence():
    window = np.zeros(1_000, np.float32)
    for normalise in (False, True):
        assert not view(window, *SOUND_AUGMENTATIONS, normalise=normalise).any()


class TestSpectrograms:
    window = np.random.default_rng(0).normal(3, 1, (400, 80)).astype(np.float32)

    def test_masks_of_time_and_of_bands(self):
        level = self.window.mean()
        most = np.zeros(2, int)
        for seed in range(60):
            got = view(self.window, "mask", seed=seed, extractor=CLAP)
            masked = got == level
            assert np.array_equal(got[~masked], self.window[~masked])
            frames, bands = masked.all(axis=1), masked.all(axis=0)
            assert np.array_equal(masked, frames[:, None] | bands)
            most = np.maximum(most, (frames.sum(), bands.sum()))
        assert 70 < most[0] <= 140
        assert 15 < most[1] <= 30

    def test_channels_are_masked_alike(self):
        window = np.stack([self.window, self.window + 1])
        masked = view(window, "mask", extractor=CLAP) == window.mean()
        assert np.array_equal(masked[0], masked[1])
        assert masked.any()

    def test_frames_side_by_side_are_masked_as_frames(self):
        beside = self.window.reshape(200, 160)
        got = view(beside, "mask", extractor=SEAMLESS)
        alone = view(self.window, "mask", extractor=CLAP)
        assert np.array_equal(got, alone.reshape(200, 160))

    def test_shift_repeats_the_edge(self):
        moves = set()
        for seed in range(40):
            got = view(self.window, "shift", seed=seed, extractor=CLAP)
            (move,) = [n for n in range(-10, 11) if np.array_equal(
                got, self.window[np.clip(np.arange(400) - n, 0, 399)])]  # fmt: skip
            moves.add(move)
        assert len(moves) > 10
