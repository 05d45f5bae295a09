"""Processes that are killed, and processes that share a store."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.features.fake import POOLS, examples
from tests.features.test_extract import stored_digests, values
from tests.small import ROOT
from topwork.executors.fake import FakeExecutor, fake_backbone
from topwork.features import writer
from topwork.features.extract import extract
from topwork.features.store import FeatureStore

NUM_EXAMPLES = 400
CHILD = """
import sys
from pathlib import Path
from tests.features.fake import POOLS, examples
from topwork.executors.fake import FakeExecutor, fake_backbone
from topwork.features import extract as module, writer
from topwork.features.store import FeatureStore

writer.SHARD_EXAMPLES = 16
module.open_executor = lambda *args, **kwargs: FakeExecutor(delay_seconds=0.01)
given = examples({num_examples})
print("ready", flush=True)
sys.stdin.readline()
result = module.extract(given, fake_backbone(), pools=POOLS, device="cpu",
                        store=FeatureStore(Path(sys.argv[1])))
assert len(result.examples) == len(given)
"""


def start(root: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(num_examples=NUM_EXAMPLES), str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def go(child: "subprocess.Popen[str]") -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def end(child: "subprocess.Popen[str]") -> int:
    child.communicate(timeout=60)
    return child.returncode


@pytest.fixture
def undisturbed(
    tmp_path: Path, opened: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> np.ndarray:
    monkeypatch.setattr(writer, "SHARD_EXAMPLES", 16)
    store = FeatureStore(tmp_path / "undisturbed")
    return values(extract(examples(NUM_EXAMPLES), fake_backbone(), pools=POOLS, store=store))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kills_at_any_moment_lose_no_whole_shard(
    store: FeatureStore, opened: list[FakeExecutor], undisturbed: np.ndarray
) -> None:
    moments = random.Random(0)
    counts = [0]
    for _ in range(5):
        child = start(store.root)
        go(child)
        wanted = len(list(store.root.glob("*/*.safetensors"))) + moments.randint(0, 4)
        while len(list(store.root.glob("*/*.safetensors"))) < wanted:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.05))
        child.kill()
        assert end(child) == -signal.SIGKILL
        counts.append(len(stored_digests(store)))
        assert counts[-1] >= counts[-2]
    assert 0 < counts[-1] < NUM_EXAMPLES
    result = extract(examples(NUM_EXAMPLES), fake_backbone(), pools=POOLS, store=store)
    assert result.num_found == counts[-1]
    np.testing.assert_array_equal(values(result), undisturbed)
    digests = stored_digests(store)
    assert len(digests) == len(set(digests)) == NUM_EXAMPLES


@pytest.mark.slow
def test_two_processes_share_a_store(
    store: FeatureStore, opened: list[FakeExecutor], undisturbed: np.ndarray
) -> None:
    children = [start(store.root), start(store.root)]
    for child in children:
        go(child)
    assert [end(child) for child in children] == [0, 0]
    num_opened = len(opened)
    result = extract(examples(NUM_EXAMPLES), fake_backbone(), pools=POOLS, store=store)
    assert (result.num_found, len(opened)) == (NUM_EXAMPLES, num_opened)
    np.testing.assert_array_equal(values(result), undisturbed)
    assert list(store.root.glob("*/.*.part")) == []
