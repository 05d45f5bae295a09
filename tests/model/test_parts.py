"""What a model was trained on, counted."""

from pathlib import Path

from topwork.examples.example import Example, Skipped
from topwork.examples.sources import read_examples
from topwork.model.parts import DataCounts


def example(name: str, label: str) -> Example:
    return Example(name=name, digest="0" * 64, read=lambda: b"", label=label)


def test_counts(digits: Path) -> None:
    found = read_examples(digits)
    lost = Skipped(name="d", reason="is text")
    train = [example("a", "x"), example("b", "y"), example("c", "x")]
    counted = DataCounts.of(found, train, (), [lost])
    assert counted.per_class == {"x": 2, "y": 1}
    assert counted.num_train == 3
    assert counted.num_test == 0
    assert counted.skipped == (lost,)
    assert counted.typical_seconds is None
    assert DataCounts.of(found, train, train[:1], ()).num_test == 1
