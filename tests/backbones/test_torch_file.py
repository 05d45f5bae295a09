"""PyTorch's files are read without torch, and nothing in them is run."""

import io
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from topwork.backbones.torch_file import read_torch_file

OLD = {"_use_new_zipfile_serialization": False}


def tensors() -> dict[str, torch.Tensor]:
    """Tensors of many types; two lie in one storage, one is turned, one is empty."""
    drawn = torch.Generator().manual_seed(0)
    whole = torch.randn(4, 6, generator=drawn)
    return {
        "whole": whole,
        "turned": whole.T,
        "part": whole[1:3, ::2],
        "doubles": torch.randn(3, generator=drawn).double(),
        "halves": torch.randn(2, 2, generator=drawn).half(),
        "count": torch.tensor(9),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "flags": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }


@pytest.mark.parametrize("how", [{}, OLD], ids=["archive", "older"])
def test_it_reads_what_torch_reads(how: dict[str, bool], tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(tensors(), path, **how)
    found, wanted = read_torch_file(path), torch.load(path, weights_only=True)
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        own = tensor.detach().numpy()
        assert (found[name].dtype, found[name].shape) == (own.dtype, own.shape)
        np.testing.assert_array_equal(found[name], own)
        assert found[name].flags.c_contiguous


@pytest.mark.parametrize("how", [{}, OLD], ids=["archive", "older"])
def test_a_state_dict_and_one_inside_a_checkpoint_are_read(
    how: dict[str, bool], tmp_path: Path
) -> None:
    state = torch.nn.BatchNorm1d(3).state_dict()  # an OrderedDict with attributes
    torch.save({"state_dict": state, "more": torch.ones(1)}, tmp_path / "a.pth", **how)
    assert list(read_torch_file(tmp_path / "a.pth")) == list(state)


class Evil:
    """Would touch a file, if it were unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("how", [{}, OLD], ids=["archive", "older"])
def test_what_is_no_tensor_is_refused_and_not_run(how: dict[str, bool], tmp_path: Path) -> None:
    torch.save({"a": Evil(tmp_path / "ran")}, tmp_path / "a.pth", **how)
    with pytest.raises(ValueError, match=r"asks for .*, which is no tensor"):
        read_torch_file(tmp_path / "a.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("module", "name"), [("builtins", "eval"), ("os", "system"), ("torch", "load"),
                         ("torch._utils", "_rebuild_tensor"), ("collections", "Counter")],
)  # fmt: skip
def test_no_other_name_is_known(module: str, name: str, tmp_path: Path) -> None:
    head = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(value, head, protocol=2)
    call = f"c{module}\n{name}\n(S'1'\ntR.".encode()
    (tmp_path / "a.pth").write_bytes(head.getvalue() + b"\x80\x02" + call)
    with pytest.raises(ValueError, match=f"asks for {module}.{name}"):
        read_torch_file(tmp_path / "a.pth")


@pytest.mark.parametrize("how", [{}, OLD], ids=["archive", "older"])
def test_a_cut_file_is_refused(how: dict[str, bool], tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(tensors(), path, **how)
    data = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ValueError, match=r"."):
            read_torch_file(path)


def test_an_older_file_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"none": torch.zeros(0, 3)}, path, **OLD)  # its storage is a count and no numbers
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"."):
            read_torch_file(path)


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(7, 11)}, path, **OLD)
    data = path.read_bytes()
    assert data.count(b"K\x07K\x0b\x86") == 1
    path.write_bytes(data.replace(b"K\x07K\x0b\x86", b"K\x07K\xff\x86"))
    with pytest.raises(ValueError, match="larger than its storage"):
        read_torch_file(path)


@pytest.mark.parametrize("how", [{}, OLD], ids=["archive", "older"])
def test_changed_bytes_give_arrays_or_a_refusal(how: dict[str, bool], tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(tensors(), path, **how)
    data, drawn, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(400):
        changed = bytearray(data)
        for _ in range(drawn.randint(1, 4)):
            changed[drawn.randrange(len(changed))] = drawn.randrange(256)
        path.write_bytes(changed)
        try:
            found = read_torch_file(path)
        except ValueError:
            refused += 1
        else:
            assert all(isinstance(one, np.ndarray) for one in found.values())
            assert sum(one.nbytes for one in found.values()) < 10_000
    assert refused > 100
