"""Finds images in folders, a folder per class, and counts what it passes over.

What it does not know: tables, and whether an image can be decoded.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from topwork.digests import digest_file
from topwork.errors import ModalityError, SourceError
from topwork.examples.decode import read_file
from topwork.examples.example import Skipped, Split
from topwork.examples.identity import SPLIT_NAMES, Found, clean_text
from topwork.examples.kinds import (
    IMAGE_SUFFIXES,
    PREFIX_BYTES,
    SOUND_SUFFIXES,
    TEXT_SUFFIXES,
    image_format,
    suffix_of,
)

LAYOUTS = (
    "Accepted: a folder per class (data/cat/1.jpg, data/dog/2.jpg); the same below train, "
    "validation and test; a table (.csv, .tsv, .jsonl, .parquet) with a file and a label column; "
    "or a folder with metadata.csv"
)
EMPTY = "the file is empty (0 bytes)"
_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_SYSTEM_FOLDERS = frozenset({"__macosx", "$recycle.bin", "system volume information"})


class Walk:
    """One walk over a folder: what it has seen, so that it enters each real folder once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ignored: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.other_suffixes: Counter[str] = Counter()
        self._entered: set[tuple[int, int]] = set()
        self._real_root = root.resolve()
        self._enter(root)

    def children(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Return its subfolders and its files, each sorted, without those passed over."""
        folders: list[Path] = []
        files: list[Path] = []
        for path in sorted(folder.iterdir()):
            passed_over = _passed_over(path.name)
            if path.is_dir():
                reason = f"{passed_over} folder" if passed_over else self._second_way_in(path)
            else:
                reason = f"{passed_over} file" if passed_over else None
            if reason:
                self.ignored[reason] += 1
            elif path.is_dir():
                folders.append(path)
            else:
                files.append(path)
        return folders, files

    def images(self, folder: Path) -> Iterator[Path]:
        """Yield the images in and below a folder, its files before those of its subfolders."""
        if not self._enter(folder):
            self.ignored["link to a folder already read"] += 1
            return
        try:
            folders, files = self.children(folder)
        except PermissionError:
            self.skipped.append(Skipped(name=self.name(folder), reason="no permission to read it"))
            return
        if not folders and not files:
            self.ignored["empty folder"] += 1
        for path in files:
            if self.is_image(path):
                yield path
        for path in folders:
            yield from self.images(path)

    def name(self, path: Path) -> str:
        """How a person finds it: the path below the root, with `/` on every system."""
        return clean_text(path.relative_to(self.root).as_posix())

    def _enter(self, folder: Path) -> bool:
        status = folder.stat()
        key = (status.st_dev, status.st_ino)
        new = key not in self._entered
        self._entered.add(key)
        return new

    def _second_way_in(self, folder: Path) -> str | None:
        """The reason to pass over a link to a folder that is, or holds, one read anyway."""
        if not folder.is_symlink():
            return None
        real = folder.resolve()
        if self._real_root.is_relative_to(real):
            return "link to a folder above"
        if real.is_relative_to(self._real_root):
            parts = real.relative_to(self._real_root).parts
            if not any(_passed_over(part) for part in parts):
                return "link to a folder already read"
        return None

    def ignore_other(self, path: Path) -> None:
        """Count a file that is no image."""
        suffix = clean_text(suffix_of(path.name)) or "no suffix"
        self.other_suffixes[suffix] += 1
        self.ignored[f"not an image ({suffix})"] += 1

    def is_image(self, path: Path) -> bool:
        """Whether a file is to be used; counts or reports it where it is not."""
        suffix = suffix_of(path.name)
        if suffix and suffix not in IMAGE_SUFFIXES:
            self.ignore_other(path)
            return False
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                self.ignored["not a regular file"] += 1
                return False
            if not suffix and image_format(_prefix(path)) is None:
                self.ignore_other(path)
                return False
        except FileNotFoundError:
            reason = "a link to a file that is not there"
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror}"
        else:
            if status.st_size:
                return True
            reason = EMPTY
        self.skipped.append(Skipped(name=self.name(path), reason=reason))
        return False


def found_file(path: Path, name: str, *, label: str | None = None, **known: object) -> Found:
    """Return the input that a file is."""
    return Found(
        name=name,
        digest=partial(digest_file, path),
        read=partial(read_file, path),
        label=label,
        **known,  # type: ignore[arg-type]
    )


def split_folders(walk: Walk) -> dict[Path, Split]:
    """Return the root's subfolders with the part each is, if all are parts and one is train."""
    folders, _ = walk.children(walk.root)
    splits = {path: SPLIT_NAMES.get(path.name.lower()) for path in folders}
    known = {path: split for path, split in splits.items() if split is not None}
    return known if len(known) == len(splits) and "train" in known.values() else {}


def read_class_folders(root: Path) -> tuple[list[Found], Walk]:
    """Return the images of `root/<class>/` or `root/<split>/<class>/`, at any depth below.

    Raises:
        SourceError: there are no images, or they are in no class's folder.
        ModalityError: there are none, but sounds or texts.
    """
    splits = split_folders(Walk(root))
    walk = Walk(root)
    found: list[Found] = []
    tops: Sequence[tuple[Path, Split | None]] = list(splits.items()) or [(root, None)]
    loose: list[Path] = []
    if splits:
        loose += walk.children(root)[1]
    for top, split in tops:
        classes, files = walk.children(top)
        loose += files
        for folder in classes:
            label = clean_text(folder.name)
            for path in walk.images(folder):
                found.append(found_file(path, walk.name(path), label=label, split=split))
    num_loose = 0
    for path in loose:
        if suffix_of(path.name) in IMAGE_SUFFIXES:
            num_loose += 1
            walk.ignored["image outside the class folders"] += 1
        else:
            walk.ignore_other(path)
    if not found and not walk.skipped:
        raise _no_images(walk, loose, num_loose)
    return found, walk


def images_below(root: Path) -> list[Path]:
    """Return every image in and below a folder, sorted. Raises SourceError if there is none."""
    walk = Walk(root)
    folders, files = walk.children(root)
    paths = [path for path in files if walk.is_image(path)]
    for folder in folders:
        paths.extend(walk.images(folder))
    if not paths:
        raise SourceError(f"There is no image in or below the folder {clean_text(str(root))!r}.")
    return sorted(paths)


def _no_images(walk: Walk, loose: Sequence[Path], num_loose: int) -> SourceError | ModalityError:
    origin = repr(clean_text(str(walk.root)))
    tables = [p.name for p in loose if suffix_of(p.name) in (".csv", ".tsv", ".jsonl")]
    if tables and num_loose:
        return SourceError(
            f"{origin} has no folders of classes, but {num_loose} images and a table. Give the "
            f"table itself: {clean_text(str(walk.root / tables[0]))}"
        )
    if num_loose:
        return SourceError(
            f"{origin} holds {num_loose} images directly, with nothing that says their class. "
            f"{LAYOUTS}. Move the images into a folder per class."
        )
    raise_other_modality(origin, walk.other_suffixes)
    if tables:
        return SourceError(
            f"{origin} has no images, but a table. Give the table itself: "
            f"{clean_text(str(walk.root / tables[0]))}"
        )
    seen = ", ".join(f"{count} {reason}" for reason, count in walk.ignored.most_common(5))
    return SourceError(f"{origin} holds no images (found: {seen or 'nothing'}). {LAYOUTS}.")


def raise_other_modality(origin: str, suffixes: Counter[str]) -> None:
    """Raise ModalityError where these suffixes, none of an image, are those of sounds or texts."""
    for kind, known in (("sound", SOUND_SUFFIXES), ("text", TEXT_SUFFIXES)):
        seen = {suffix: count for suffix, count in suffixes.items() if suffix in known}
        if seen:
            counts = ", ".join(f"{count} {suffix} files" for suffix, count in seen.items())
            raise ModalityError(
                f"{origin} looks like {kind} ({counts}) and holds no images; images are what is "
                f"accepted. {LAYOUTS}."
            )


def _passed_over(name: str) -> str | None:
    if name.startswith("."):
        return "hidden"
    if name.lower() in _SYSTEM_NAMES or name.lower() in _SYSTEM_FOLDERS:
        return "system"
    return None


def _prefix(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(PREFIX_BYTES)
