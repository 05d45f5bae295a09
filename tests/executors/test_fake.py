"""The executor for tests: deterministic, and loading nothing."""

import subprocess
import sys

import numpy as np
import pytest

from tests.small import ROOT
from topwork.backbones.base import Backbone
from topwork.errors import BackboneError
from topwork.executors.base import WHOLE, Segment
from topwork.executors.fake import BATCH, IMAGES, SEGMENTS, FakeExecutor, fake_backbone, fake_vector


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(count)]


def test_a_vector_is_of_its_window_alone() -> None:
    given = pictures(2 * BATCH + 1)
    vectors = list(FakeExecutor().run(given))
    assert len(vectors) == len(given)
    for window, vector in zip(given, vectors, strict=True):
        (alone,) = FakeExecutor().run([window])
        np.testing.assert_array_equal(vector, alone)
        expected = window.reshape(-1, 12).mean(0) * np.repeat([1e-2, 1e-6], [8, 4])
        np.testing.assert_allclose(vector, expected, rtol=1e-6)
        assert vector.dtype == np.float32


@pytest.mark.parametrize(
    "window", [np.ones(7, np.int64), np.ones(1200, np.float32), np.ones((2, 5), np.float32)]
)
def test_windows_of_any_kind(window: np.ndarray) -> None:
    segments = (Segment(block="a", pool="mean", size=3), Segment(block="b", pool="max", size=2))
    executor = FakeExecutor(segments)
    (vector,) = executor.run([window])
    assert vector.shape == (executor.width,) == (5,)
    assert vector.sum() * np.ceil(window.size / 5) == pytest.approx(window.size)
    np.testing.assert_array_equal(vector, fake_vector(window, segments))


def test_another_function_of_the_window() -> None:
    whole = FakeExecutor(
        [Segment(block="b", pool=WHOLE, size=192)], compute=lambda window: window.astype("f4")
    )
    given = pictures(2)
    np.testing.assert_array_equal(np.stack(list(whole.run(given))), np.stack(given))


def test_it_counts_what_it_takes_and_gives() -> None:
    executor = FakeExecutor(delay_seconds=0.001)
    run = executor.run(iter(pictures(BATCH + 1)))
    next(run)
    assert (executor.num_pulled, executor.num_run) == (BATCH, 1)
    list(run)
    assert (executor.num_pulled, executor.num_run) == (BATCH + 1, BATCH + 1)
    assert executor.segments == SEGMENTS


def test_a_backbone_without_a_network(tiny: Backbone) -> None:
    one, other = fake_backbone(), fake_backbone("other", input=tiny.input)
    assert (one.modality, one.input, other.input) == ("image", IMAGES, tiny.input)
    assert one.digest == fake_backbone().digest != other.digest
    with pytest.raises(BackboneError, match=r"no network.*FakeExecutor.*pretrained=false"):
        one.build()


def test_the_network_that_its_error_names_is_there() -> None:
    from topwork.backbones.registry import get_backbone

    with pytest.raises(BackboneError) as caught:
        fake_backbone().build()
    name = str(caught.value).rsplit(" ", 1)[1].removesuffix(".")
    assert get_backbone(name).build().blocks


def test_it_loads_no_framework() -> None:
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from topwork.executors.fake import FakeExecutor\n"
        "assert len(list(FakeExecutor().run(np.ones((5, 8, 8, 3), np.uint8)))) == 5\n"
        "assert not {'torch', 'openvino', 'timm'} & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
