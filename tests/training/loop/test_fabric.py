"""Precision and number of devices, as Fabric is told."""

import pytest
import torch

from tests.training import nets
from topwork.errors import SettingError
from topwork.training.loop import fabric
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


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = nets.plan(num_devices=2).settings
    monkeypatch.setattr(fabric, "check_device", torch.device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SettingError, match="num_devices is 2 with device 'cuda'; accepted here: u"):
        make_fabric(Plan(settings=settings, device="cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(SettingError, match="a device without a number"):
        make_fabric(Plan(settings=settings, device="cuda:1"))


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
