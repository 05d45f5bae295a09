"""Files of a folder or a hub repository: what is cached, missing, or cannot be reached."""

from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

from topwork.backbones import repository
from topwork.backbones.repository import Repository
from topwork.backbones.weights import find_weights
from topwork.errors import WeightsError


@pytest.fixture(autouse=True)
def forget() -> None:
    repository._unreachable.clear()


def test_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "config.json").write_text('{"a": 1}')
    folder = Repository(name="x", folder=tmp_path)
    assert folder.source == f"folder {tmp_path}"
    assert folder.find("config.json") is None
    assert folder.json("config.json") is None
    assert folder.under("inner").config() == {"a": 1}
    assert folder.under("").json("inner/config.json") == {"a": 1}


@pytest.mark.parametrize("path", ["../b", "/b", "a/../../b", "c:b", "a\\b"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(WeightsError, match=r"accepted: paths inside it"):
        Repository(name="x", folder=tmp_path).under(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs config\.json.*has no config\.json"):
        Repository(name="x", folder=tmp_path).config()


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read: "), ("[1]", "holds list, not an object")]
)
def test_a_broken_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(WeightsError, match=message):
        Repository(name="x", folder=tmp_path).config()


def test_the_hub_out_of_reach_says_what_to_do() -> None:
    with pytest.raises(
        WeightsError,
        match=r"\(config\.json: .*download a/nothing\.here --local-dir.*embedded",
    ):
        Repository(name="a/nothing.here").config()


def test_an_optional_file_out_of_reach_is_none_and_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def hub(name: str, file: str, local_files_only: bool = False) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not cached")
        asked.append(file)
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub)
    found = Repository(name="a/b")
    assert found.source == "Hugging Face hub, a/b"
    assert (found.find("one"), found.find("two")) == (None, None)
    assert asked == ["one"]


def test_the_hubs_cache_is_used_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cached(name: str, file: str, local_files_only: bool = False) -> str:
        assert local_files_only
        if not (tmp_path / file).exists():
            raise LocalEntryNotFoundError("not cached")
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached)
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    found = find_weights(Repository(name="timm/a.b"))
    assert found.paths == (tmp_path / "pytorch_model.bin",)


def test_what_the_hub_is_known_not_to_have_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hub(name: str, file: str, local_files_only: bool = False) -> str:
        assert local_files_only
        raise LocalEntryNotFoundError("not cached")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub)
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda _name, _file: huggingface_hub._CACHED_NO_EXIST,
    )
    assert Repository(name="a/b").find("modules.json") is None


def test_a_repository_without_safetensors_gives_its_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hub(name: str, file: str, local_files_only: bool = False) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not cached")
        if file != "pytorch_model.bin":
            raise RemoteEntryNotFoundError.__new__(RemoteEntryNotFoundError)
        (tmp_path / file).write_text("{}")
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub)
    assert find_weights(Repository(name="timm/a.b")).paths[0].name == "pytorch_model.bin"
    assert Repository(name="timm/a.b").find("modules.json") is None
