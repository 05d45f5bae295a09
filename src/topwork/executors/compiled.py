"""Networks compiled for this CPU by OpenVINO.

What it does not know: what a network computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from topwork.core import files
from topwork.core.digests import digest_once, digest_settings
from topwork.core.environment import variable
from topwork.core.sealed import read_sealed, write_sealed
from topwork.errors import BackboneError
from topwork.executors.compiled_folder import REMOVE

NUM_SHAPES = 16
"""Shapes of windows, or of batches of texts, that OpenVINO keeps code for. They come in hundreds of
lengths, of which its default keeps 5,000."""

PRIMITIVES = 64
"""That oneDNN, below it, keeps on top of that, of whatever shape; its default is 1,024, which is
read once, as the first network is compiled. Measured over 1,000 sounds of as many lengths up to
12 s, memory at the peak, against one length: both defaults 3.9 times as much, both bounds 1.1; of
texts of up to 200 words 1.6 and 1.2. One length is as fast, and many cost up to a tenth more."""


def compile_on_cpu(path: Path, *, precision: str, num_cores: int, any_length: bool) -> Any:
    """Compile a network, or take what was compiled of it from the cache.

    It is kept under the digest of the network, not under its path as OpenVINO's own cache does: a
    model that is opened from fifty places is compiled once. It is half a second faster, and 15 MB
    for EfficientNet-Lite0, 90 MB for MiniLM-L6.

    Raises BackboneError where it cannot be loaded.
    """
    import openvino

    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": precision,  # bf16, the default on new CPUs, is not for all
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": num_cores,
        "INFERENCE_NUM_THREADS": num_cores,
    }
    if any_length:
        settings["CPU_RUNTIME_CACHE_CAPACITY"] = NUM_SHAPES
    core = openvino.Core()
    with variable("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(PRIMITIVES)):
        try:
            place = blob_folder() / f"{_key(core, path, settings)}.blob"
            kept = read_sealed(place)
            if kept is not None:
                with suppress(RuntimeError):  # it is no longer to its liking: compiled anew
                    return core.import_model(kept, "CPU", settings)
            compiled = core.compile_model(str(path), "CPU", settings)
        except (RuntimeError, OSError) as error:
            raise BackboneError(
                f"The compiled network in {path.parent} cannot be loaded: {str(error)[:500]}. "
                f"{REMOVE}"
            ) from error
    try:
        with suppress(RuntimeError):  # not every network has such a form
            write_sealed(place, compiled.export_model().getbuffer())
    except OSError as error:  # full, or read-only: it compiles each time
        files.warn_once(place.parent, error)
    return compiled


def blob_folder() -> Path:
    """Return where networks are kept as OpenVINO compiled them for this CPU."""
    return files.cache_folder() / "compiled" / "blobs"


def _key(core: Any, path: Path, settings: Mapping[str, Any]) -> str:
    """Return the digest of all that the compiled form depends on."""
    return digest_settings(
        {
            "network": [digest_once(path), digest_once(path.with_suffix(".bin"))],
            "settings": dict(settings),
            "openvino": version("openvino"),
            "cpu": [
                core.get_property("CPU", "FULL_DEVICE_NAME"),
                sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
            ],
        }
    )
