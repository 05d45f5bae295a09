"""Folder walks that count what they pass."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from topwork.examples.contents import EMPTY
from topwork.examples.deduplicate import clean_text
from topwork.examples.example import Modality, Skipped
from topwork.examples.kinds import PREFIX_BYTES, modality_of, sniff, suffix_of, with_article

_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_SYSTEM_FOLDERS = frozenset({"__macosx", "$recycle.bin", "system volume information"})


class Walk:
    """One walk over a folder: what it has seen, so that it enters each real folder once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ignored: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
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

    def files(self, folder: Path) -> Iterator[Path]:
        """Yield the files in and below a folder, its own before those of its subfolders."""
        waiting = [folder]  # not a recursion, which deep folders would exhaust
        while waiting:
            folder = waiting.pop()
            if not self._enter(folder):
                self.ignored["link to a folder already read"] += 1
                continue
            try:
                folders, files = self.children(folder)
            except PermissionError:
                reason = "no permission to read it"
                self.skipped.append(Skipped(name=self.name(folder), reason=reason))
                continue
            if not folders and not files:
                self.ignored["empty folder"] += 1
            yield from files
            waiting += reversed(folders)

    def name(self, path: Path) -> str:
        """How a person finds it: the path below the root, with `/` on every system."""
        return clean_text(path.relative_to(self.root).as_posix())

    def kind(self, path: Path) -> Modality | None:
        """Return the kind that a file's suffix or, where it has none, its beginning promises."""
        if suffix_of(path.name):
            return modality_of(path.name)
        return sniff(_prefix(path))

    def ignore_other(self, path: Path, modality: Modality | None) -> None:
        """Count a file that is not of the kind that is wanted, or of none that is known."""
        suffix = clean_text(suffix_of(path.name)) or "no suffix"
        wanted = with_article(modality) if modality else "an input"
        self.ignored[f"not {wanted} ({suffix})"] += 1

    def usable(self, path: Path, *, empty: bool = False) -> bool:
        """Whether it is a file that can be read; counts or reports it where it is not.

        `empty`: whether one of no bytes is to be used as well.
        """
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                self.ignored["not a regular file"] += 1
                return False
            if not suffix_of(path.name):
                _prefix(path)
        except FileNotFoundError:
            reason = "a link to a file that is not there"
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror}"
        else:
            if status.st_size or empty:
                return True
            reason = EMPTY
        self.skipped.append(Skipped(name=self.name(path), reason=reason))
        return False

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


def _passed_over(name: str) -> str | None:
    if name.startswith("."):
        return "hidden"
    if name.lower() in _SYSTEM_NAMES or name.lower() in _SYSTEM_FOLDERS:
        return "system"
    return None


def _prefix(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(PREFIX_BYTES)
