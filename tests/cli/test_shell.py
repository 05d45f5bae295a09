"""Commands as processes: pipes, full disks, encodings, and what stopping them leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.cli.shell import STOPPED
from topwork.core import files
from topwork.runs.train import train


@pytest.mark.slow
def test_a_process_predicts_without_torch(saved: Path, digits: Path) -> None:
    image = digits / "one" / "0.png"
    done = small.topwork("predict", saved, image, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert done.stdout.split("\t")[:2] == [str(image), "one"]
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "topwork.model.archive" in loaded
    assert not loaded & {"torch", "sklearn", "scipy", "timm", "pandas"}


@pytest.mark.slow
def test_a_second_training_does_without_torch(digits: Path, saved: Path) -> None:
    words = ("train", digits, "--train", "head", "--backbone", small.SMALL, "--json")
    done = small.topwork(*words, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert json.loads(done.stdout)["classes"] == list(small.NAMES)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "topwork.runs.train" in loaded
    assert not loaded & {"torch", "sklearn", "timm"}


@pytest.mark.slow
def test_a_process_says_what_is_wrong_and_no_more(tmp_path: Path) -> None:
    done = small.topwork("train", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: There is no folder or file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "jsonl"])
def test_a_reader_that_has_seen_enough(form: str, saved: Path, digits: Path) -> None:
    paths = sorted(digits.rglob("*.png")) * 40  # more than a pipe holds
    words = small.command("predict", saved, *paths, "--format", form)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "0.png" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.slow
def test_a_reader_that_never_was(saved: Path, digits: Path) -> None:
    """The output fits the buffer, so that it is written only when the process ends."""
    words = small.command("predict", saved, digits / "one" / "0.png")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_disk_that_is_full(command: str, saved: Path, digits: Path) -> None:
    words = small.command(command, saved, digits)
    words = [*words, *(["--include-known"] if command == "evaluate" else [])]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 5
    assert done.stderr == "Error: the output cannot be written: No space left on device.\n"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "csv", "jsonl", "table"])
def test_names_of_any_letters(form: str, saved: Path, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "数.png").write_bytes((digits / "one" / "0.png").read_bytes())
    words = small.command("predict", saved, "数.png", "--format", form)
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, capture_output=True, cwd=tmp_path, env=env, timeout=60)
    assert done.returncode == 0
    assert "数.png" in done.stdout.decode("utf-8")


@pytest.mark.slow
def test_bars_are_for_terminals_alone(digits: Path) -> None:
    words = ("train", digits, "--train", "head", "--backbone", small.SMALL)
    terminal = {"FORCE_COLOR": "1", "COLUMNS": "100"}
    done = small.topwork(*words, env=terminal)
    assert done.returncode == 0
    assert "Cross-validation" in done.stderr
    assert "30/30" in done.stderr
    for option in ("--quiet", "--json"):
        assert small.topwork(*words, option, env=terminal).stderr == ""


SLOW = """
import os
import signal
import time
from pathlib import Path
from topwork.cli import app as cli
from topwork.executors import openvino
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
plain = openvino.OpenVINOExecutor.run
def slowly(self, inputs):
    for i, vector in enumerate(plain(self, inputs)):
        time.sleep(0.01)
        if i == 200:  # eleven examples, each with sixteen views
            Path(os.environ["BEGUN"]).touch()
        yield vector
openvino.OpenVINOExecutor.run = slowly
cli.main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no Ctrl-C of this kind here")
def test_ctrl_c_keeps_what_was_computed(tmp_path: Path, saved: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8, 8), dtype=np.uint8) for _ in range(80)]
    root = small.write_folder(tmp_path / "data", {"a": images[:40], "b": images[40:]})
    words = ["train", str(root), "--backbone", small.SMALL, "--out", str(tmp_path / "model")]
    words += ["--train", "head"]
    begun = tmp_path / "begun"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "BEGUN": str(begun)},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "b 40.\n" in err
    assert err.strip().endswith(f"\n\n{STOPPED}")
    assert out == ""
    assert not (tmp_path / "model").exists()
    assert list((files.cache_folder() / "features").rglob("*.part")) == []
    done: list[int] = []

    def told(stage: str, num: int, total: int) -> None:
        if stage == "features of altered views":
            done.append(num)

    train(root, backbone=small.SMALL, train="head", num_repeats=1, on_progress=told)
    assert 10 <= done[0] < 80
    assert done[-1] == 80
