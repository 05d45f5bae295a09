"""Weights are found without a network, verified, and refused where they are not as expected."""

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from topwork.backbones.repository import Repository
from topwork.backbones.weights import find_weights, load_arrays, load_tensors, load_weights
from topwork.core.digests import digest_file
from topwork.errors import WeightsError


def folder_of(path: Path) -> Repository:
    return Repository(name=str(path), folder=path)


def test_safetensors_are_taken_before_a_pickle(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert find_weights(folder_of(tmp_path)).paths[0].name == "pytorch_model.bin"
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    found = find_weights(folder_of(tmp_path))
    assert [path.name for path in found.paths] == ["model.safetensors"]
    assert found.digest == digest_file(found.paths[0])


def test_weights_in_parts_are_put_together(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "one.safetensors")
    save_file({"b": torch.zeros(2)}, tmp_path / "two.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"b": "two.safetensors", "a": "one.safetensors"}}))
    found = find_weights(folder_of(tmp_path))
    assert sorted(load_weights(found)) == ["a", "b"]
    save_file({"b": torch.ones(2)}, tmp_path / "two.safetensors")
    assert find_weights(folder_of(tmp_path)).digest != found.digest
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"has no two.safetensors"):
        find_weights(folder_of(tmp_path))


def test_an_index_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"names no files; accepted: .*'weight"):
        find_weights(folder_of(tmp_path))


def test_an_index_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    with pytest.raises(WeightsError, match=r"'\.\./\.\./etc'; accepted: paths inside"):
        find_weights(folder_of(tmp_path))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs config\.json.*has no model\.saf"):
        find_weights(folder_of(tmp_path))


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
    with pytest.raises(WeightsError, match="not a dictionary of tensors"):
        load_tensors(tmp_path / "a.bin")


def test_a_nested_state_dict_is_found(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}}, tmp_path / "a.bin")
    assert list(load_tensors(tmp_path / "a.bin")) == ["a"]


def test_a_damaged_pytorch_file_is_an_error_in_words(tmp_path: Path) -> None:
    moments = random.Random(0)
    whole = tmp_path / "whole.bin"
    torch.save({f"layer.{n}.weight": torch.randn(3, 4) for n in range(6)}, whole)
    data = whole.read_bytes()
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(moments.choice((1, 4, 30))):
            damaged[moments.randrange(len(damaged))] = moments.randrange(256)
        path = tmp_path / "pytorch_model.bin"
        path.write_bytes(damaged[: moments.choice((len(data), len(data) // 2))])
        message = ""
        try:
            assert str(load_tensors(path)) == str(load_tensors(whole))  # its members have CRCs
        except WeightsError as error:
            message = str(error)
            refused += 1
        assert not message or "Fetch the file again" in message or "of tensors" in message
    assert refused > 100


def test_an_altered_number_of_a_pytorch_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.arange(64.0)}, path)
    data = bytearray(path.read_bytes())
    data[data.index(torch.arange(64.0).numpy().tobytes()) + 9] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"damaged: the checksum of its .*data/0 does not fit"):
        load_tensors(path)


@pytest.mark.parametrize("name", ["a.safetensors", "a.bin"])
def test_arrays_are_what_tensors_are(name: str, tmp_path: Path) -> None:
    drawn = torch.Generator().manual_seed(0)
    tensors = {
        "wide": torch.randn(3, 5, generator=drawn),
        "half": torch.randn(4, generator=drawn).half(),
        "count": torch.tensor(7),
        "yes": torch.tensor([True, False]),
    }
    if name == "a.bin":
        torch.save(tensors, tmp_path / name)
    else:
        save_file(tensors, tmp_path / name)
    found = load_arrays(tmp_path / name)
    assert set(found) == set(tensors)
    for key, tensor in load_tensors(tmp_path / name).items():
        assert found[key].shape == tuple(tensor.shape)
        assert found[key].dtype == tensor.numpy().dtype
        assert (found[key] == tensor.numpy()).all()


def test_bfloat16_is_read_as_float32(tmp_path: Path) -> None:
    tensor = torch.randn(50, generator=torch.Generator().manual_seed(0)).bfloat16()
    save_file({"a": tensor}, tmp_path / "a.safetensors")
    found = load_arrays(tmp_path / "a.safetensors")["a"]
    assert found.dtype == "float32"
    assert (found == tensor.float().numpy()).all()


def test_arrays_of_a_damaged_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 99)
    with pytest.raises(WeightsError, match=r"cannot be read: .*Accepted: safetensors"):
        load_arrays(tmp_path / "a.safetensors")
    (tmp_path / "a.bin").write_bytes(b"\xff" * 99)
    with pytest.raises(WeightsError, match=r"cannot be read: .*PyTorch file of tensors"):
        load_arrays(tmp_path / "a.bin")
