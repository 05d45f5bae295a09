"""OpenVINO: it agrees with PyTorch, keeps order, and needs no torch once compiled."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests import small
from tests.backbones import folders
from tests.small import ROOT
from topwork.backbones.base import Backbone
from topwork.backbones.cut import until
from topwork.backbones.modules import from_module
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError, StoreError
from topwork.examples.images.decode import ImageInput
from topwork.examples.windows import decode
from topwork.executors import openvino as module
from topwork.executors.base import POOLS, WHOLE, Executor
from topwork.executors.compiled import blob_folder
from topwork.executors.compiled_folder import FORMAT, WEIGHTS
from topwork.executors.openvino import (
    ConversionError,
    OpenVINOExecutor,
    compiled_folder,
    open_compiled,
)
from topwork.executors.torch import TorchExecutor

from .conftest import Pictures


def vectors(executor: Executor, images: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    return np.stack(list(executor.run(images)))


def assert_agree(backbone: Backbone, images: list[npt.NDArray[np.uint8]], bound: float) -> None:
    """Compare every pool of every block, in units of the largest number in it."""
    fast = open_compiled(backbone, POOLS)
    slow = TorchExecutor(backbone, pools=POOLS, device="cpu")
    assert tuple(fast.segments) == tuple(slow.segments)
    found, expected = vectors(fast, images), vectors(slow, images)
    assert found.shape == (len(images), fast.width)
    start = 0
    for segment in fast.segments:
        part = slice(start, start + segment.size)
        start += segment.size
        scale = np.abs(expected[:, part]).max() or 1
        assert np.abs(found[:, part] - expected[:, part]).max() / scale <= bound, segment


def test_it_agrees_with_torch_on_the_embedded_backbone(pictures: Pictures) -> None:
    assert_agree(get_backbone("efficientnet-lite0"), pictures(3, 224), 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("mobilenetv3_small_050", 64),
        ("resnet18", 64),
        ("regnety_002", 64),
        ("convnext_atto", 64),
        ("vit_tiny_patch16_224", 64),
        ("vit_small_patch14_dinov2", 56),
        ("vit_small_patch16_dinov3", 64),
        ("swin_tiny_patch4_window7_224", 64),
        ("swinv2_tiny_window8_256", 64),
    ],
)
def test_it_agrees_with_torch_on_every_family(model: str, size: int, pictures: Pictures) -> None:
    backbone = get_backbone(f"timm/{model}?pretrained=false&size={size}")
    assert_agree(backbone, pictures(3, size), 1e-3)


def assert_agree_whole(backbone: Backbone, windows: list[Any]) -> list[tuple[int, ...]]:
    """Compare what each block gives, within 1e-3 of its largest number; return the last shapes."""
    shapes: list[tuple[int, ...]] = []
    for block in backbone.build().blocks:
        cut = until(backbone, block)
        fast, slow = open_compiled(cut, [WHOLE]), TorchExecutor(cut, pools=[WHOLE])
        assert tuple(fast.segments) == tuple(slow.segments)
        assert not (fast.folder / WEIGHTS).exists()
        shapes.clear()
        for found, wanted in zip(fast.run(windows), slow.run(windows), strict=True):
            assert found.shape == wanted.shape
            assert np.abs(found - wanted).max() <= 1e-3 * np.abs(wanted).max()
            shapes.append(found.shape)
    return shapes


def test_whole_outputs_agree_with_torch_images(tiny: Backbone, pictures: Pictures) -> None:
    convolutions = replace(tiny, build=lambda: replace(tiny.build(), blocks=("1", "2")))
    assert assert_agree_whole(convolutions, list(pictures(3, 20))) == [(6, 5, 5)] * 3


def test_whole_outputs_agree_with_torch_sounds() -> None:
    sounds = [small.tone(300, n / small.RATE_HZ)[:n] for n in (800, 2000, 1200, 2000)]
    shapes = assert_agree_whole(small.tiny_sound_backbone(), sounds)
    assert shapes == [(16, 23), (16, 60), (16, 35), (16, 60)]


def test_whole_outputs_agree_with_torch_texts(tmp_path: Path) -> None:
    folders.text_folder(tmp_path, "bert")
    backbone = get_backbone(tmp_path)
    texts = ["a b c", "d", "a b c d e f g h i j k", "x y z"]
    windows = [window for text in texts for window in decode(text, backbone.input)]
    shapes = assert_agree_whole(backbone, windows)
    assert shapes == [(len(window), 32) for window in windows]


def test_a_vector_does_not_depend_on_its_neighbours(pictures: Pictures) -> None:
    executor = open_compiled(get_backbone("efficientnet-lite0"), POOLS)
    images = pictures(5, 224)
    together = vectors(executor, images)
    for image, vector in zip(images, together, strict=True):
        assert np.array_equal(vectors(executor, [image])[0], vector)


def test_order_is_kept(tiny: Backbone, pictures: Pictures) -> None:
    executor = open_compiled(tiny, POOLS)
    images = pictures(50, 20)
    found = vectors(executor, images)
    assert np.array_equal(found[::-1], vectors(executor, images[::-1]))
    assert list(executor.run([])) == []


def test_inputs_are_pulled_only_as_fast_as_they_are_used(
    tiny: Backbone, pictures: Pictures
) -> None:
    executor = open_compiled(tiny, POOLS)
    image, pulled = pictures(1, 20)[0], 0

    def endless() -> Iterator[npt.NDArray[np.uint8]]:
        nonlocal pulled
        while True:
            pulled += 1
            yield image

    run = executor.run(endless())
    for _ in range(3):
        next(run)
    assert pulled <= executor._num_waiting + 3
    run.close()  # type: ignore[attr-defined]
    assert len(list(executor.run([image]))) == 1


def test_two_runs_at_once_do_not_mix(tiny: Backbone, pictures: Pictures) -> None:
    executor = open_compiled(tiny, POOLS)
    images = pictures(40, 20)
    pairs = list(zip(executor.run(images), executor.run(images[::-1]), strict=True))
    assert np.array_equal(np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])[::-1])


def test_an_error_of_the_source_comes_through_and_the_executor_lives(
    tiny: Backbone, pictures: Pictures
) -> None:
    executor = open_compiled(tiny, POOLS)
    images = pictures(40, 20)

    def failing() -> Iterator[npt.NDArray[np.uint8]]:
        yield from images[:30]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(executor.run(failing()))
    assert len(list(executor.run(images))) == 40
    with pytest.raises(BackboneError, match="takes uint8"):
        list(executor.run([np.zeros((3, 3, 3), np.uint8)]))


def test_a_second_process_needs_no_torch(tiny: Backbone) -> None:
    backbone = get_backbone("efficientnet-lite0")
    open_compiled(backbone, POOLS)
    code = (
        "import sys, numpy\n"
        "from topwork.backbones.registry import get_backbone\n"
        "from topwork.executors.choose import open_executor\n"
        "from topwork.executors.base import POOLS\n"
        "executor = open_executor(get_backbone('efficientnet-lite0'), pools=POOLS, device='cpu')\n"
        "print(len(list(executor.run([numpy.zeros((224, 224, 3), 'uint8')]))))\n"
        "print([m for m in ('torch', 'timm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["1", "[]"]


def test_it_is_compiled_once_and_again_where_it_is_damaged(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_compiled(tiny, POOLS).folder
    with monkeypatch.context() as patch:
        patch.setattr(module, "compile_network", lambda *_a: pytest.fail("compiled again"))
        open_compiled(tiny, POOLS)
    (folder / "network.xml").write_text("<net")
    assert open_compiled(tiny, POOLS).width == OpenVINOExecutor(folder).width


def test_what_it_depends_on_names_its_folder(tiny: Backbone) -> None:
    folders = {
        compiled_folder(tiny, POOLS),
        compiled_folder(tiny, ["mean"]),
        compiled_folder(get_backbone("efficientnet-lite0"), POOLS),
    }
    assert len(folders) == 3
    assert compiled_folder(tiny, ["max", "mean"]) == compiled_folder(tiny, ["mean", "max"])


def test_it_opens_from_any_folder(tiny: Backbone, tmp_path: Path, pictures: Pictures) -> None:
    module.compile_network(tiny, POOLS, tmp_path / "compiled")
    assert sorted(p.name for p in (tmp_path / "compiled").iterdir()) == [
        "layout.json",
        "network.bin",
        "network.xml",
        "weights.safetensors",
    ]
    images = pictures(2, 20)
    found = vectors(OpenVINOExecutor(tmp_path / "compiled"), images)
    assert np.array_equal(found, vectors(open_compiled(tiny, POOLS), images))


def test_a_compiled_form_that_cannot_be_read_is_refused(tiny: Backbone, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="FileNotFoundError"):
        OpenVINOExecutor(tmp_path)
    folder = tmp_path / "a"
    module.compile_network(tiny, ["mean"], folder)
    layout: dict[str, Any] = json.loads((folder / "layout.json").read_text())
    (folder / "layout.json").write_text(json.dumps(layout | {"format": 99}))
    with pytest.raises(BackboneError, match=f"format 99; .*reads {FORMAT}"):
        OpenVINOExecutor(folder)
    (folder / "layout.json").write_text(json.dumps(layout))
    for changed in ({"segments": []}, {"precision": "f64"}, {"sha256": None}):
        (folder / "layout.json").write_text(json.dumps(layout | changed))
        with pytest.raises(BackboneError, match=r"layout.json was changed"):
            OpenVINOExecutor(folder)
    (folder / "layout.json").write_text(json.dumps(layout))
    (folder / "network.xml").write_text("<net")
    with pytest.raises(BackboneError, match=r"network.xml is not what was written"):
        OpenVINOExecutor(folder)
    (folder / "network.xml").unlink()
    with pytest.raises(BackboneError, match=r"No such file"):
        OpenVINOExecutor(folder)
    # of before the layout had digests
    (folder / "layout.json").write_text(json.dumps(layout | {"format": 3, "files": {}}))
    (folder / "network.xml").write_text("<net")
    with pytest.raises(BackboneError, match="cannot be loaded"):
        OpenVINOExecutor(folder)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"segments": []}, "no segments"),
        ({"segments": [["a", "mean", 0]]}, "size 0"),
        ({"segments": [["a", "mean", "3"]]}, "segment"),
        ({"segments": 3}, "TypeError"),
        ({"windows": {"dtype": 3, "shape": [1], "max_batch": 1}}, "windows"),
        ({"windows": []}, "TypeError"),
        ({"precision": 3}, "precision"),
    ],
)
def test_a_layout_of_other_types_is_refused(
    change: dict[str, Any], word: str, tmp_path: Path
) -> None:
    layout = {
        "format": 3, "precision": "f32", "segments": [["a", "mean", 3]],
        "windows": {"dtype": "uint8", "shape": [8, 8, 3], "max_batch": 1},
    }  # fmt: skip
    for text in (json.dumps({**layout, **change}), "[" * 100_000, "[]", "\xff"):
        (tmp_path / "layout.json").write_text(text)
        with pytest.raises(BackboneError, match=word if text[0] == "{" else "cannot be read"):
            OpenVINOExecutor(tmp_path)


def test_fifty_places_of_one_network_are_kept_once(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: Pictures
) -> None:
    folder = open_compiled(tiny, POOLS).folder
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "cache"))
    images = pictures(2, 20)
    expected = None
    for place in range(50):
        copied = shutil.copytree(folder, tmp_path / str(place))
        executor = OpenVINOExecutor(copied)
        if place in (0, 1, 49):  # compiled, then read
            found = vectors(executor, images)
            assert expected is None or np.array_equal(found, expected)
            expected = found
    (blob,) = blob_folder().iterdir()
    # one altered byte, and it is compiled again
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    assert np.array_equal(vectors(OpenVINOExecutor(tmp_path / "0"), images), expected)
    assert blob.read_bytes() != data


def test_a_full_disk_is_said_in_words(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    def refuse(*_arguments: object, **_settings: object) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    def half(_model: object, path: Path, **_settings: object) -> None:
        path.write_text("<net><layers>")

    for failing, word in ((refuse, "iostream error"), (half, "only a part of network.xml")):
        with monkeypatch.context() as patch:
            patch.setattr(openvino, "save_model", failing)
            with pytest.raises(StoreError, match=f"Keeping the compiled network failed: .*{word}"):
                module.compile_network(tiny, ["std"], tmp_path / "full")
        assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_only_time(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_compiled(tiny, POOLS).folder
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "file"))
    assert OpenVINOExecutor(folder).width


class Odd(torch.nn.Module):
    """Runs in PyTorch, but uses an operation that no converter knows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x)


def odd() -> Backbone:
    image = ImageInput(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return from_module(torch.nn.Sequential(Odd()), blocks=["0"], input=image, name="odd")


def test_a_network_that_cannot_be_converted_says_what_to_do() -> None:
    level = logging.getLogger().level
    with pytest.raises(ConversionError, match=r"'odd' cannot be converted.*--device torch"):
        open_compiled(odd(), POOLS)
    assert logging.getLogger().level == level


REPORTS = """
import os
from pathlib import Path
import openvino_telemetry
from tests import small
from topwork.executors.openvino import compile_network
os.environ.pop("CI", None)
compile_network(small.tiny_backbone(), ["std"], Path("a"))
print(openvino_telemetry.Telemetry().consent, "CI" in os.environ)
"""


def test_the_converter_reports_to_nobody(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino_telemetry")
    # in a process of its own: whoever converts first decides for the whole process
    done = subprocess.run(
        [sys.executable, "-c", REPORTS],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"], done.stderr
    monkeypatch.setenv("CI", "1")
    module.compile_network(tiny, ["std"], tmp_path / "b")
    assert os.environ["CI"] == "1"


FORK = """
import os, signal, sys, numpy
from topwork.backbones.registry import get_backbone
from topwork.executors.base import POOLS
from topwork.executors.choose import open_executor
used = open_executor(get_backbone("efficientnet-lite0"), pools=POOLS, device="cpu")
images = [numpy.full((224, 224, 3), grey, "uint8") for grey in range(5)]
before = list(used.run(images))
child = os.fork()
if child == 0:
    signal.alarm(60)
    if sys.argv[1] == "predicts":
        for _ in range(2):
            after = list(used.run(images))
        assert all(map(numpy.array_equal, before, after))
        print("the child agrees", flush=True)
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
assert all(map(numpy.array_equal, before, list(used.run(images))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize(("what", "said"), [("predicts", "the child agrees\n3\n"), ("ends", "3\n")])
def test_a_forked_process_goes_on(what: str, said: str) -> None:
    open_compiled(get_backbone("efficientnet-lite0"), POOLS)
    command = [sys.executable, "-c", FORK, what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, said), done.stderr


MANY_LENGTHS = """
import resource, numpy
from topwork.backbones.registry import get_backbone
from topwork.executors.choose import open_executor
used = open_executor(get_backbone("speech-embedding"), pools=("mean", "std", "max"), device="cpu")
form, rng = used._form, numpy.random.default_rng(0)
def peak(lengths):
    for length in lengths:
        window = rng.normal(0, 3000, (length, *form.shape[1:])).astype(form.dtype)
        assert numpy.isfinite(next(iter(used.run([window])))).all()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak([160_000] * 10), peak(rng.integers(20_000, 160_000, 80)))
"""


def test_memory_does_not_grow_with_the_number_of_lengths() -> None:
    pytest.importorskip("resource")
    open_compiled(get_backbone("speech-embedding"), ("mean", "std", "max"))
    done = subprocess.run(
        [sys.executable, "-c", MANY_LENGTHS], capture_output=True, text=True, check=True
    )
    one, many = map(int, done.stdout.split())
    assert many <= 1.3 * one
