"""Every form that a sound comes in gives the same windows, or a reason; none of it is lost."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from tests.small import DATA
from topwork.errors import ExampleError, SettingError
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import NUM_AT_ONCE, Sound, SoundFile, cut, sound_windows

WAKE_WORDS = DATA / "wake-words"


def preprocessing(rate_hz=16_000, min_samples=400, max_samples=10**7, **more):
    return SoundInput(rate_hz=rate_hz, min_samples=min_samples, max_samples=max_samples, **more)


def chirp(rate_hz=16_000, seconds=1.0, seed=0):
    """A rising tone in noise: different at every place, so that shifts show."""
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    noise = np.random.default_rng(seed).normal(0, 0.02, len(t))
    return (0.4 * np.sin(2 * np.pi * (200 + 600 * t) * t) + noise).astype(np.float32)


def windows(content, form):
    return list(sound_windows(content, form))


def one(content, form):
    (window,) = windows(content, form)
    return window


class TestSoundInput:
    def test_settings_and_back(self):
        form = preprocessing(
            step_samples=7, extractor={"feature_extractor_type": "WhisperFeatureExtractor"}
        )
        assert SoundInput.from_settings(form.settings()) == form
        assert hash(form) == hash(SoundInput.from_settings(form.settings()))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"rate_hz": 0}, r"rate_hz: got 0; accepted: .*1 or more"),
            ({"min_samples": True}, "min_samples: got True"),
            ({"max_samples": 399}, r"max_samples: got 399; .*\(400\) or more"),
            ({"overlap_samples": 400}, r"overlap_samples: got 400; .*min_samples"),
            ({"margin_samples": -1}, "margin_samples: got -1"),
            ({"step_samples": 0}, "step_samples: got 0"),
            ({"scale": 0.0}, r"scale: got 0\.0; accepted: .*above 0"),
            ({"extractor": {}}, "got None; accepted: ASTFeatureExtractor"),
            ({"extractor": {"feature_extractor_type": "os.system"}}, "extractor: got 'os.system'"),
        ],
    )
    def test_wrong_values(self, wrong, message):
        with pytest.raises(SettingError, match=message):
            preprocessing(**wrong)

    def test_unknown_key(self):
        with pytest.raises(SettingError, match="keys: got"):
            SoundInput.from_settings({**preprocessing().settings(), "volume": 11})

    def test_weights(self):
        assert preprocessing(overlap_samples=100).weight(np.zeros(500)) == 400
        assert preprocessing(overlap_samples=100).weight(np.zeros(90)) == 1
        extractor = {"feature_extractor_type": "WhisperFeatureExtractor"}
        assert preprocessing(extractor=extractor).weight(np.zeros((500, 80))) == 1


class TestWindows:
    @given(st.data())
    def test_nothing_is_lost_and_all_fit(self, data):
        least = data.draw(st.integers(1, 50), "min")
        form = preprocessing(
            min_samples=least,
            max_samples=data.draw(st.integers(least, 120), "max"),
            step_samples=data.draw(st.integers(1, 30), "step"),
            overlap_samples=data.draw(st.integers(0, least - 1), "overlap"),
            margin_samples=data.draw(st.integers(0, 20), "margin"),
        )
        total = data.draw(st.integers(0, 500), "total")
        signal = np.arange(1, total + 1, dtype=np.float32)
        margin = np.zeros(form.margin_samples, np.float32)
        whole = np.concatenate((margin, signal, margin))
        places = data.draw(st.lists(st.integers(0, total), max_size=5), "cuts")
        found = list(cut(np.split(signal, sorted(places)), form))

        for window in found:
            assert window.dtype == np.float32
            assert form.min_samples <= len(window) <= form.max_samples
            on_grid = (len(window) - form.min_samples) % form.step_samples == 0
            assert on_grid or len(window) == form.max_samples
        assert all(len(window) == form.max_samples for window in found[:-1])
        if len(whole) <= form.max_samples:
            (window,) = found
            before = (len(window) - len(whole)) // 2
            assert np.array_equal(window[before : before + len(whole)], whole)
            assert not window[:before].any()
            assert not window[before + len(whole) :].any()
        else:
            assert len(found) > 1
            joined = np.concatenate([found[0]] + [w[form.overlap_samples :] for w in found[1:]])
            assert np.array_equal(joined[: len(whole)], whole)
            assert not joined[len(whole) :].any()
            assert len(joined) - len(found[-1]) + form.overlap_samples < len(whole)

    def test_odd_silence_comes_after(self):
        (window,) = cut([np.ones(3, np.float32)], preprocessing(min_samples=6))
        assert window.tolist() == [0, 1, 1, 1, 0, 0]

    def test_scale_then_normalise(self):
        signal = chirp()
        form = preprocessing(scale=32768.0)
        assert np.array_equal(one(Sound(samples=signal, rate_hz=16_000), form), signal * 32768)
        normal = one(Sound(samples=signal + 0.1, rate_hz=16_000), preprocessing(normalise=True))
        assert abs(normal.mean()) < 1e-5
        assert abs(normal.std() - 1) < 1e-3

    def test_normalised_as_transformers_does(self):
        from transformers import Wav2Vec2FeatureExtractor

        signal = chirp(seconds=0.5) + np.float32(0.05)
        want = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)(
            signal, sampling_rate=16_000, return_tensors="np", padding="max_length", max_length=9000
        )["input_values"][0]
        form = preprocessing(min_samples=9000, normalise=True)
        got = one(Sound(samples=signal, rate_hz=16_000), form)
        assert np.allclose(got[500:8500], want[:8000], atol=1e-4)
        assert not got[:500].any()
        assert not got[8500:].any()

    def test_silence_stays_silence(self):
        silent = Sound(samples=np.zeros(16_000, np.float32), rate_hz=16_000)
        assert not one(silent, preprocessing(normalise=True)).any()


class TestResampling:
    @pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
    def test_is_soxr_hq_however_it_is_read(self, rate_hz, tmp_path):
        signal = chirp(rate_hz, 4.0)
        want = soxr.resample(signal, rate_hz, 16_000, quality="HQ")
        path = tmp_path / "a.wav"
        soundfile.write(path, signal, rate_hz, subtype="FLOAT")
        for content in (Sound(samples=signal, rate_hz=rate_hz), path, path.read_bytes()):
            got = one(content, preprocessing())
            assert len(got) == len(want)
            assert np.abs(got - want).max() < 1e-6
            several = windows(content, preprocessing(max_samples=5_000, overlap_samples=300))
            joined = np.concatenate([several[0]] + [w[300:] for w in several[1:]])
            assert np.array_equal(joined[: len(got)], got)

    def test_a_tone_keeps_its_pitch(self):
        t = np.arange(44_100) / 44_100
        got = one(Sound(samples=np.sin(2 * np.pi * 1000 * t), rate_hz=44_100), preprocessing())
        assert np.abs(np.fft.rfft(got)).argmax() == 1000


class TestMemory:
    @pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
    def test_arrays_give_what_files_give(self, dtype, tmp_path):
        signal = chirp() if dtype.startswith("f") else np.round(chirp() * 2**15)
        signal = (signal * 2**16 if dtype == "int32" else signal).astype(dtype)
        subtype = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
        path = tmp_path / "a.wav"
        soundfile.write(path, signal, 8_000, subtype=subtype[dtype])
        got = one(Sound(samples=signal, rate_hz=8_000), preprocessing())
        assert np.array_equal(got, one(path, preprocessing()))
        assert 0.2 < np.abs(got).max() < 1

    def test_8_bits(self):
        low = Sound(samples=np.array([0, 128, 255] * 200, np.uint8), rate_hz=16_000)
        assert one(low, preprocessing())[:3].tolist() == [-1, 0, 127 / 128]
        low = Sound(samples=np.array([-128, 0, 64] * 200, np.int8), rate_hz=16_000)
        assert one(low, preprocessing())[:3].tolist() == [-1, 0, 0.5]

    def test_channels_are_averaged(self, tmp_path):
        left, right = chirp(seed=1), chirp(seed=2)
        both = np.stack([left, right], 1)
        path = tmp_path / "a.wav"
        soundfile.write(path, both, 16_000, subtype="FLOAT")
        got = one(Sound(samples=both, rate_hz=16_000), preprocessing())
        assert np.allclose(got, (left + right) / 2, atol=1e-7)
        assert np.array_equal(one(path, preprocessing()), got)

    @pytest.mark.parametrize(
        ("samples", "rate_hz", "message"),
        [
            (np.zeros((2, 3, 4)), 16_000, r"\(2, 3, 4\); accepted: \[T\] or \[T, channels\]"),
            (np.zeros((2, 16_000)), 16_000, r"16,000 channels; accepted: 1 to 64.*array\.T"),
            (np.zeros((16_000, 0)), 16_000, "it has 0 channels"),
            (np.zeros(16_000, np.int64), 16_000, r"int64; accepted: floats .* / 32768"),
            (np.zeros(16_000, complex), 16_000, "type complex128"),
            (np.array(["a"] * 900), 16_000, "of type <U1"),
            (np.zeros(16_000), 10, r"10 Hz; accepted: .*1,000 to 768"),
            (np.zeros(16_000), 44_100.5, "its rate is 44100.5 Hz"),
            (np.full(16_000, np.nan), 16_000, "not finite numbers"),
            (np.r_[np.zeros(90_000), np.inf], 16_000, "not finite numbers"),
            (chirp() * 32767, 16_000, r"reach 1\.\d+e\+04; .*-1\.\.1.* 32768"),
            (np.zeros(0), 16_000, r"no samples; at least 0\.01 s"),
            (np.zeros(159), 16_000, r"0\.0099 s; at least 0\.01 s"),
        ],
    )
    def test_refused(self, samples, rate_hz, message):
        with pytest.raises(ExampleError, match=message):
            windows(Sound(samples=samples, rate_hz=rate_hz), preprocessing())

    def test_a_little_beyond_full_scale_is_heard(self):
        assert one(Sound(samples=chirp() * 4, rate_hz=16_000), preprocessing()).max() > 1

    def test_50_ms_is_enough(self):
        short = Sound(samples=chirp(8_000, 0.05), rate_hz=8_000)
        assert len(one(short, preprocessing(min_samples=12_400))) == 12_400

    def test_other_objects(self):
        with pytest.raises(ExampleError, match=r"a dict; accepted .*a path, encoded bytes"):
            windows({}, preprocessing())


class TestParts:
    @pytest.mark.parametrize(
        "ending", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".caf", ".au"]
    )
    @pytest.mark.parametrize("num_channels", [1, 2])
    def test_a_part_is_what_lies_there(self, ending, num_channels, tmp_path):
        rate_hz = 48_000
        signal = np.stack([chirp(rate_hz, 5.0, seed=i) for i in range(num_channels)], 1)
        path = tmp_path / f"a{ending}"
        # libsndfile crashes on long writes of Vorbis in one piece.
        form = {".opus": {"format": "OGG", "subtype": "OPUS"}}.get(ending, {})
        with soundfile.SoundFile(path, "w", rate_hz, num_channels, **form) as file:
            for start in range(0, len(signal), 8_000):
                file.write(signal[start : start + 8_000])
        form = preprocessing(rate_hz=rate_hz)
        whole = one(path, form)
        assert abs(len(whole) - 5 * rate_hz) <= 2 * 1152
        for source in (path, path.read_bytes()):
            got = one(SoundFile(source=source, start_seconds=2.5, end_seconds=3.25), form)
            assert len(got) == 0.75 * rate_hz
            assert np.abs(got - whole[120_000:156_000]).max() < 1e-3
            got = one(SoundFile(source=source, start_seconds=4.0, end_seconds=99.0), form)
            assert len(got) == len(whole) - 4 * rate_hz
            got = one(SoundFile(source=source, end_seconds=0.5), form)
            assert np.array_equal(got, whole[: rate_hz // 2])
            with pytest.raises(ExampleError, match=r"7\.0 s, .*lasts 5\.0"):
                windows(SoundFile(source=source, start_seconds=7.0), form)

    @pytest.mark.parametrize(
        ("start", "end"), [(-1, None), (2, 1), (2, 2), (float("inf"), None), (None, 0)]
    )
    def test_no_part(self, start, end):
        part = SoundFile(source=b"", start_seconds=start, end_seconds=end)
        with pytest.raises(ExampleError, match=r"the part from .*; accepted: a start of"):
            windows(part, preprocessing())

    def test_nan_is_not_given(self, tmp_path):
        path = tmp_path / "a.wav"
        soundfile.write(path, chirp(), 16_000)
        nan = float("nan")
        got = one(SoundFile(source=path, start_seconds=nan, end_seconds=nan), preprocessing())
        assert len(got) == 16_000


class TestLength:
    def test_a_long_file_never_lies_in_memory(self, tmp_path):
        path = tmp_path / "long.wav"
        with soundfile.SoundFile(path, "w", 8_000, 1, subtype="PCM_16") as file:
            file.seek(8_000 * 1800 - 8_000)
            file.write(chirp(8_000))
        form = preprocessing(max_samples=160_000)
        tracemalloc.start()
        try:
            num_windows = sum(1 for _ in sound_windows(path, form))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert num_windows == 180
        assert peak < 10e6  # whole, it takes 115 MB

    def test_short_is_a_list_and_long_is_not(self):
        signal = Sound(samples=chirp(seconds=10.0), rate_hz=16_000)
        assert isinstance(sound_windows(signal, preprocessing(max_samples=160_000)), list)
        long = sound_windows(signal, preprocessing(max_samples=16_000))
        assert not isinstance(long, list)
        assert len(list(long)) == 10 > NUM_AT_ONCE


@pytest.mark.skipif(not WAKE_WORDS.is_dir(), reason="the shared data is not here")
@pytest.mark.slow
def test_wake_words_and_threads():
    """The 14 hold samples of 32,768 and more in 16 bits: no decoder can tell what was recorded."""
    form = preprocessing(min_samples=12_400, max_samples=160_000, step_samples=1280)
    paths = sorted(WAKE_WORDS.glob("*/*.flac"))

    def attempt(path):
        try:
            return one(path, form)
        except ExampleError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(paths, pool.map(attempt, paths), strict=True))
    broken = {path: reason for path, reason in found.items() if isinstance(reason, str)}
    assert {path.parent.name for path in broken} == {"alexa"}
    assert len(broken) == 14
    assert all("samples beyond full scale" in reason for reason in broken.values())
    for path in paths[::50]:
        again = attempt(path)
        assert np.array_equal(again, found[path]) if path not in broken else again == found[path]
