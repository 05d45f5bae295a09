"""Heads of layers as values: to tensors and back, what a fresh one says, and damage."""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topwork.errors import DataError
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.dense import DenseHead, Layer, fresh_head
from topwork.heads.kernel import Kernel, Transform
from topwork.heads.restore import restore_head
from topwork.heads.softmax import Softmax, softmax

from .data import SEGMENTS, make

TABLE, _ = make(50, 3)
ROWS = np.arange(50)
KERNEL = Kernel(blocks=("middle", "late"), pools=("grid2",))


def filled(*, units: tuple[int, ...], unit: bool = True, seed: int = 0) -> DenseHead:
    """Return a head whose every number says something."""
    transform, _ = Transform.fit(TABLE, ROWS, KERNEL, unit=unit)
    rng = np.random.default_rng(seed)
    widths = [sum(transform.widths), *units, 3]
    return DenseHead(
        segments=SEGMENTS,
        transform=transform,
        softmax=Softmax(matrix=1.5 * np.eye(3), bias=rng.normal(size=3)),
        layers=tuple(
            Layer(
                weight=rng.normal(size=(a, b)).astype(np.float32),
                bias=rng.normal(size=b).astype(np.float32),
            )
            for a, b in pairwise(widths)
        ),
    )


def test_two_layers_by_hand() -> None:
    head = filled(units=(7,), unit=False)
    x = TABLE.read(ROWS, [3, 5])
    x = (x - x.mean(0)) / x.std(0)
    first, second = head.layers
    logits = np.maximum(x @ first.weight + first.bias, 0) @ second.weight + second.bias
    np.testing.assert_allclose(
        head.predict(TABLE), softmax(1.5 * logits + head.softmax.bias), atol=1e-4
    )
    assert (head.blocks, head.pools, head.num_classes) == (("middle", "late"), ("grid2",), 3)
    assert head.form == "hidden layers of 7 units"
    assert filled(units=()).form == "one dense layer"


@pytest.mark.parametrize("units", [(), (5,), (9, 4)])
def test_batches_change_nothing(units: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    head = filled(units=units)
    whole = head.predict(TABLE)
    np.testing.assert_allclose(head.predict(TABLE, np.array([30])), whole[30:31], atol=1e-5)
    monkeypatch.setattr("topwork.heads.base.CHUNK", 7)
    np.testing.assert_allclose(head.predict(TABLE), whole, atol=1e-5)


@pytest.mark.parametrize("unit", [True, False])
def test_tensors_and_settings_restore_every_bit(unit: bool) -> None:
    head = filled(units=(9, 4), unit=unit)
    settings = json.loads(json.dumps(head.settings()))
    assert settings["kind"] == "dense"
    restored = restore_head(settings, head.tensors())
    assert isinstance(restored, DenseHead)
    assert restored.transform.unit == unit
    np.testing.assert_array_equal(restored.predict(TABLE), head.predict(TABLE))


def test_a_block_that_is_no_name_is_refused() -> None:
    head = filled(units=(9, 4))
    settings = json.loads(json.dumps(head.settings()))
    settings["segments"][0][0] = []
    with pytest.raises(TypeError, match="not of type str"):
        restore_head(settings, head.tensors())


def test_unit_length_is_a_choice() -> None:
    """The vectors of a transform without it are those with it, by their own length."""
    plain, vectors = Transform.fit(TABLE, ROWS, KERNEL, unit=False)
    scaled, units = Transform.fit(TABLE, ROWS, KERNEL)
    np.testing.assert_allclose(vectors.std(0), 1, atol=1e-3)
    np.testing.assert_array_equal(plain(TABLE, ROWS), vectors)
    np.testing.assert_array_equal(scaled(TABLE, ROWS), units)
    for part in (slice(0, 32), slice(32, 72)):
        lengths = np.linalg.norm(vectors[:, part], axis=1, keepdims=True) * np.sqrt(2)
        np.testing.assert_allclose(vectors[:, part] / lengths, units[:, part], atol=1e-5)


def test_the_identity_joins_all_features_as_they_are() -> None:
    segments = (SEGMENTS[0], SEGMENTS[2], SEGMENTS[1])  # a block's segments need not be neighbours
    table = ArrayTable(np.arange(2 * 38, dtype=np.float32).reshape(2, 38), segments)
    found = Transform.identity(segments)(table, np.arange(2))
    order = [*range(6), *range(14, 38), *range(6, 14)]
    np.testing.assert_array_equal(found, table.matrix[:, order])


def test_a_fresh_head_says_nothing_yet() -> None:
    transform = Transform.identity(SEGMENTS)
    head = fresh_head(SEGMENTS, transform, units=(16, 8), num_classes=4, seed=3)
    np.testing.assert_allclose(head.predict(TABLE), 0.25)
    assert [layer.weight.shape for layer in head.layers] == [(120, 16), (16, 8), (8, 4)]
    again = fresh_head(SEGMENTS, transform, units=(16, 8), num_classes=4, seed=3)
    np.testing.assert_array_equal(again.layers[0].weight, head.layers[0].weight)
    other = fresh_head(SEGMENTS, transform, units=(16, 8), num_classes=4, seed=4)
    assert (other.layers[0].weight != head.layers[0].weight).any()


def dropped(name: str) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda settings, tensors: tensors.pop(name)


def cut(name: str) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda settings, tensors: tensors.update({name: tensors[name][:-1]})


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (dropped("layers.1.bias"), KeyError, "layers.1.bias"),
        (dropped("scale/late"), KeyError, "scale/late"),
        (cut("layers.0.weight"), ValueError, r"\(71, 9\) weights for \(72, 9\)"),
        (cut("layers.1.bias"), ValueError, r"\(9, 4\) weights for \(9, 3\)"),
        (cut("layers.2.bias"), ValueError, r"do not fit .*widths"),
        (cut("softmax.bias"), ValueError, r"do not fit .*softmax"),
        (cut("mean/late"), ValueError, r"\(39,\) means for 40"),
        (lambda s, t: s.update(num_layers=2), ValueError, r"do not fit .*widths"),
        (lambda s, t: s.update(num_layers=0), ValueError, r"do not fit .*widths"),
        (lambda s, t: s.update(columns=[[3], [6]]), ValueError, r"a block has columns \(6,\) of 6"),
        (lambda s, t: s.update(columns=[[3], []]), ValueError, r"a block has columns \(\) of 6"),
        (lambda s, t: s.update(unit="no"), TypeError, "unit is 'no'"),
        (lambda s, t: s.update(kind="tree"), ValueError, "'tree'; known: kernel, den"),
    ],
)
def test_damage_is_noticed(
    damage: Callable[[dict[str, Any], dict[str, Any]], object],
    error: type[Exception],
    message: str,
) -> None:
    head = filled(units=(9, 4))
    settings, tensors = head.settings(), head.tensors()
    damage(settings, tensors)
    with pytest.raises(error, match=message):
        restore_head(settings, tensors)


def test_features_of_other_columns_are_refused() -> None:
    others = [*SEGMENTS[:-1], Segment(block="late", pool="grid3", size=40)]
    with pytest.raises(DataError, match=r"6 segments .*not the 6"):
        filled(units=()).predict(ArrayTable(TABLE.matrix, others))


SCRIPT = """
import json, sys
import numpy as np
from topwork.heads.restore import restore_head
from topwork.features.table import ArrayTable

folder = sys.argv[1]
with open(folder + "/settings.json") as file:
    settings = json.load(file)
with np.load(folder + "/tensors.npz") as file:
    head = restore_head(settings, dict(file))
np.save(folder + "/found.npy", head.predict(ArrayTable(np.load(folder + "/x.npy"), head.segments)))
heavy = {"torch", "sklearn", "scipy", "pandas", "pyarrow"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


def test_prediction_imports_numpy_alone(tmp_path: Path) -> None:
    head = filled(units=(9, 4))
    (tmp_path / "settings.json").write_text(json.dumps(head.settings()))
    np.savez(tmp_path / "tensors.npz", **head.tensors())
    np.save(tmp_path / "x.npy", TABLE.matrix)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), head.predict(TABLE), atol=1e-6)
