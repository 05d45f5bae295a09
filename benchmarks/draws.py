"""What ways of training are compared on: examples drawn with a seed, and others to be tested on.

A set's name ends in how many are drawn, `sign-digits-100`; without a number all are learned from.
- sign-digits: plainly random, tested on all the rest.
- clothing: from its training part, tested on its test part.
- spoken-digits: a third of the speakers, others with each seed, is tested on; the examples are
  drawn from the rest, and are told apart by speaker in training too.
- banking77: so many of each class from its training part, tested on its test part.
- chest-xray: cross-validated, patients kept together, with other folds for each seed: the whole
  training, its own choices included, runs in every fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

NUM_FOLDS = 5
SHARE_OF_SPEAKERS = 1 / 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Examples to learn from, as an `ExampleSet`, and examples to test on."""

    train: Any
    test: Sequence[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw:
    """What one seed gives.

    Attributes:
        splits: each is trained and tested.
        whole: what the time is taken of; with one split, that split's.
        clusters: example's name -> the number of its group, or of itself where it has none.
    """

    splits: Sequence[Split]
    whole: Any
    clusters: dict[str, int]


def is_there(data: Path, name: str) -> bool:
    """Whether the set's data lies in the folder."""
    base, _ = parsed(name)
    return (data / base).is_dir()


def is_drawn(name: str) -> bool:
    """Whether another seed gives other examples, or other folds, to test on."""
    base, size = parsed(name)
    return size is not None or base == "chest-xray"


def draw(data: Path, name: str, seed: int) -> Draw:
    """Read a set, and draw."""
    base, size = parsed(name)
    if base not in SETS:
        raise SystemExit(f"The set is {name!r}; accepted: {', '.join(SETS)}, and a number.")
    return SETS[base](data / base, size, seed)


def parsed(name: str) -> tuple[str, int | None]:
    """Return a set's folder, and how many are drawn; None: all."""
    base, _, number = name.rpartition("-")
    return (base, int(number)) if number.isdecimal() else (name, None)


def sign_digits(source: Path, size: int | None, seed: int) -> Draw:
    """So many at random, tested on the rest."""
    from topwork.examples.sources import read_examples

    found = read_examples(source)
    if size is None:
        raise SystemExit("Of sign-digits some are drawn: sign-digits-100.")
    chosen = set(some_of(found.examples, size, seed))
    rest = [example for i, example in enumerate(found.examples) if i not in chosen]
    return _drawn(found, [found.examples[i] for i in sorted(chosen)], rest)


def clothing(source: Path, size: int | None, seed: int) -> Draw:
    """All of the training part, or some."""
    from topwork.examples.sources import read_examples

    found = read_examples(source)
    train = found.of_split("train", None)
    if size is not None:
        train = tuple(train[i] for i in some_of(train, size, seed))
    return _drawn(found, train, found.of_split("test"))


def spoken_digits(source: Path, size: int | None, seed: int) -> Draw:
    """Hold a third of the speakers out; draw from the others."""
    from topwork.examples.sources import read_examples

    found = read_examples(source / "labels.csv", group_column="speaker")
    speakers = sorted({example.group for example in found.examples})
    count = max(1, round(SHARE_OF_SPEAKERS * len(speakers)))
    held = {speakers[(seed * count + i) % len(speakers)] for i in range(count)}
    train = [example for example in found.examples if example.group not in held]
    test = [example for example in found.examples if example.group in held]
    if size is not None:
        train = [train[i] for i in some_of(train, size, seed)]
    return _drawn(found, train, test)


def banking(source: Path, size: int | None, seed: int) -> Draw:
    """So many of each class."""
    import numpy as np

    from topwork.examples.sources import read_examples

    found = read_examples(source)
    train = found.of_split("train", None)
    if size is not None:
        labels = np.array([example.label for example in train])
        rng = np.random.default_rng(seed)
        chosen = np.concatenate(
            [rng.permutation(np.flatnonzero(labels == k))[:size] for k in np.unique(labels)]
        )
        train = tuple(train[i] for i in np.sort(chosen))
    return _drawn(found, train, found.of_split("test"))


def chest_xray(source: Path, size: int | None, seed: int) -> Draw:
    """Deal into folds by patient."""
    from topwork.examples.folds import kfold
    from topwork.examples.sources import read_examples

    found = read_examples(source / "labels.csv", group_column="patient")
    examples = list(found.examples)
    if size is not None:
        examples = [examples[i] for i in some_of(examples, size, seed)]
    labels, groups = [e.label for e in examples], [e.group for e in examples]
    splits = []
    for fold in kfold(labels, num_folds=NUM_FOLDS, seed=seed, groups=groups):
        left = set(fold.tolist())
        kept = [example for i, example in enumerate(examples) if i not in left]
        splits.append(Split(train=_set(found, kept), test=[examples[i] for i in sorted(left)]))
    return Draw(splits=splits, whole=_set(found, examples), clusters=_clusters(found))


def some_of(examples: Sequence[Any], size: int, seed: int) -> list[int]:
    """Return places, plainly random; drawn again where a class is missing, which none could name.

    Raises SystemExit where there are not as many.
    """
    import numpy as np

    labels = np.array([example.label for example in examples])
    wanted = len(np.unique(labels))
    if not wanted <= size <= len(labels):
        raise SystemExit(f"{size} of {len(labels)} examples of {wanted} classes cannot be drawn.")
    rng = np.random.default_rng(seed)
    while True:
        chosen = np.sort(rng.permutation(len(labels))[:size])
        if len(np.unique(labels[chosen])) == wanted:
            return [int(place) for place in chosen]


def _drawn(found: Any, train: Sequence[Any], test: Sequence[Any]) -> Draw:
    own = _set(found, train)
    return Draw(splits=[Split(train=own, test=test)], whole=own, clusters=_clusters(found))


def _set(found: Any, examples: Sequence[Any]) -> Any:
    """Return them as a set of their own: the parts that the data's author named are left out."""
    return replace(found, examples=tuple(replace(example, split=None) for example in examples))


def _clusters(found: Any) -> dict[str, int]:
    names = [f"own {e.name}" if e.group is None else f"group {e.group}" for e in found.examples]
    number = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return {e.name: number[name] for e, name in zip(found.examples, names, strict=True)}


SETS: dict[str, Callable[[Path, int | None, int], Draw]] = {
    "sign-digits": sign_digits,
    "clothing": clothing,
    "chest-xray": chest_xray,
    "spoken-digits": spoken_digits,
    "banking77": banking,
}
