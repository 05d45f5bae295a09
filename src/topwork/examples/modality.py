"""The one kind that data is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from topwork.errors import ModalityError
from topwork.examples.example import MODALITIES, Modality
from topwork.examples.kinds import counted

STRAY_SHARE = 0.05
"""Below this share of the main kind's files, those of another kind are strays."""

FEW_TEXTS = 2
"""So many texts in one folder, beside at least as many other inputs, are a README and a list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaFile:
    """A file of a known kind, and the class's folder that it is in or below."""

    path: Path
    folder: Path
    modality: Modality


def one_kind(seen: Sequence[MediaFile], origin: str) -> Modality | None:
    """Return the kind that the folders' files are of; None where there are none.

    It is that of the most files. The others are strays, to be ignored and counted, where they are

    - texts or arrays named as the image or sound beside them: 1.txt beside 1.jpg is its caption;
    - at most two texts in a folder, beside at least as many files of other kinds: a README;
    - fewer than 5% of the main kind's, and in no class the greater part (of texts, too: `docs/`).

    Raises ModalityError where there are more.
    """
    counts = Counter(one.modality for one in seen)
    if len(counts) > 1:
        counts = _without_companions(seen)
    if not counts:
        return None
    main = most(counts)
    by_class: dict[Path, Counter[Modality]] = {}
    for one in seen:
        by_class.setdefault(one.folder, Counter())[one.modality] += 1
    made_of = {
        kind
        for inside in by_class.values()
        for kind, count in inside.items()
        if kind not in (main, "text") and count > inside[main]
    }
    first: dict[Modality, str] = {}
    for one in seen:
        first.setdefault(one.modality, f"{one.path.parent.name}/{one.path.name}")
    for kind in made_of:
        counts[kind] = max(counts[kind], 1)
    refuse_mixture(counts, origin, first=first, also=made_of)
    return main


def as_meant(kind: Modality, meant: Modality | None) -> Modality:
    """Return the kind that inputs are: arrays are images where an image backbone was named."""
    return "image" if (kind, meant) == ("array", "image") else kind


def most(counts: Mapping[Modality, int]) -> Modality:
    """Return the kind of the most; of equals, the first of image, sound, text, array."""
    return max(MODALITIES, key=lambda kind: counts.get(kind, 0))


def refuse_mixture(
    counts: Mapping[Modality, int],
    origin: str,
    *,
    first: Mapping[Modality, str],
    also: set[Modality] | None = None,
    share: float = STRAY_SHARE,
) -> None:
    """Raise ModalityError where kinds besides the main one are more than strays.

    Args:
        counts: of each kind, how many there are.
        origin: what they are in, to begin a sentence with.
        first: the name of the first of each kind.
        also: kinds that are too many whatever their share.
        share: of the main kind's number; as many of another, or more, are too many.
    """
    main = most(counts)
    limit = share * counts.get(main, 0)
    others = [k for k in counts if k != main and counts[k] > 0]
    if not any(counts[kind] >= limit or kind in (also or ()) for kind in others):
        return
    kinds = [kind for kind in MODALITIES if counts.get(kind, 0)]
    listed = " and ".join(f"{counted(counts[k], k)} (the first: {first[k]!r})" for k in kinds)
    raise ModalityError(
        f"{origin} mixes kinds of input: {listed}. A model takes one kind. Put each kind in a "
        "folder, table or list of its own, and give one of these."
    )


def _without_companions(seen: Sequence[MediaFile]) -> Counter[Modality]:
    """Count all but texts and arrays that merely go with other files, by the rules above."""
    counts: Counter[Modality] = Counter()
    stems = set()
    for one in seen:
        if one.modality in ("image", "sound"):
            stems |= {(one.path.parent, one.path.stem), (one.path.parent, one.path.name)}
    texts: Counter[Path] = Counter()
    others: Counter[Path] = Counter()
    for one in seen:
        companion = (one.path.parent, one.path.stem) in stems
        if one.modality == "text":
            texts[one.path.parent] += not companion
        elif one.modality != "array" or not companion:
            counts[one.modality] += 1
            others[one.path.parent] += 1
    for folder, count in texts.items():
        if count > FEW_TEXTS or count > others[folder]:
            counts["text"] += count
    return counts
