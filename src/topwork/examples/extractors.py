"""Turns a window of samples into a spectrogram, as transformers does, for networks that take one.

What it does not know: files, windows, and networks that take samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.errors import ExampleError
from topwork.examples.sound_input import EXTRACTORS

Spectrogram = npt.NDArray[np.float32]


def extract(
    window: npt.NDArray[np.float32], rate_hz: int, settings: Mapping[str, Any]
) -> Spectrogram:
    """Return what the network takes of one window: float32 [frames, mels].

    Args:
        window: [T], at `rate_hz`.
        settings: as `preprocessor_config.json` has them, `feature_extractor_type` included.
    """
    kind = settings["feature_extractor_type"]
    built = _built(json.dumps(dict(settings), sort_keys=True))
    more: dict[str, Any] = {}
    if kind == "WhisperFeatureExtractor":
        # As long as the window is: nothing is learned from 29 s of silence behind a word.
        more = {"padding": False, "truncation": False}
    out = built(window, sampling_rate=rate_hz, return_tensors="np", **more)
    values = np.asarray(out["input_features" if "input_features" in out else "input_values"])[0]
    if kind == "WhisperFeatureExtractor":
        values = values.T
    return np.ascontiguousarray(values, dtype=np.float32)


@lru_cache(maxsize=16)
def _built(settings: str) -> Any:
    import transformers

    values = json.loads(settings)
    kind = values.pop("feature_extractor_type")
    if kind not in EXTRACTORS:
        raise ExampleError(f"the extractor {kind} is not known")
    return getattr(transformers, kind)(**values)
