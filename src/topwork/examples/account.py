"""Account of the examples that were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from topwork.examples.example import Example, ExampleSet, sort_labels
from topwork.examples.kinds import counted

MAX_CLASSES = 12
"""Classes that are all listed; of more, the commonest and the rarest."""


def account(found: ExampleSet) -> list[str]:
    """Return in a few lines what was read: kind, numbers, columns, parts, classes."""
    train = found.of_split("train", None, "validation") or found.examples
    return [f"{found.origin}: {_numbers(found)}.", *found.decided, f"Classes: {_classes(train)}."]


def _numbers(found: ExampleSet) -> str:
    classes = len({example.label for example in found.examples})
    whole = f"{counted(len(found), found.modality)} of {_num_classes(classes)}"
    parts = Counter(example.split for example in found.examples)
    if not any(parts[split] for split in ("validation", "test")):
        return whole
    shown = [f"{name} {parts[name]:,}" for name in ("train", "validation", "test") if parts[name]]
    rest = [f"without a part {parts[None]:,}"] if parts[None] else []
    return f"{whole}, in parts: {', '.join(shown + rest)}"


def _num_classes(num: int) -> str:
    return "1 class" if num == 1 else f"{num:,} classes"


def _classes(examples: Sequence[Example]) -> str:
    counts = Counter(example.label or "" for example in examples)
    if len(counts) <= MAX_CLASSES:
        return ", ".join(f"{label} {counts[label]:,}" for label in sort_labels(set(counts)))
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    first, last = ordered[: MAX_CLASSES // 2], ordered[-MAX_CLASSES // 2 :]
    shown = [", ".join(f"{label} {counts[label]:,}" for label in some) for some in (first, last)]
    return f"{shown[0]}, ... ({len(counts) - MAX_CLASSES} more), {shown[1]}"
