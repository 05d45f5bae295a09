"""Precision and device, as Fabric is told."""

import pytest
import torch

from tests.training import nets
from topwork.errors import SettingError
from topwork.training.loop.fabric import (
    fabric_precision,
    make_fabric,
    repeatable,
    sound_convolutions,
)
from topwork.training.loop.task import Plan


@pytest.mark.parametrize(
    ("wanted", "kind", "word"),
    [
        ("auto", "cuda", "bf16-mixed"),
        ("auto", "cpu", "32-true"),
        ("auto", "mps", "32-true"),
        ("bf16", "cpu", "bf16-mixed"),
        ("f32", "cuda", "32-true"),
    ],
)
def test_precision(wanted: str, kind: str, word: str) -> None:
    assert fabric_precision(wanted, kind) == word


def test_a_device_that_is_not_here() -> None:
    with pytest.raises(SettingError, match=r"'cuda:99' here; accepted: cpu"):
        make_fabric(Plan(settings=nets.plan().settings, device="cuda:99"))


def test_what_is_changed_is_put_back() -> None:
    threads = torch.get_num_threads()
    with repeatable(make_fabric(nets.plan()), threads + 1):
        assert torch.get_num_threads() == threads + 1
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_small_convolutions_are_kept_from_one_dnn() -> None:
    few, many = torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(3, 32, 3)
    before = torch.backends.mkldnn.enabled
    with sound_convolutions(torch.nn.Sequential(many, few)):
        assert not torch.backends.mkldnn.enabled
    with sound_convolutions(torch.nn.Sequential(many)):
        assert torch.backends.mkldnn.enabled == before
    assert torch.backends.mkldnn.enabled == before
