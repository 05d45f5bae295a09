"""The tensors of EfficientNet-Lite0 have names and shapes."""

import numpy as np
import pytest

from topwork.backbones.graphs.efficientnet import SHAPES, name_tensors
from topwork.errors import WeightsError


def test_tensors_are_named_in_order_and_the_classifier_is_left_out() -> None:
    given = [np.full(shape, i) for i, shape in enumerate(SHAPES.values())]
    named = name_tensors([*given, np.zeros((1000, 1280)), np.zeros(1000)], "a file")
    assert [int(one.flat[0]) for one in named.values()] == list(range(len(SHAPES)))


def test_tensors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"in a\.pth do not fit EfficientNet-Lite0\. Run: pip"):
        name_tensors([np.ones(2)], "a.pth")
