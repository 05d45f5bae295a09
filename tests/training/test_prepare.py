from pathlib import Path

import pytest

from tests import small
from topwork.backbones.named_architecture import architecture
from topwork.errors import TooFewError
from topwork.examples.sources import examples_from, read_examples
from topwork.training.prepare import Prepared
from topwork.training.settings import Training

BACKBONE = architecture("topwork/conv2d:8", size=16)


def test_a_tenth_is_held_out_and_what_cannot_be_read_is_named() -> None:
    images, labels = small.colours(3, 20)
    images[4] = images[4][:0]  # no pixels
    found = examples_from(images, labels, modality="image")
    ready = Prepared.of(found, BACKBONE, Training(), 0, "cpu")
    assert (len(ready.train), len(ready.held)) == (53, 6)
    assert not set(ready.train) & set(ready.held)
    assert ready.classes == ("c000", "c001", "c002")
    assert [one.name for one in ready.skipped] == ["input 4"]
    assert ready.job.labels.num_classes == 3
    assert ready.job.device == "cpu"
    assert ready.method == "a tenth of the examples, held out: 6 examples"


@pytest.mark.parametrize("device", ["openvino", "torch"])
def test_what_only_runs_networks_trains_on_the_cpu(device: str) -> None:
    images, labels = small.colours(2, 5)
    found = examples_from(images, labels, modality="image")
    assert Prepared.of(found, BACKBONE, Training(), 0, device).job.device == "cpu"


def test_a_class_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    data = small.write_folder(tmp_path / "data", small.digit_pictures(5))
    for place, path in enumerate(sorted((data / "one").iterdir())):
        path.write_bytes(path.read_bytes()[: 60 + place])  # the header is whole, the rest is not
    with pytest.raises(TooFewError, match=r"No image can be read of 1 of the classes: one"):
        Prepared.of(read_examples(data), BACKBONE, Training(), 0, "cpu")
