"""Folders of train, validation and test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import final

from topwork.errors import SourceError
from topwork.examples.deduplicate import SPLIT_NAMES, clean_text
from topwork.examples.example import Split
from topwork.examples.kinds import modality_of
from topwork.examples.walk import Walk


@final
@dataclass(frozen=True, kw_only=True)
class SplitFolders:
    """The folders of a data set that are its parts.

    Attributes:
        parts: what each of them is; none where the folders are classes.
        others: folders beside the parts, which are not read.
    """

    parts: dict[Path, Split]
    others: tuple[Path, ...] = ()


def split_folders(root: Path) -> SplitFolders:
    """Return which of a folder's subfolders are parts of the data set.

    All of them, where all have such names, one is train, or all hold folders. Where there are
    others beside them, train must hold folders and no inputs, for a class may be called `train`.

    Raises SourceError where they may as well be classes.
    """
    folders = Walk(root).children(root)[0]
    named = {path: _split_of(path.name) for path in folders}
    parts = {path: split for path, split in named.items() if split is not None}
    others = tuple(path for path in folders if path not in parts)
    classes = {path: folders_in(path) for path in folders}
    if "train" not in parts.values():
        only_parts = bool(parts) and not others and all(classes.values())
        return SplitFolders(parts=parts if only_parts else {})
    if not others:
        return SplitFolders(parts=parts)
    of_train = set[str]().union(*(classes[path] for path, s in parts.items() if s == "train"))
    if len(of_train) < 2:
        return SplitFolders(parts={})
    agreed = any(classes[path] & of_train for path, split in parts.items() if split != "train")
    alike = [path for path in others if classes[path] & of_train]
    if alike and not agreed:
        raise SourceError(
            f"{clean_text(str(root))!r} has folders 'train' and {alike[0].name!r} with the same "
            f"folders in them ({', '.join(sorted(of_train)[:5])}): these may be classes below "
            "parts, or `train` a class. Give the folder of one part, name the parts train, "
            "validation and test, or give the class another name."
        )
    return SplitFolders(parts=parts, others=others)


def _split_of(name: str) -> Split | None:
    """The part that a folder's name says, also behind another word: `seg_train`."""
    lower = name.lower()
    last = re.sub(r".*?[-_ ](?=[^-_ ]+([-_ ]set)?$)", "", lower, count=1)
    return SPLIT_NAMES.get(lower) or SPLIT_NAMES.get(last)


def folders_in(folder: Path) -> set[str]:
    """Return the names of a folder's subfolders; none where it holds inputs itself."""
    try:
        folders, files = Walk(folder).children(folder)
    except OSError:  # to be said when it is read
        return set()
    return set() if any(modality_of(path.name) for path in files) else {p.name for p in folders}
