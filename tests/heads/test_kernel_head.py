"""The kernel head as a value: numpy alone, to tensors and back."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topwork.errors import DataError
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads import fit as fit_module
from topwork.heads.fit import fit_head
from topwork.heads.kernel import Kernel
from topwork.heads.kernel_head import KernelHead
from topwork.heads.ridge import solve
from topwork.heads.search import KernelChoice
from topwork.heads.softmax import link

from .data import SEGMENTS, labels_of, make


def fitted(monkeypatch: pytest.MonkeyPatch, gamma: float | None) -> tuple[KernelHead, ArrayTable]:
    kernel = Kernel(blocks=("middle", "late"), pools=("mean", "grid2"), gamma=gamma)
    monkeypatch.setattr(fit_module, "search", lambda *_: KernelChoice(kernel=kernel, penalty=1e-2))
    table, classes = make(60, 3, noise=2)
    return fit_head(table, np.arange(40), labels_of(classes[:40])), table


def test_a_linear_head_is_its_kernel_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    head, table = fitted(monkeypatch, None)
    _, classes = make(60, 3, noise=2)
    train, new = head.transform(table, np.arange(40)), head.transform(table, np.arange(40, 60))
    train, new = train.astype(np.float64), new.astype(np.float64)
    centre, targets = train.mean(0), np.eye(3)[classes[:40]]
    kernel = (train - centre) @ (train - centre).T
    scale = np.trace(kernel) / 40
    duals, _, _ = solve(kernel / scale, targets - targets.mean(0), head.penalty)
    expected = (new - centre) @ (train - centre).T / scale @ duals + targets.mean(0)
    np.testing.assert_allclose(new @ head.weights + head.constants, expected, atol=1e-4)
    np.testing.assert_allclose(
        head.predict(table, np.arange(40, 60)), head.softmax(link(expected)), atol=1e-3
    )


@pytest.mark.parametrize("gamma", [None, 0.5])
def test_batches_change_nothing(gamma: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    head, table = fitted(monkeypatch, gamma)
    whole = head.predict(table)
    single = np.concatenate([head.predict(table, np.array([i])) for i in range(60)])
    np.testing.assert_allclose(single, whole, atol=1e-5)
    monkeypatch.setattr("topwork.heads.base.CHUNK", 7)
    np.testing.assert_allclose(head.predict(table), whole, atol=1e-5)


@pytest.mark.parametrize("gamma", [None, 0.5])
def test_tensors_and_settings_restore_every_bit(
    gamma: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, table = fitted(monkeypatch, gamma)
    restored = KernelHead.restore(head.settings(), head.tensors())
    np.testing.assert_array_equal(restored.predict(table), head.predict(table))
    assert restored.kernel == head.kernel
    assert restored.segments == head.segments
    assert restored.penalty == head.penalty


def dropped(name: str) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda settings, tensors: tensors.pop(name)


def cut(name: str) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda settings, tensors: tensors.update({name: tensors[name][:-1]})


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (dropped("weights"), KeyError, "weights"),
        (dropped("mean/late"), KeyError, "mean/late"),
        (dropped("landmarks"), ValueError, "do not fit each other"),
        (cut("weights"), ValueError, "do not fit each other"),
        (cut("constants"), ValueError, "do not fit each other"),
        (cut("landmarks"), ValueError, "do not fit each other"),
        (cut("softmax.matrix"), ValueError, "do not fit each other"),
        (cut("softmax.bias"), ValueError, "do not fit each other"),
        (cut("mean/late"), ValueError, r"\(49,\) means for 50"),
        (cut("scale/middle"), ValueError, r"\(40,\) means for 40"),
        (lambda s, t: s.update(gamma=None), ValueError, "do not fit each other"),
        (lambda s, t: s.update(columns=s["columns"][:1]), ValueError, "shorter"),
        (lambda s, t: s.pop("penalty"), KeyError, "penalty"),
        (lambda s, t: s.update(gamma=[]), TypeError, "float"),
    ],
)
def test_damage_is_noticed(
    damage: Callable[[dict[str, Any], dict[str, Any]], object],
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, _ = fitted(monkeypatch, 0.5)
    settings, tensors = head.settings(), head.tensors()
    damage(settings, tensors)
    with pytest.raises(error, match=message):
        KernelHead.restore(settings, tensors)


def test_features_of_other_columns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    head, table = fitted(monkeypatch, None)
    others = [*SEGMENTS[:-1], Segment(block="late", pool="grid3", size=40)]
    with pytest.raises(DataError, match=r"6 segments .*not the 6"):
        head.predict(ArrayTable(table.matrix, others))


SCRIPT = """
import json, sys
import numpy as np
from topwork.heads.kernel_head import KernelHead
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable

folder = sys.argv[1]
with open(folder + "/settings.json") as file:
    settings = json.load(file)
with np.load(folder + "/tensors.npz") as file:
    head = KernelHead.restore(settings, dict(file))
np.save(folder + "/found.npy", head.predict(ArrayTable(np.load(folder + "/x.npy"), head.segments)))
heavy = {"torch", "sklearn", "scipy", "pandas", "pyarrow"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


@pytest.mark.parametrize("gamma", [None, 0.5])
def test_prediction_imports_numpy_alone(
    gamma: float | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    head, table = fitted(monkeypatch, gamma)
    (tmp_path / "settings.json").write_text(json.dumps(head.settings()))
    np.savez(tmp_path / "tensors.npz", **head.tensors())
    np.save(tmp_path / "x.npy", table.matrix)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), head.predict(table), atol=1e-6)
