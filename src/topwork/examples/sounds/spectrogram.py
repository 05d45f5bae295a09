"""Spectrograms, as transformers computes them."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.extras import need
from topwork.core.shapes import Float32
from topwork.errors import SettingError

_lock = threading.Lock()


def extract(
    window: Float32[np.ndarray, " t"], rate_hz: int, settings: Mapping[str, Any]
) -> Float32[np.ndarray, "..."]:
    """Return what the network takes of one window, float32 without the batch.

    Of Whisper and SeamlessM4T [frames, mels], as many as the window lasts (Whisper's published code
    adds silence up to 30 s, from which nothing is learned); of AST [max_length, mels]; of CLAP
    [1 or 4, frames, mels].

    Args:
        window: [T], at `rate_hz`.
        settings: as `preprocessor_config.json` has them, `feature_extractor_type` included.

    Raises:
        SettingError: the window is of another rate, or longer or shorter than the extractor takes.
    """
    # Only plain values: Whisper's older files carry the filter bank, which is computed anyway.
    plain = {k: v for k, v in settings.items() if not isinstance(v, list | dict)}
    built = _built(json.dumps(plain, sort_keys=True))
    _check(window, rate_hz, built)
    more: dict[str, Any] = {}
    is_whisper = settings["feature_extractor_type"] == "WhisperFeatureExtractor"
    if is_whisper:
        more = {"padding": False, "truncation": False}
    out = built(window, sampling_rate=rate_hz, return_tensors="np", **more)
    values = np.asarray(out["input_features" if "input_features" in out else "input_values"])[0]
    return np.ascontiguousarray(values.T if is_whisper else values, dtype=np.float32)


@lru_cache(maxsize=16)
def _built(settings: str) -> Any:
    need("transformers", "This backbone's spectrogram")
    import transformers

    values = json.loads(settings)
    kind = values.pop("feature_extractor_type")
    with _lock, warnings.catch_warnings():
        # AST's published filters have empty ones among them, and transformers says so each time.
        warnings.filterwarnings("ignore", message="At least one mel filter")
        return getattr(transformers, kind)(**values)


def _check(window: npt.NDArray[np.float32], rate_hz: int, built: Any) -> None:
    if built.sampling_rate != rate_hz:
        raise SettingError(
            f"The extractor takes sounds of {built.sampling_rate} Hz, the input's rate_hz is "
            f"{rate_hz}. Give both the rate that the backbone was published with."
        )
    kind = type(built).__name__
    least = most = None
    if kind == "ASTFeatureExtractor":  # frames of 25 ms, 10 ms apart, as Kaldi's; the rest is cut
        most = (built.max_length - 1) * (rate_hz // 100) + rate_hz // 40
    elif kind == "ClapFeatureExtractor":  # beyond, it takes parts by chance
        most = built.nb_max_samples
    elif kind == "SeamlessM4TFeatureExtractor":  # two frames, for there to be a variance
        least = rate_hz // 100 + rate_hz // 40
    if most is not None and len(window) > most:
        raise SettingError(
            f"The {kind} takes at most {most:,} samples, a window has {len(window):,}. Give the "
            "input a max_samples of no more."
        )
    if least is not None and len(window) < least:
        raise SettingError(
            f"The {kind} takes at least {least:,} samples, a window has {len(window):,}. Give the "
            "input a min_samples of no less."
        )
