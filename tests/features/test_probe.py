import numpy as np

from tests import small
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.executors.fake import IMAGES, FakeExecutor
from topwork.features.probe import choose_dtypes, probe_images, probe_windows


def chosen(large: float, small: float) -> tuple[str, str]:
    vector = np.array([*[0.0] * 7, large, *[0.0] * 3, small], np.float32)
    dtypes = choose_dtypes(FakeExecutor(compute=lambda _window: vector), IMAGES)
    return dtypes["large"], dtypes["small"]


def test_float16_where_its_range_fits() -> None:
    assert chosen(1.0, -4000.0) == ("float16", "float16")


def test_float32_where_numbers_are_too_large_or_too_small() -> None:
    assert chosen(-5000.0, 0.05) == ("float32", "float32")
    assert chosen(0.0, np.inf) == ("float32", "float32")
    assert chosen(np.nan, 1.0) == ("float32", "float16")


def test_the_images_are_the_same_every_time() -> None:
    for size in (1, 7, 32):
        once, again = probe_images(size), probe_images(size)
        assert all(image.shape == (size, size, 3) for image in once)
        assert all(image.dtype == np.uint8 for image in once)
        assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


def test_every_kind_of_input_has_its_windows() -> None:
    sound = SoundInput(rate_hz=8000, min_samples=4000, max_samples=8000)
    text = small.tiny_text_backbone().input
    array = ArrayInput(shape=(2, 5))
    for preprocessing in (sound, text, array):
        once, again = probe_windows(preprocessing), probe_windows(preprocessing)
        assert len(once) >= 2
        assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert {w.dtype for w in probe_windows(text)} == {np.dtype(np.int64)}
    assert all(w.shape == (2, 5) for w in probe_windows(array))
    assert all(4000 <= len(w) <= 8000 for w in probe_windows(sound))
