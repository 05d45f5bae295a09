"""What is saved of a window: its output in float16, or the window itself."""

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.features.cut import DECODED, ActivationCut, to_half


def test_numbers_are_clipped_and_laid_in_order() -> None:
    half = to_half(np.array([[1e9, -1e9], [0.1, 3]], np.float32).T)
    assert (half.dtype, half.flags.c_contiguous) == (np.float16, True)
    np.testing.assert_array_equal(half, np.array([[65504, 0.1], [-65504, 3]], np.float16))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_seen(bad: float) -> None:
    half = to_half(np.array([1, bad], np.float32))
    assert half.dtype == np.float16
    assert np.isnan(half).all()


@pytest.mark.parametrize(
    "backbone", [small.tiny_backbone(), small.tiny_sound_backbone(), small.tiny_text_backbone()]
)
def test_decoded_windows_have_the_type_that_is_said(backbone: Backbone) -> None:
    from topwork.features.probe import probe_windows

    cut = ActivationCut(backbone, None, "cpu")
    windows = probe_windows(backbone.input)
    for window, same in zip(windows, cut.run(windows), strict=True):
        assert same is window
        assert window.dtype == cut.dtype == DECODED[backbone.modality]


def test_no_network_is_opened_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topwork.features.cut.open_executor", None)
    cut = ActivationCut(small.tiny_backbone(), "1", "cpu")
    assert list(cut.run([])) == []
    assert (cut.name, cut.dtype) == ("tiny until 1", "float16")
