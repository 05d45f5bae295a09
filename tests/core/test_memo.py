"""What was computed once is read again; what is damaged counts as none."""

import errno
from pathlib import Path

import numpy as np
import pytest

from topwork.core import memo
from topwork.core.memo import code_version, keep_arrays, kept_arrays, key_of, memo_folder


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path))
    return tmp_path


def full(*_arguments: object, **_settings: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class Counter:
    """Gives 42, then 43, and so on, and remembers them under a key."""

    def __init__(self) -> None:
        self.calls = 0

    def make(self) -> int:
        self.calls += 1
        return 41 + self.calls

    def ask(self, *parts: object) -> int:
        return memo.memo(
            key_of("test", *parts),
            self.make,
            read=lambda data: int(data["n"]),
            write=lambda n: {"n": n},
        )


@pytest.mark.parametrize("damage", [b"{}", b"cut of", b"", b"\xff\xfe", b'{"n": 41}', b"[42]"])
def test_what_was_made_once_is_read_again(damage: bytes) -> None:
    counter = Counter()
    assert counter.ask("a") == counter.ask("a") == 42
    assert counter.ask("b") == 43
    of_a = memo_folder() / f"{key_of('test', 'a')}.json"
    assert of_a.read_text().splitlines()[1] == '{"n": 42}'
    of_a.write_bytes(damage)  # of no use: made anew
    assert counter.ask("a") == counter.ask("a") == 44
    assert counter.calls == 3


def test_an_error_in_making_is_not_kept() -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        memo.memo(key_of("test"), fail, read=int, write=int)
    assert not memo_folder().exists()


def test_a_key_covers_the_parts_and_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key_of(), key_of("a"), key_of("a", "b"), key_of(["a", "b"]), key_of("ab"), key_of(1)]
    assert len(set(keys)) == len(keys)
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    before = key_of("a")
    monkeypatch.setattr(memo, "code_version", lambda: code_version() + "a line more")
    assert key_of("a") != before
    with pytest.raises(TypeError):
        key_of(Path())


def test_arrays_come_back() -> None:
    given = {
        "probabilities": np.random.default_rng(0).random((3, 2)),
        "turned": np.arange(12, dtype=np.int32).reshape(3, 4).T,
        "half": np.ones(5, np.float16)[::2],
    }
    assert kept_arrays("key") is None
    keep_arrays("key", given)
    found = kept_arrays("key")
    assert found is not None
    assert found.keys() == given.keys()
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda _: b"", lambda _: b"other"])
def test_damaged_arrays_count_as_none(damage: object, caplog: pytest.LogCaptureFixture) -> None:
    keep_arrays("key", {"a": np.zeros(3)})
    path = memo_folder() / "key.arrays"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert kept_arrays("key") is None
    assert f"{path} is damaged" in caplog.text
    assert "computed anew" in caplog.text


def test_a_disk_that_refuses_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memo, "write_sealed", full)
    counter = Counter()
    assert [counter.ask("a"), counter.ask("a")] == [42, 43]
    keep_arrays("key", {"a": np.zeros(3)})
    assert kept_arrays("key") is None
    assert caplog.text.count("Nothing can be kept in") == 1
    assert "No space left on device" in caplog.text
