"""Files and folders that are whole, whenever a process is killed or a disk is full."""

import inspect
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.small import ROOT
from topwork.core import exchange, files, leftovers
from topwork.errors import StoreError

needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="no such locks here")


def fill(folder: Path, word: str) -> None:
    """Write a folder of several files that belong together."""
    with files.replacing_folder(folder) as new:
        (new / "sub").mkdir()
        for number in range(8):
            (new / "sub" / str(number)).write_text(word * 1000)
        (new / "last").write_text(word)


def word_of(folder: Path) -> str:
    """Return the word of a folder that is whole."""
    word = (folder / "last").read_text()
    for number in range(8):
        assert (folder / "sub" / str(number)).read_text() == word * 1000
    return word


CHILD = f"""
import sys
from pathlib import Path
from topwork.core import files

{inspect.getsource(fill)}
if sys.argv[2] == "two steps":
    files.exchange = lambda *names: False
print("ready", flush=True)
for number in range(10**6):
    fill(Path(sys.argv[1]), str(number))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("how", ["one stroke", "two steps"])
def test_kills_at_any_moment_leave_a_whole_folder(tmp_path: Path, how: str) -> None:
    moments = random.Random(0)
    folder = tmp_path / "model"
    fill(folder, "first")
    command = [sys.executable, "-c", CHILD, str(folder), how]
    left = 0
    for _ in range(30):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.03))
        child.kill()
        child.wait(timeout=60)
        child.stdout.close()
        left += len(list(tmp_path.iterdir())) - 1
        if how == "one stroke":
            word_of(folder)
        files.put_back(folder)  # as whoever reads a model does
        word_of(folder)
    assert left > 0  # else no kill was in the middle
    fill(folder, "next")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert word_of(folder) == "next"


HOLDS = """
import sys
from pathlib import Path
from topwork.core import files
with files.{door}(Path(sys.argv[1])) as new:
    print(new, flush=True)
    sys.stdin.readline()
    if new.is_dir():
        (new / "by").write_text("the child")
    else:
        new.write_text("the child")
"""


@needs_locks
@pytest.mark.parametrize("door", ["replacing", "replacing_folder"])
def test_what_a_living_process_writes_is_left_alone(tmp_path: Path, door: str) -> None:
    path = tmp_path / "model"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS.format(door=door), str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    part = Path(child.stdout.readline().strip())
    other = tmp_path / ".model.b.abcdefgh.part"  # of another name
    other.write_text("")
    left = tmp_path / ".model.abcdefgh.part"
    left.write_text("")
    leftovers.clear(tmp_path, "model")
    assert (part.exists(), other.exists(), left.exists()) == (True, True, False)
    child.communicate("\n", timeout=60)
    assert child.returncode == 0
    said = path / "by" if path.is_dir() else path
    assert said.read_text() == "the child"
    assert sorted(tmp_path.iterdir()) == sorted([path, other])


def test_without_locks_only_what_is_old_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_lock", lambda _path: (False, None))
    old, young = (tmp_path / f".model.abcdefg{n}.part" for n in (1, 2))
    for path in (old, young):
        path.mkdir()
    os.utime(old, (1, 1))
    fill(tmp_path / "model", "new")
    assert (old.exists(), young.exists()) == (False, True)


def test_names_change_places(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    fill(one, "a")
    fill(other, "b")
    if not exchange.exchange(one, other):
        pytest.skip("this system cannot")
    assert (word_of(one), word_of(other)) == ("b", "a")
    assert not exchange.exchange(one, tmp_path / "nothing")
    assert word_of(one) == "b"


def test_a_link_goes_on_pointing_to_the_folder(tmp_path: Path) -> None:
    fill(tmp_path / "models" / "v1", "old")
    (tmp_path / "model").symlink_to(tmp_path / "models" / "v1")
    fill(tmp_path / "model", "new")
    assert word_of(tmp_path / "models" / "v1") == "new"
    assert (tmp_path / "model").is_symlink()
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["v1"]


def test_what_other_libraries_say_of_a_disk_becomes_words(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    for name in "ab":
        (tmp_path / "from" / name).symlink_to("nowhere")
    with (
        pytest.raises(StoreError, match=r"Copying failed: .*No such file.*2 not copied") as said,
        files.disk_errors("Copying"),
    ):
        shutil.copytree(tmp_path / "from", tmp_path / "to")
    assert "[(" not in str(said.value)
    with (
        pytest.raises(StoreError, match=r"Saving failed: .*\. Free some space"),
        files.disk_errors("Saving"),
    ):
        save_file({"a": np.zeros(3)}, tmp_path / "no" / "such" / "place")
    assert said.value.exit_code == 5


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_the_old_and_no_rest(tiny_disk: Path) -> None:
    files.write_bytes(tiny_disk / "file", b"old")
    with files.replacing_folder(tiny_disk / "model") as new:
        (new / "a").write_text("old")
    with pytest.raises(StoreError, match="No space left"), files.disk_errors("Saving"):
        files.write_bytes(tiny_disk / "file", bytes(10**6))
    with (
        pytest.raises(StoreError, match=r"Saving failed: .*No space left.*Free some space"),
        files.disk_errors("Saving"),
        files.replacing_folder(tiny_disk / "model") as new,
    ):
        save_file({"a": np.ones(10**6)}, new / "a")
    assert (tiny_disk / "file").read_bytes() == b"old"
    assert (tiny_disk / "model" / "a").read_text() == "old"
    assert sorted(path.name for path in tiny_disk.iterdir()) == ["file", "model"]
