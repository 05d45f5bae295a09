"""Pipes and devices are refused before anything waits for them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from topwork.errors import ExampleError, SourceError
from topwork.examples.contents import FileDigest, found_file, read_array_file
from topwork.examples.example import MODALITIES
from topwork.examples.images.decode import read_file
from topwork.examples.inputs import read_inputs
from topwork.examples.regular import check_regular
from topwork.examples.sounds.files import open_sound
from topwork.examples.sources import read_examples

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def sound(path):
    with open_sound(path, None, None):
        pass


@pytest.mark.parametrize(
    "read",
    [check_regular, read_file, read_array_file, sound, lambda p: FileDigest(p).of_part(0, 1)],
)
def test_no_reader_waits(read, pipe):
    with pytest.raises(ExampleError, match=r"it is a pipe.*accepted: a regular file. Save"):
        read(pipe)


@pytest.mark.parametrize("modality", MODALITIES)
def test_no_kind_of_input_waits(modality, pipe):
    found = found_file(pipe, "pipe", modality)
    for call in (found.digest, found.read)[: 1 if modality == "sound" else 2]:  # that is put off
        with pytest.raises(ExampleError, match="a pipe"):
            call()


def test_devices_and_sockets():
    with pytest.raises(ExampleError, match=r"a device.*regular file"):
        check_regular(Path("/dev/zero"))


def test_what_is_regular_or_not_there(tmp_path):
    check_regular(tmp_path)
    (tmp_path / "a").write_bytes(b"")
    check_regular(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        check_regular(tmp_path / "none")


def test_inputs_of_a_prediction_say_it_when_read(pipe, tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    pipe_input, picture = read_inputs([pipe, tmp_path / "a.png"], modality="image")
    with pytest.raises(ExampleError, match="a pipe"):
        pipe_input.read()
    assert picture.read()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".npz"])
def test_tables(suffix, tmp_path):
    os.mkfifo(tmp_path / f"a{suffix}")
    for read in (read_examples, lambda path: read_inputs(path, modality="text")):
        with pytest.raises(SourceError, match=r"a pipe.*Save what comes"):
            read(tmp_path / f"a{suffix}")


def test_the_whole_never_hangs(pipe):
    code = (
        "from pathlib import Path\n"
        "from topwork.examples.inputs import read_inputs\n"
        f"print(len(read_inputs(Path({str(pipe)!r}), modality='text')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "1\n", done.stderr
