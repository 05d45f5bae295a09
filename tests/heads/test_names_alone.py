"""A head of names alone, against cosines by hand."""

import numpy as np

from topwork.features.table import ArrayTable
from topwork.heads.names import COSINE_SCALE, fit_names
from topwork.heads.restore import restore_head

from .data import SEGMENTS


def made() -> ArrayTable:
    rng = np.random.default_rng(0)
    return ArrayTable(rng.normal(size=(50, 120)).astype(np.float32), SEGMENTS)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_it_is_the_cosine() -> None:
    table = made()
    start = sum(s.size for s in SEGMENTS[:4])
    assert SEGMENTS[4].block == "late"
    columns = table.matrix[:, start : start + SEGMENTS[4].size]
    head = fit_names(table, np.arange(4), np.arange(4), 4)
    logits = COSINE_SCALE * unit(columns[4:]) @ unit(columns[:4]).T
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = head.predict(table, np.arange(4, 50))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    again = restore_head(head.settings(), head.tensors())
    np.testing.assert_array_equal(again.predict(table, np.arange(4, 50)), found)


def test_descriptions_count_beside_names() -> None:
    table = made()
    start, size = sum(s.size for s in SEGMENTS[:4]), SEGMENTS[4].size
    columns = unit(table.matrix[:, start : start + size])
    head = fit_names(table, np.arange(4), np.array([0, 1, 0, 2]), 3)
    middles = unit(np.stack([columns[0] + columns[2], columns[1], columns[3]]))
    found = head.predict(table, np.arange(4, 50))
    np.testing.assert_array_equal(found.argmax(1), (columns[4:] @ middles.T).argmax(1))
