"""Spectrograms are those of transformers' own feature extractors."""

import numpy as np
import pytest
from transformers import ASTFeatureExtractor, ClapFeatureExtractor, WhisperFeatureExtractor

from tests.examples.sounds.test_sound import chirp, one, preprocessing, windows
from topwork.errors import SettingError
from topwork.examples.sounds.sound import Sound

CLAP_HZ = 48_000


def settings(kind, **more):
    return {"feature_extractor_type": kind, **more}


def sound(seconds, rate_hz=16_000):
    return Sound(samples=chirp(rate_hz, seconds), rate_hz=rate_hz)


class TestWhisper:
    def test_frames_come_first_and_no_silence_is_added(self):
        published = settings("WhisperFeatureExtractor", feature_size=80, mel_filters=[[0.0]])
        got = one(sound(1.0), preprocessing(extractor=published))
        assert got.shape == (100, 80)
        assert got.dtype == np.float32
        assert got.flags.c_contiguous
        want = WhisperFeatureExtractor()(chirp(), sampling_rate=16_000, return_tensors="np")
        # In the published 30 s, all but the last two frames (which see the end) are the same.
        assert np.allclose(got[:98], want["input_features"][0].T[:98], atol=1e-4)

    def test_long_sounds_are_windows(self):
        form = preprocessing(max_samples=16_000, extractor=settings("WhisperFeatureExtractor"))
        assert [w.shape for w in windows(sound(2.5), form)] == [(100, 80), (100, 80), (50, 80)]

    def test_another_rate(self):
        form = preprocessing(rate_hz=8_000, extractor=settings("WhisperFeatureExtractor"))
        with pytest.raises(SettingError, match=r"16000 Hz, .*rate_hz is 8"):
            windows(sound(1.0), form)


class TestAst:
    @pytest.mark.filterwarnings("ignore:At least one mel filter")
    def test_as_published(self):
        form = preprocessing(extractor=settings("ASTFeatureExtractor", max_length=128))
        got = one(sound(1.0), form)
        want = ASTFeatureExtractor(max_length=128)(
            chirp(), sampling_rate=16_000, return_tensors="np"
        )
        assert np.allclose(got, want["input_values"][0], atol=1e-5)
        assert got.shape == (128, 128)

    def test_nothing_is_cut_off(self):
        form = preprocessing(extractor=settings("ASTFeatureExtractor", max_length=98))
        assert one(sound(0.985), form).shape == (98, 128)
        with pytest.raises(SettingError, match=r"at most 15,920 samples, .*16,000"):
            windows(sound(1.0), form)


class TestClap:
    @pytest.mark.parametrize(("truncation", "num"), [("fusion", 4), ("rand_trunc", 1)])
    def test_as_published(self, truncation, num):
        made = settings("ClapFeatureExtractor", truncation=truncation, padding="repeatpad")
        form = preprocessing(rate_hz=CLAP_HZ, extractor=made)
        got = one(sound(1.0, CLAP_HZ), form)
        want = ClapFeatureExtractor(truncation=truncation)(
            chirp(CLAP_HZ), sampling_rate=CLAP_HZ, return_tensors="np"
        )
        assert got.shape == (num, 1001, 64)
        assert np.allclose(got, want["input_features"][0], atol=1e-4)
        with pytest.raises(SettingError, match="at most 480,000 samples"):
            windows(sound(10.5, CLAP_HZ), form)


class TestSeamless:
    def test_frames(self):
        form = preprocessing(extractor=settings("SeamlessM4TFeatureExtractor"))
        assert one(sound(1.0), form).shape == (49, 160)
        with pytest.raises(SettingError, match=r"at least 560 samples, .*480"):
            windows(sound(0.03), form)
