"""A view is decided by the example, its number and its names, and by nothing else."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from topwork.backbones.catalog import MINILM_L6
from topwork.backbones.embedded import find_embedded
from topwork.core.digests import digest_bytes, digest_file
from topwork.errors import SettingError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.example import MODALITIES
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import text_windows
from topwork.examples.views import AUGMENTATIONS, DEFAULT_AUGMENT, augmented, check_augment

TOKENIZER = find_embedded(MINILM_L6)["tokenizer.json"]
WHISPER = {"feature_extractor_type": "WhisperFeatureExtractor"}
CLAP = {"feature_extractor_type": "ClapFeatureExtractor"}
SEAMLESS = {"feature_extractor_type": "SeamlessM4TFeatureExtractor", "stride": 2}


def sound(**more):
    return SoundInput(rate_hz=16_000, min_samples=1, max_samples=160_000, **more)


def image(size):
    return ImageInput(size=size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


TEXT = TextInput(tokenizer=TOKENIZER, tokenizer_digest=digest_file(TOKENIZER), max_tokens=64)
SPECS = {
    "image": image(48),
    "wave": sound(),
    "levelled": sound(normalise=True),
    "whisper": sound(extractor=WHISPER),
    "clap": sound(extractor=CLAP),
    "seamless": sound(extractor=SEAMLESS),
    "text": TEXT,
    "array": ArrayInput(shape=(3, 50)),
    "line": ArrayInput(shape=(50,)),
}
CASES = [
    (kind, name)
    for kind, preprocessing in SPECS.items()
    for name in AUGMENTATIONS[preprocessing.modality]
]
IDLE = {("wave", "mask"), ("levelled", "mask"), ("levelled", "gain")} | {
    (kind, name)
    for kind in ("whisper", "clap", "seamless")
    for name in ("speed", "filter", "noise", "gain")
}


def window_of(kind):
    random = np.random.default_rng(5)
    if kind == "image":
        return random.integers(0, 256, (48, 48, 3), np.uint8)
    if kind in ("wave", "levelled"):
        return random.normal(0, 0.1, 8_000).astype(np.float32)
    if kind == "text":
        return text_windows("Where is the card that I was to get last week, please?", TEXT)[0]
    shape = {
        "whisper": (100, 80), "clap": (4, 100, 64), "seamless": (50, 160), "array": (3, 50),
        "line": (50,),
    }[kind]  # fmt: skip
    return random.normal(0, 1, shape).astype(np.float32)


def view_of(kind, names, view, digest="a"):
    return augmented(window_of(kind), SPECS[kind], tuple(names), digest=digest, view=view)


class TestNames:
    def test_come_in_a_fixed_order_each_once(self):
        assert check_augment(["colour", "zoom", "colour"], "image") == ("zoom", "colour")
        assert check_augment([], "image") == ()
        assert check_augment("flip", "image") == ("flip",)

    @pytest.mark.parametrize("modality", MODALITIES)
    def test_defaults_are_among_them(self, modality):
        assert check_augment(DEFAULT_AUGMENT[modality], modality) == DEFAULT_AUGMENT[modality]

    def test_no_mirror_by_default(self):
        assert not {"flip", "flip_vertical"} & set(DEFAULT_AUGMENT["image"])

    @pytest.mark.parametrize("modality", MODALITIES)
    def test_others_are_refused(self, modality):
        known = ", ".join(AUGMENTATIONS[modality])
        message = f"augment .*'spin', 'jump'; .*{modality}s: {known}"
        with pytest.raises(SettingError, match=message):
            check_augment(["spin", AUGMENTATIONS[modality][0], "jump"], modality)

    def test_of_another_kind_are_refused(self):
        with pytest.raises(SettingError, match="'flip'; accepted for sounds: speed"):
            view_of("wave", ["flip"], 1)

    def test_a_view_below_0_is_refused(self):
        with pytest.raises(SettingError, match=r"view is -1; accepted: 0, .*or more"):
            view_of("image", ["flip"], -1)


class TestEveryName:
    @pytest.mark.parametrize(("kind", "name"), CASES)
    def test_shape_and_dtype_stay_and_views_differ(self, kind, name):
        window = window_of(kind)
        views = [view_of(kind, [name], view, digest="b") for view in range(1, 21)]
        for view in views:
            assert view.shape == window.shape
            assert view.dtype == window.dtype
            assert view.flags.c_contiguous
            assert np.isfinite(view).all()
        num_different = len({digest_bytes(view.tobytes()) for view in (window, *views)})
        if (kind, name) in IDLE:
            assert num_different == 1
        else:
            assert num_different >= (2 if name in ("flip", "flip_vertical", "grey") else 4)

    @pytest.mark.parametrize(("kind", "name"), CASES)
    def test_the_window_is_not_touched(self, kind, name):
        window = window_of(kind)
        window.flags.writeable = False
        for view in range(4):
            augmented(window, SPECS[kind], (name,), digest="a", view=view)
        assert np.array_equal(window, window_of(kind))

    @pytest.mark.parametrize("kind", SPECS)
    def test_view_0_and_no_names_are_the_window_itself(self, kind):
        window, preprocessing = window_of(kind), SPECS[kind]
        assert (
            augmented(
                window, preprocessing, AUGMENTATIONS[preprocessing.modality], digest="a", view=0
            )
            is window
        )
        assert augmented(window, preprocessing, (), digest="a", view=3) is window


class TestTheSameAnywhere:
    @pytest.mark.parametrize("kind", SPECS)
    def test_in_any_order_on_any_thread(self, kind):
        names = AUGMENTATIONS[SPECS[kind].modality]
        want = [view_of(kind, names, view) for view in range(20)]
        with ThreadPoolExecutor(4) as pool:
            got = list(pool.map(lambda v: view_of(kind, names[::-1], v), reversed(range(20))))
        for one, other in zip(want, reversed(got), strict=True):
            assert np.array_equal(one, other)

    def test_another_digest_gives_others(self):
        one, other = (view_of("image", ["colour"], 1, digest=d) for d in "ab")
        assert not np.array_equal(one, other)

    def test_a_name_more_leaves_what_the_others_draw(self):
        alone = view_of("array", ["scale"], 1) / window_of("array")
        both = view_of("array", ["scale", "shift"], 1) / view_of("array", ["shift"], 1)
        assert np.allclose(alone, alone.flat[0], rtol=1e-5)
        assert np.allclose(both, alone.flat[0], rtol=1e-5)

    def test_the_same_numbers_as_ever(self):
        """Views on disk are known by digest, view and names: what these draw must not change."""
        window, view = window_of("array"), view_of("array", ["shift"], 2)
        assert np.array_equal(view[:, 9:30], window[:, 11:32])


class TestAnySize:
    @settings(max_examples=60, deadline=None)
    @given(size=st.integers(1, 64), view=st.integers(1, 2**40), data=st.data())
    def test_images(self, size, view, data):
        names = data.draw(st.sets(st.sampled_from(AUGMENTATIONS["image"])))
        pixels = data.draw(arrays.arrays(np.uint8, (size, size, 3), elements=st.integers(0, 255)))
        got = augmented(pixels, image(size), tuple(names), digest="a", view=view)
        assert (got.shape, got.dtype) == (pixels.shape, np.uint8)

    @settings(max_examples=60, deadline=None)
    @given(
        samples=st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=300),
        normalise=st.booleans(),
        view=st.integers(1, 99),
        data=st.data(),
    )
    def test_sounds(self, samples, normalise, view, data):
        names = data.draw(st.sets(st.sampled_from(AUGMENTATIONS["sound"])))
        wave = np.array(samples, np.float32)
        preprocessing = sound(normalise=normalise)
        got = augmented(wave, preprocessing, tuple(names), digest="a", view=view)
        assert (got.shape, got.dtype) == (wave.shape, np.float32)
        assert np.isfinite(got).all()

    @settings(max_examples=40, deadline=None)
    @given(
        shape=st.one_of(
            st.tuples(st.integers(1, 20), st.integers(1, 20)),
            st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 20)),
        ),
        view=st.integers(1, 99),
    )
    def test_spectrograms_and_arrays(self, shape, view):
        window = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        for preprocessing in (sound(extractor=CLAP), ArrayInput(shape=shape)):
            names = AUGMENTATIONS[preprocessing.modality]
            got = augmented(window, preprocessing, names, digest="a", view=view)
            assert (got.shape, got.dtype) == (shape, np.float32)
            assert np.isfinite(got).all()

    @settings(max_examples=40, deadline=None)
    @given(tokens=st.lists(st.integers(1000, 30_000), max_size=30), view=st.integers(1, 99))
    def test_texts(self, tokens, view):
        window = np.array([101, *tokens, 102])
        got = augmented(window, TEXT, ("swap",), digest="a", view=view)
        assert (got.shape, got.dtype) == (window.shape, np.int64)
        assert (got[0], got[-1]) == (101, 102)
        assert sorted(got) == sorted(window)
