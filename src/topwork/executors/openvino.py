"""OpenVINO executor, compiled once.

The compiled form is made once, from the torch module; whoever opens it again needs no torch.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import numpy as np
import safetensors.numpy

from topwork.backbones.base import Backbone
from topwork.core import files
from topwork.core.digests import digest_settings
from topwork.core.environment import variable
from topwork.core.extras import need
from topwork.core.shapes import Float32, Floats, Shaped
from topwork.errors import BackboneError
from topwork.executors.base import WHOLE, Executor, Segment, WindowForm, order_pools
from topwork.executors.batches import Window, run_batches
from topwork.executors.compiled import compile_on_cpu
from topwork.executors.compiled_folder import (
    FORMAT,
    NETWORK,
    WEIGHTS,
    check_files,
    read_layout,
    write_layout,
)

log = logging.getLogger(__name__)

_after_fork = threading.Lock()
_opened: weakref.WeakSet[OpenVINOExecutor] = weakref.WeakSet()


def _keep_for_good() -> None:
    """Never close in a child what its parent opened: that waits for threads it does not have."""
    for executor in list(_opened):
        for inherited in (executor._compiled, *executor._spare):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_keep_for_good)


class ConversionError(BackboneError):
    """The network runs in PyTorch, but OpenVINO has no form of it."""


@final
class OpenVINOExecutor(Executor):
    """A compiled network on this machine's CPU.

    As many requests side by side as there are cores, and of images one a request, so a vector
    cannot depend on its neighbours. Larger batches gain little or lose there. Measured, images/s
    on 2 cores at 224 px with mean, std, max and grid2 of every block, batch 1, 2, 4, 8:
    EfficientNet-Lite0 453, 445, 419, 358; MobileNetV3-Large 630, 653, 670; ViT-Small 48, 49, 50;
    ResNet-50 43, 44, 43. One image alone takes 5 ms in a batch of 1, 17 in one of 4. Texts are
    short, so those of one length go together (batches.py).
    """

    def __init__(self, folder: Path) -> None:
        """Open the compiled form in a folder: no torch is needed, nor the backbone.

        Raises:
            BackboneError: it is missing, damaged, or of another version.
        """
        self.folder = folder
        layout = read_layout(folder)
        check_files(folder, layout)
        self.segments: Sequence[Segment] = tuple(
            Segment(block=block, pool=pool, size=size) for block, pool, size in layout["segments"]
        )
        taken = layout["windows"]
        self._form = WindowForm(
            dtype=taken["dtype"], shape=tuple(taken["shape"]), max_batch=taken["max_batch"]
        )
        self.precision = cpu_precision(layout["precision"])
        self._open()
        num_streams = self._compiled.get_property("NUM_STREAMS")
        self.device = f"CPU ({num_streams} streams, OpenVINO, {self.precision})"
        # twice the streams: while one window of each runs, the next is there
        self._num_waiting = 2 * int(num_streams)

    def _open(self) -> None:
        self._compiled = compile_on_cpu(
            self.folder / NETWORK,
            precision=self.precision,
            num_cores=num_cores(),
            any_length=None in self._form.shape,
        )
        self._spare: list[Any] = []
        self._process = os.getpid()
        _opened.add(self)

    def _request(self) -> Any:
        try:
            return self._spare.pop()
        except IndexError:  # no asking first: another thread may take the last one meanwhile
            return self._compiled.create_infer_request()

    def _own_after_fork(self) -> None:
        """Open it anew in a child process: of the parent's threads it has none, and would wait."""
        with _after_fork:
            if self._process != os.getpid():
                self._open()

    def run(
        self, windows: Iterable[Shaped[np.ndarray, "..."]]
    ) -> Iterator[Float32[np.ndarray, " width"]]:
        """Yield a vector for every window, in their order.

        Several runs may go on at once: no two share a request.
        """
        import openvino

        if self._process != os.getpid():
            self._own_after_fork()
        busy: list[Any] = []

        def start(batch: Sequence[Window]) -> Any:
            for window in batch:
                self._form.check(window)
            request = self._request()
            request.set_input_tensor(openvino.Tensor(np.stack(batch)))
            request.start_async()
            busy.append(request)
            return request

        def finish(request: Any) -> Sequence[Floats]:
            request.wait()
            vectors = np.array(request.get_output_tensor().data, dtype=np.float32)
            busy.remove(request)
            self._spare.append(request)
            return list(vectors)

        try:
            yield from run_batches(
                windows,
                self._form,
                self.width,
                start=start,
                finish=finish,
                num_waiting=self._num_waiting,
            )
        finally:
            for request in busy:  # their memory is in use until they are done
                request.wait()
                self._spare.append(request)


def open_compiled(backbone: Backbone, pools: Sequence[str]) -> OpenVINOExecutor:
    """Open the compiled form that came with the backbone, or the cache's; else make it first.

    Raises:
        BackboneError: the network cannot be built or converted.
    """
    own = backbone.compiled.get(order_pools(pools, or_whole=True))
    if own is not None:
        return OpenVINOExecutor(own)
    folder = ensure_compiled(backbone, pools)
    try:
        return OpenVINOExecutor(folder)
    except BackboneError:  # OpenVINO refuses what it wrote: perhaps another of its builds
        compile_network(backbone, pools, folder)
        return OpenVINOExecutor(folder)


def ensure_compiled(backbone: Backbone, pools: Sequence[str]) -> Path:
    """Return the folder of the compiled form, made now where the cache has none that is whole.

    Raises:
        BackboneError: the network cannot be built or converted.
        StoreError: the cache cannot be read or written to.
    """
    folder = compiled_folder(backbone, pools)
    with files.disk_errors("Looking for the compiled network"):
        there = folder.is_dir()
    if there:
        try:
            check_files(folder, read_layout(folder), whole=True)
            with suppress(OSError):  # for whoever cleans by last use
                os.utime(folder)
            return folder
        except BackboneError as error:
            log.warning("%s It is made anew.", error)
    compile_network(backbone, pools, folder)
    return folder


def compiled_folder(backbone: Backbone, pools: Sequence[str]) -> Path:
    """Return where the compiled form is kept, under all that it depends on."""
    key = digest_settings(
        {
            "backbone": backbone.digest,
            "input": backbone.input.settings(),
            "pools": list(order_pools(pools, or_whole=True)),
            "precision": backbone.precision,
            "openvino": version("openvino"),
            "format": FORMAT,
        }
    )
    return files.cache_folder() / "compiled" / key


def compile_network(backbone: Backbone, pools: Sequence[str], folder: Path) -> None:
    """Convert the backbone, with its pools, into a folder: network.xml, .bin, layout.json.

    Beside them go the backbone's own weights, for a model folder to take along; not of `WHOLE`.

    Raises:
        BackboneError: the network cannot be built or converted.
    """
    if backbone.graph is None:
        model, segments, form, tensors = _converted(backbone, pools)
    else:
        from topwork.executors.pooled_graph import pooled_graph

        graph = backbone.graph()
        model, segments, form = pooled_graph(backbone, graph, pools)
        tensors = graph.tensors
    layout = {
        "backbone": backbone.name,
        "digest": backbone.digest,
        "windows": asdict(form),
        "precision": backbone.precision,
        "segments": [[s.block, s.pool, s.size] for s in segments],
    }
    with files.disk_errors("Keeping the compiled network"), files.replacing_folder(folder) as new:
        _save(model, new / NETWORK)
        if tuple(pools) != (WHOLE,):  # no model is made of a part of a network
            safetensors.numpy.save_file(dict(tensors), new / WEIGHTS)
        write_layout(new, layout)


def _converted(
    backbone: Backbone, pools: Sequence[str]
) -> tuple[Any, Sequence[Segment], WindowForm, Mapping[str, Shaped[np.ndarray, "..."]]]:
    """Convert the torch module, with its pools; also return its weights."""
    need("torch", f"The backbone {backbone.name!r}, which is converted from its module,")
    import openvino
    import torch

    from topwork.executors.block_shapes import blank_window
    from topwork.executors.pooled import pooled_network

    module, segments, form = pooled_network(backbone, pools)
    example = torch.from_numpy(np.stack([blank_window(backbone.input)] * min(2, form.max_batch)))
    shape = [-1 if form.max_batch > 1 else 1, *(-1 if n is None else n for n in form.shape)]
    kind = {"uint8": openvino.Type.u8, "float32": openvino.Type.f32, "int64": openvino.Type.i64}
    with _converting(), torch.inference_mode():
        try:
            model = openvino.convert_model(
                module, example_input=example, input=[(shape, kind[form.dtype])]
            )
        except Exception as error:  # the converter raises whatever it meets
            raise ConversionError(
                f"Backbone {backbone.name!r} cannot be converted for OpenVINO: "
                f"{type(error).__name__}: {' '.join(str(error).split())[:500]}. "
                "Run it with PyTorch: --device torch."
            ) from error
    state = module.get_submodule("network").state_dict()
    # copies: tied weights share memory, which a file of tensors cannot say
    return model, segments, form, {name: one.numpy().copy() for name, one in state.items()}


def _save(model: Any, path: Path) -> None:
    """Write a network. Raises OSError where the disk refuses, which OpenVINO says otherwise."""
    import openvino

    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f"OpenVINO could not write it: {str(error).splitlines()[0]}") from error
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 32))
        if not file.read().rstrip().endswith(b"</net>"):  # it does not ask whether all was taken
            raise OSError(f"OpenVINO wrote only a part of {path.name}")


@contextmanager
def _converting() -> Iterator[None]:
    """Keep the converter from what is not its business.

    It sets the root logger's level and leaves it so when it fails, warns of every constant that
    tracing finds, and reports its use to its makers unless a variable says that this is CI.
    """
    root = logging.getLogger()
    before = root.level, list(root.filters), list(root.handlers)
    try:
        with variable("CI", "true"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before[0])
        root.filters, root.handlers = before[1:]


def cpu_precision(wanted: str) -> str:
    """Return `bf16` where that is wanted and this CPU computes in it natively, else `f32`."""
    return "bf16" if wanted == "bf16" and _has_bf16() else "f32"


@cache
def _has_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux: f32 is right everywhere
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def num_cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1
