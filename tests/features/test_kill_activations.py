"""Processes that are killed while they save activations, and processes that save at once."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.features.fake import examples
from tests.features.test_activations import AUGMENT, whole_fake
from tests.features.test_kill import end, go
from tests.small import ROOT
from topwork.executors.fake import fake_backbone
from topwork.features import activations as module
from topwork.features import cut as cut_module
from topwork.features.activations import Activations, save_activations
from topwork.features.store import FeatureStore

NUM_EXAMPLES, NUM_VIEWS = 200, 3
CHILD = """
import sys
from pathlib import Path
from tests.features.fake import examples
from topwork.executors.fake import fake_backbone
from tests.features.test_activations import AUGMENT, whole_fake
from topwork.features import activations as module, cut
from topwork.features.store import FeatureStore

module.SHARD_EXAMPLES = 16
cut.open_executor = lambda *args, **kwargs: whole_fake(delay_seconds=0.008)
given = examples({num_examples})
print("ready", flush=True)
sys.stdin.readline()
found = module.save_activations(given, fake_backbone(), "b", augment=AUGMENT, num_views={num_views},
                                device="cpu", store=FeatureStore(Path(sys.argv[1])))
assert len(found.examples) == len(given)
"""


def start(root: Path) -> "subprocess.Popen[str]":
    code = CHILD.format(num_examples=NUM_EXAMPLES, num_views=NUM_VIEWS)
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def save(store: FeatureStore, num_views: int = NUM_VIEWS) -> Activations:
    return save_activations(
        examples(NUM_EXAMPLES), fake_backbone(), "b", augment=AUGMENT, num_views=num_views,
        device="cpu", store=store,
    )  # fmt: skip


def values(found: Activations) -> np.ndarray:
    return np.stack(
        [found.read(i, v) for i in range(len(found.examples)) for v in range(found.num_views)]
    )


@pytest.fixture
def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(cut_module, "open_executor", lambda *a, **k: whole_fake())
    monkeypatch.setattr(module, "SHARD_EXAMPLES", 16)
    return values(save(FeatureStore(tmp_path / "undisturbed")))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kills_at_any_moment_lose_no_whole_shard(
    store: FeatureStore, undisturbed: np.ndarray
) -> None:
    moments = random.Random(0)
    for _ in range(4):
        child = start(store.root)
        go(child)
        wanted = len(list(store.root.glob("*/*.safetensors"))) + moments.randint(1, 5)
        while len(list(store.root.glob("*/*.safetensors"))) < wanted:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.05))
        child.kill()
        assert end(child) == -signal.SIGKILL
    num_shards = len(list(store.root.glob("*/*.safetensors")))
    found = save(store)
    # of each two shards, the original views' and the others', 16 examples or more were kept
    assert 0 < found.num_computed <= NUM_VIEWS * NUM_EXAMPLES - 16 * (num_shards // 2)
    np.testing.assert_array_equal(values(found), undisturbed)
    assert save(store).num_computed == 0


@pytest.mark.slow
def test_two_processes_share_a_store(store: FeatureStore, undisturbed: np.ndarray) -> None:
    children = [start(store.root), start(store.root)]
    for child in children:
        go(child)
    assert [end(child) for child in children] == [0, 0]
    found = save(store)
    assert found.num_computed == 0
    np.testing.assert_array_equal(values(found), undisturbed)
    assert [space.num_examples for space in store.spaces()] == [NUM_EXAMPLES] * 2
    assert list(store.root.glob("*/.*.part")) == []
