"""The tensors of EfficientNet-Lite have names and shapes, and their graph is timm's network."""

import numpy as np
import pytest
import timm

from topwork.backbones.graphs.efficientnet import SCALES, name_tensors, shapes_of
from topwork.backbones.registry import get_backbone
from topwork.errors import WeightsError
from topwork.executors.choose import open_executor

LITE0 = "tf_efficientnet_lite0"


@pytest.mark.parametrize("model", SCALES)
def test_tensors_are_those_of_timm_one_to_one(model: str) -> None:
    state = timm.create_model(model, pretrained=False).state_dict()
    own = {name: tuple(one.shape) for name, one in state.items() if "classifier" not in name}
    assert list(shapes_of(model).items()) == list(own.items())


def test_a_wider_and_deeper_one_computes_what_timm_does() -> None:
    lite2 = get_backbone("timm/tf_efficientnet_lite2?pretrained=false&size=64")
    assert lite2.graph is not None
    windows = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    pools = ("mean", "max")
    drawn, torched = (
        list(open_executor(lite2, pools=pools, device=device).run(windows))
        for device in ("openvino", "torch")
    )
    np.testing.assert_allclose(drawn, torched, rtol=1e-3, atol=1e-4)


def test_tensors_are_named_in_order_and_the_classifier_is_left_out() -> None:
    shapes = shapes_of(LITE0)
    given = [np.full(shape, i) for i, shape in enumerate(shapes.values())]
    named = name_tensors([*given, np.zeros((1000, 1280)), np.zeros(1000)], LITE0, "a file")
    assert [int(one.flat[0]) for one in named.values()] == list(range(len(shapes)))


def test_tensors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WeightsError, match=rf"in a\.pth do not fit {LITE0}\. Install.*pip"):
        name_tensors([np.ones(2)], LITE0, "a.pth")
