"""What runs a backbone is chosen by what is here."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from topwork.backbones.base import Backbone
from topwork.errors import SettingError
from topwork.executors import choose
from topwork.executors.choose import open_executor
from topwork.executors.openvino import OpenVINOExecutor
from topwork.executors.torch import TorchExecutor

from .test_openvino import odd


@pytest.mark.parametrize(
    ("device", "kind"),
    [("cpu", OpenVINOExecutor), ("openvino", OpenVINOExecutor), ("torch", TorchExecutor)],
)
def test_the_device_that_is_asked_for(tiny: Backbone, device: str, kind: type) -> None:
    assert isinstance(open_executor(tiny, pools=["mean"], device=device), kind)


def test_auto_is_openvino_without_a_driver(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "DRIVERS", ())
    assert isinstance(open_executor(tiny, pools=["mean"]), OpenVINOExecutor)


@pytest.mark.parametrize("works", [True, False])
def test_a_driver_in_sight_is_not_yet_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    monkeypatch.setattr(choose, "DRIVERS", (str(tmp_path),))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: works)
    assert choose._cuda_works() is works


def test_an_unknown_device_is_refused(tiny: Backbone) -> None:
    with pytest.raises(SettingError, match="'gpu'; accepted: auto, cpu, openvino"):
        open_executor(tiny, pools=["mean"], device="gpu")


def test_what_openvino_cannot_convert_runs_in_torch_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        executor = open_executor(odd(), pools=["mean"], device="cpu")
    assert isinstance(executor, TorchExecutor)
    assert "'odd' cannot be converted for OpenVINO" in caplog.text


def test_without_openvino_torch_runs_it_and_the_log_says_so(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choose, "is_installed", lambda name: name != "openvino")
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_executor(tiny, pools=["mean"], device="cpu"), TorchExecutor)
    assert "OpenVINO is not installed" in caplog.text


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, topwork.executors.choose, topwork.executors.pooled\n"
        "import topwork.executors.openvino, topwork.executors.torch, topwork.backbones.modules\n"
        "heavy = ('torch', 'timm', 'openvino', 'huggingface_hub')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
