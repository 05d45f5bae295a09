"""Every kind of content comes to its windows by one way, and its form by its settings."""

import numpy as np
import pytest

from tests.examples.sounds.test_sound import chirp
from tests.examples.texts.test_tokens import MINILM
from topwork.core.digests import digest_file
from topwork.errors import SettingError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import Sound
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.windows import decode, input_from

HALF = (0.5, 0.5, 0.5)
INPUTS = {
    "image": ImageInput(size=8, mean=HALF, std=HALF),
    "sound": SoundInput(rate_hz=16_000, min_samples=400, max_samples=4_000),
    "text": TextInput(tokenizer=MINILM, tokenizer_digest=digest_file(MINILM), max_tokens=8),
    "array": ArrayInput(shape=(2, 3)),
}
CONTENTS = {
    "image": np.zeros((9, 9, 3), np.uint8),
    "sound": Sound(samples=chirp(), rate_hz=16_000),
    "text": "a card, a card, a card, a card",
    "array": np.zeros((2, 3)),
}
FIRST = {
    "image": (1, (8, 8, 3), np.uint8),
    "sound": (4, (4_000,), np.float32),
    "text": (2, (8,), np.int64),
    "array": (1, (2, 3), np.float32),
}


@pytest.mark.parametrize("modality", INPUTS)
def test_decode(modality):
    windows = list(decode(CONTENTS[modality], INPUTS[modality]))
    num, shape, dtype = FIRST[modality]
    assert (len(windows), windows[0].shape, windows[0].dtype) == (num, shape, dtype)


@pytest.mark.parametrize("modality", INPUTS)
def test_input_from_settings(modality):
    assert input_from(INPUTS[modality].settings(), MINILM.parent) == INPUTS[modality]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modality": "smell"}, "'smell'; accepted: image, sound, text, array"),
        ({}, "modality is None"),
        (INPUTS["text"].settings(), r"the folder of its tokenizer\.json"),
    ],
)
def test_input_from_nothing(settings, message):
    with pytest.raises(SettingError, match=message):
        input_from(settings)
