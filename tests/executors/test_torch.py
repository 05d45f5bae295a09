"""PyTorch's executor: the same promises as OpenVINO's."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from topwork.backbones.base import Backbone
from topwork.errors import BackboneError, SettingError
from topwork.executors.base import POOLS
from topwork.executors.torch import TorchExecutor

from .conftest import Pictures


def test_a_vector_does_not_depend_on_its_neighbours(tiny: Backbone, pictures: Pictures) -> None:
    executor = TorchExecutor(tiny, pools=POOLS, batch_size=4)
    images = pictures(10, 20)
    together = list(executor.run(images))
    assert len(together) == 10
    for image, vector in zip(images, together, strict=True):
        assert vector.dtype == np.float32
        assert np.allclose(next(iter(executor.run([image]))), vector, rtol=1e-5, atol=1e-6)
    assert list(executor.run([])) == []


def test_it_says_what_it_is(tiny: Backbone) -> None:
    executor = TorchExecutor(tiny, pools=["mean"])
    assert (executor.precision, executor.device) == ("f32", "CPU (PyTorch, f32)")
    assert executor.width == 15


@pytest.mark.parametrize("device", ["cuda:99", "abacus", "xla"])
def test_a_device_that_is_not_here_is_refused(tiny: Backbone, device: str) -> None:
    with pytest.raises(SettingError, match=f"has no device '{device}' here; accepted: cpu"):
        TorchExecutor(tiny, pools=["mean"], device=device)


def test_pixels_of_another_form_are_refused(tiny: Backbone) -> None:
    with pytest.raises(BackboneError, match="takes uint8"):
        list(TorchExecutor(tiny, pools=["mean"]).run([np.zeros((3, 3, 3), np.uint8)]))


def test_pools_are_float32_under_autocast(tiny: Backbone, pictures: Pictures) -> None:
    """What a GPU does, on the CPU: the network in bfloat16, the pools in float32."""
    executor = TorchExecutor(tiny, pools=POOLS)
    images = torch.from_numpy(np.stack(pictures(3, 20)))
    with torch.inference_mode():
        exact = executor._module(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = executor._module(images)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().max() <= 0.02 * exact.abs().max()
    assert not torch.equal(rounded, rounded.bfloat16().float())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_agrees_with_the_cpu(tiny: Backbone, pictures: Pictures) -> None:
    images = pictures(300, 20)
    fast = TorchExecutor(tiny, pools=POOLS, device="cuda")
    assert fast.precision == "bf16"
    found = np.stack(list(fast.run(images)))
    expected = np.stack(list(TorchExecutor(tiny, pools=POOLS).run(images)))
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()


FORK = """
import os, signal, sys, numpy
from topwork.backbones.registry import get_backbone
from topwork.executors.choose import open_executor
used = open_executor(get_backbone("efficientnet-lite0"), pools=("mean",), device="torch")
images = [numpy.full((224, 224, 3), grey, "uint8") for grey in range(5)]
before = list(used.run(images))
child = os.fork()
if child == 0:
    signal.alarm(60)
    after = list(used.run(images))
    assert all(map(lambda a, b: numpy.allclose(a, b, atol=1e-4), before, after))
    print("the child agrees", flush=True)
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_goes_on() -> None:
    command = [sys.executable, "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "the child agrees\n3\n"), done.stderr


def test_a_gpu_across_a_fork_is_refused(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch, pictures: Pictures
) -> None:
    executor = TorchExecutor(tiny, pools=["mean"])
    monkeypatch.setattr(executor, "_device", torch.device("cuda"))
    monkeypatch.setattr(executor, "_process", -1)
    with pytest.raises(BackboneError, match=r"GPU cannot be used across a fork.*in the child"):
        executor.run(pictures(1, 20))
