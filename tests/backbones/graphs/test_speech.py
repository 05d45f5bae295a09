"""The speech embedding's tensors are read from its two files, and from no others."""

from pathlib import Path

import pytest

from topwork.backbones.catalog import SPEECH_EMBEDDING
from topwork.backbones.embedded import find_embedded
from topwork.backbones.graphs.speech import read_tensors
from topwork.errors import WeightsError


def test_other_files_are_refused() -> None:
    mel = find_embedded(SPEECH_EMBEDDING)["melspectrogram.onnx"]
    with pytest.raises(
        WeightsError, match=r"not those of the speech embedding: there is no .*openwakeword"
    ):
        read_tensors(mel, mel)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\xff" * 99)
    with pytest.raises(WeightsError, match=r"a\.onnx cannot be read: .*Accepted: an ONNX file"):
        read_tensors(tmp_path / "a.onnx", tmp_path / "a.onnx")
