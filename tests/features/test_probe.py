from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from tests.features.fake import FakeExecutor
from topwork.features.probe import choose_dtypes, probe_images


class Giving(FakeExecutor):
    """Gives the same vector for every image."""

    def __init__(self, vector: list[float]) -> None:
        super().__init__()
        self._vector = np.array(vector, np.float32)

    def run(self, inputs: Iterable[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.float32]]:
        for _ in inputs:
            yield self._vector


def chosen(large: float, small: float) -> tuple[str, str]:
    dtypes = choose_dtypes(Giving([*[0.0] * 7, large, *[0.0] * 3, small]), 8)
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
