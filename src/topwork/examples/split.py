"""Split into training and test parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from topwork.errors import DataError, TooFewError
from topwork.examples.example import Example, ExampleSet, Modality, Skipped, sort_labels


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What to train on, what to test on (it may be nothing), and what to tell a person of it."""

    train: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...] = ()


def divide(found: ExampleSet) -> Parts:
    """Say what is trained on and what is tested on.

    Everything is chosen by cross-validation, so a validation part has no job of its own: it joins
    the training, unless it is all that there is to test on.

    Raises:
        TooFewError: there are fewer than two classes to train on.
        DataError: a class is to be tested on, but not trained on.
    """
    train, test = found.of_split("train", None), found.of_split("test")
    validation = found.of_split("validation")
    notes = list(found.remarks)
    if validation and test:
        train = (*train, *validation)
        notes.append(
            f"The validation part ({len(validation)} examples) was trained on too: all choices "
            "are made by cross-validation, and the test part was kept for testing."
        )
    elif validation:
        test = validation
        notes.append("There is no test part: the validation part was kept for testing.")
    _check_classes(train, test, found.origin)
    notes += _shared_groups(train, test)
    return Parts(train=train, test=test, notes=tuple(notes))


def check_readable(
    wanted: Sequence[Example],
    readable: Sequence[Example],
    skipped: Sequence[Skipped],
    *,
    modality: Modality,
) -> None:
    """Raise TooFewError where a class of those wanted has lost all its examples."""
    lost = {e.label or "" for e in wanted} - {e.label or "" for e in readable}
    if lost:
        labels = {example.name: example.label for example in wanted}
        # Of those that were skipped, one of a class that is lost: another says nothing of it.
        first = next((f"The first: {one.name}: {one.reason}. " for one in skipped
                      if labels.get(one.name) in lost), "")  # fmt: skip
        names = ", ".join(sorted(lost)[:10])
        raise TooFewError(
            f"No {modality} can be read of {len(lost)} of the classes: {names}. {first}Bring "
            f"readable {modality}s of every class, or take the class out."
        )


def _check_classes(train: Sequence[Example], test: Sequence[Example], origin: str) -> None:
    classes = sort_labels({e.label or "" for e in train})
    if len(classes) < 2:
        what = f"only one class, {classes[0]!r}" if classes else "no labelled examples to train on"
        raise TooFewError(
            f"{origin!r} has {what}; accepted: 2 classes or more. Bring examples of "
            "something else too, if only of 'other'."
        )
    unknown = sorted({e.label or "" for e in test} - set(classes))
    if unknown:
        raise DataError(
            f"The test part of {origin!r} has classes that the training part lacks: "
            f"{', '.join(unknown[:10])}. Bring training examples of them, or take them out."
        )


def _shared_groups(train: Sequence[Example], test: Sequence[Example]) -> list[str]:
    """Warn of groups that the source's author put on both sides; its split is kept as it is."""
    shared = {e.group for e in train} & {e.group for e in test} - {None}
    if not shared:
        return []
    some = ", ".join(sorted(group for group in shared if group is not None)[:5])
    return [
        f"{len(shared)} groups stand in the training part and in the test part ({some}): the test "
        "score may flatter. The cross-validated one keeps groups together."
    ]
