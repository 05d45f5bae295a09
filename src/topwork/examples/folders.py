"""Inputs in a folder per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from topwork.errors import DataError, ModalityError, SourceError
from topwork.examples.contents import found_file
from topwork.examples.deduplicate import RawExample, clean_text
from topwork.examples.example import Modality, Skipped, Split
from topwork.examples.kinds import (
    ARCHIVE_SUFFIX,
    DOCUMENT_SUFFIXES,
    TABLE_SUFFIXES,
    counted,
    modality_of,
    suffix_of,
    with_article,
)
from topwork.examples.modality import MediaFile, as_meant, most, one_kind
from topwork.examples.split_folders import SplitFolders, folders_in, split_folders
from topwork.examples.walk import Walk

LAYOUTS = (
    "Accepted: a folder per class of images (data/cat/1.jpg, data/dog/2.jpg), sounds (.wav, "
    ".flac, .mp3), texts (.txt) or arrays (.npy); the same below train, validation and test; a "
    "table (.csv, .tsv, .json, .jsonl, .ndjson, each also .gz; .xlsx, .parquet, .arrow) with a "
    "label column and one of files, texts or arrays; a folder with metadata.csv, or of "
    "save_to_disk, or of partitions (label=cat/part.parquet); or arrays and labels in one .npz"
)
NOT_PLAIN = "Only plain text is read: save it as .txt (pdftotext, pandoc or your editor can)"


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file in a class's folder; `modality` is None where it is of no known kind."""

    path: Path
    folder: Path
    split: Split | None
    modality: Modality | None


@final
@dataclass(frozen=True, kw_only=True)
class ClassFolders:
    """What was read of folders of classes.

    Attributes:
        unused: of classes with files that cannot be used, one of these.
        remarks: what looks like a mistake of their layout, in sentences.
    """

    modality: Modality
    found: list[RawExample]
    walk: Walk
    unused: dict[str, Skipped]
    remarks: tuple[str, ...]


def read_class_folders(root: Path, meant: Modality | None) -> ClassFolders:
    """Return the inputs of `root/<class>/` or `root/<split>/<class>/`, at any depth below.

    Which kind they are of, and which files are strays, is told by `one_kind`. `meant` is what the
    backbone takes, where one was named.

    Raises:
        SourceError: there are no inputs, or they are in no class's folder.
        ModalityError: they are of several kinds, or documents that are not plain text.
    """
    walk, splits = Walk(root), split_folders(root)
    files, loose = _list_files(walk, splits.parts)
    kind = _kind_of(files, f"The folder {clean_text(str(root))!r}")
    found: list[RawExample] = []
    unused: dict[str, Skipped] = {}
    for one in files:
        label, num_skipped = clean_text(one.folder.name), len(walk.skipped)
        if kind is not None and one.modality == kind:
            # Of an empty text, the reason is given when it is read.
            if walk.usable(one.path, empty=kind == "text"):
                name = walk.name(one.path)
                found.append(found_file(one.path, name, kind, label=label, split=one.split))
        elif kind in (None, "text") and suffix_of(one.path.name) in DOCUMENT_SUFFIXES:
            reason = f"{suffix_of(one.path.name)} documents are not read. {NOT_PLAIN}"
            walk.skipped.append(Skipped(name=walk.name(one.path), reason=reason))
        else:
            walk.ignore_other(one.path, kind)
        if len(walk.skipped) > num_skipped and one.split != "test":
            unused.setdefault(label, walk.skipped[-1])
    for path in loose:
        if kind is not None and modality_of(path.name) == kind:
            walk.ignored[f"{kind} outside the class folders"] += 1
        else:
            walk.ignore_other(path, kind)
    documents = [one.path for one in files if suffix_of(one.path.name) in DOCUMENT_SUFFIXES]
    if not found and (not walk.skipped or (kind is None and documents)):
        raise _no_inputs(walk, loose, documents)
    return ClassFolders(
        modality=as_meant(kind or meant or "image", meant),
        found=found,
        walk=walk,
        unused=unused,
        remarks=(*_beside(splits, walk), *_within(walk, found), *_alike(splits, walk)),
    )


def _beside(splits: SplitFolders, walk: Walk) -> list[str]:
    """Say what lies beside train and test, and is not read."""
    if not splits.others:
        return []
    counts = {p.name: sum(1 for _ in Walk(walk.root).files(p)) for p in splits.others}
    walk.ignored["file beside the parts"] += sum(counts.values())
    listed = ", ".join(f"{clean_text(name)!r} ({n:,} files)" for name, n in counts.items())
    parts = ", ".join(repr(clean_text(path.name)) for path in splits.parts)
    return [
        f"Beside the folders {parts}, which are the parts of the data set, there is {listed}, "
        "which is not read. Move it away; or move its classes into a part, if it belongs there."
    ]


def _within(walk: Walk, found: Sequence[RawExample]) -> list[str]:
    """Say where one folder alone holds folders, which may be the classes."""
    if len({one.label for one in found}) != 1:
        return []
    folders, _ = Walk(walk.root).children(walk.root)
    inner = folders_in(folders[0]) if len(folders) == 1 else set()
    if len(inner) < 2:
        return []
    names = ", ".join(repr(clean_text(name)) for name in sorted(inner)[:5])
    return [
        f"{clean_text(str(walk.root))!r} has one folder, {clean_text(folders[0].name)!r}, with "
        f"the folders {names} in it. If these are the classes, give "
        f"{clean_text(str(folders[0]))!r}."
    ]


def _alike(splits: SplitFolders, walk: Walk) -> list[str]:
    """Say where the folders that were taken for classes all hold the same folders."""
    folders = [] if splits.parts else Walk(walk.root).children(walk.root)[0]
    inner = [folders_in(folder) for folder in folders]
    if len(inner) < 2 or len(inner[0]) < 2 or any(names != inner[0] for names in inner):
        return []
    shown, names = (
        ", ".join(repr(clean_text(name)) for name in some[:5])
        for some in ([folder.name for folder in folders], sorted(inner[0]))
    )
    return [
        f"The folders {shown} were taken for the classes, and all of them hold the folders "
        f"{names}. If those are the classes, name the parts train, validation and test, or give "
        "one of them."
    ]


def files_below(root: Path, modality: Modality) -> list[Path]:
    """Return every file of this kind in and below a folder, sorted.

    Raises SourceError if there is none, ModalityError if there are others.
    """
    walk = Walk(root)
    folders, files = walk.children(root)
    for folder in folders:
        files.extend(walk.files(folder))
    kinds: dict[Path, Modality | None] = {}
    for path in files:
        if suffix_of(path.name):
            kinds[path] = modality_of(path.name)
        elif modality != "text" and walk.usable(path, empty=True):
            kinds[path] = walk.kind(path)
    empty = modality == "text"
    paths = [p for p, kind in kinds.items() if kind == modality and walk.usable(p, empty=empty)]
    if paths:
        return sorted(paths)
    origin = f"in or below the folder {clean_text(str(root))!r}"
    counts = Counter(kind for kind in kinds.values() if kind is not None)
    others = " and ".join(counted(n, kind) for kind, n in counts.items() if kind != modality)
    if others:
        raise ModalityError(
            f"There is no {modality} {origin}, but {others}. The model takes {modality}s: give it "
            "a folder of these."
        )
    raise SourceError(f"There is no {modality} {origin}. Give a folder that holds {modality}s.")


def _list_files(walk: Walk, splits: dict[Path, Split]) -> tuple[list[_File], list[Path]]:
    """Return the files in the folders of classes, and those outside them."""
    tops: Sequence[tuple[Path, Split | None]] = list(splits.items()) or [(walk.root, None)]
    files: list[_File] = []
    loose: list[Path] = []
    if splits:
        loose += walk.children(walk.root)[1]
    for top, split in tops:
        folders, outside = walk.children(top)
        loose += outside
        for folder in folders:
            for path in walk.files(folder):
                if suffix_of(path.name) or walk.usable(path, empty=True):
                    kind = walk.kind(path)
                    files.append(_File(path=path, folder=folder, split=split, modality=kind))
    return files, loose


def _kind_of(files: Sequence[_File], origin: str) -> Modality | None:
    """The kind of the files; any file that is no more than plain text by its look counts last."""
    seen = [
        MediaFile(path=one.path, folder=one.folder, modality=one.modality)
        for one in files
        if one.modality is not None
    ]
    sure = [one for one in seen if one.modality != "text" or suffix_of(one.path.name)]
    return one_kind(sure or seen, origin)


def _no_inputs(walk: Walk, loose: Sequence[Path], documents: Sequence[Path]) -> DataError:
    origin = repr(clean_text(str(walk.root)))
    tables = [p for p in loose if suffix_of(p.name) in (*TABLE_SUFFIXES, ARCHIVE_SUFFIX)]
    kinds = Counter(kind for kind in (modality_of(path.name) for path in loose) if kind)
    some = counted(kinds[most(kinds)], most(kinds)) if kinds else ""
    if tables:
        return SourceError(
            f"{origin} has no folders of classes, but {some + ' and ' if some else ''}a table. "
            f"Give the table itself: {clean_text(str(tables[0]))}"
        )
    if documents:
        suffixes = Counter(suffix_of(path.name) for path in documents)
        listed = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.items())
        return ModalityError(f"{origin} holds documents ({listed}). {NOT_PLAIN}. {LAYOUTS}.")
    if some:
        return SourceError(
            f"{origin} holds {some} directly, with nothing that says the class. {LAYOUTS}. Move "
            f"the {most(kinds)}s into a folder per class."
        )
    seen = ", ".join(f"{count} {reason}" for reason, count in walk.ignored.most_common(5))
    return SourceError(
        f"{origin} holds no images, sounds, texts or arrays (found: {seen or 'nothing'}). "
        f"{LAYOUTS}."
    )


def other_kind(name: str, kind: Modality, modality: Modality) -> ModalityError:
    """The refusal of one file that is of another kind than the model takes."""
    return ModalityError(
        f"The input {name!r} is {with_article(kind)}; the model takes {modality}s. Give it "
        f"{with_article(modality)}, or use a model for {kind}s."
    )
