"""Store of features on disk.

The folder is called a space: the features of one backbone under one preprocessing. Any number of
processes may read, add and clean at once: a shard is renamed into place whole, and never edited.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, final

import numpy as np
import numpy.typing as npt

from topwork.core import files, leftovers
from topwork.core.digests import digest_settings
from topwork.core.shapes import Bool
from topwork.features.shards import (
    Shard,
    ShardLayout,
    count_rows,
    cut_digests,
    read_digests,
    read_shard,
)
from topwork.features.tensor_file import SUFFIX, DamagedShardError, check_numbers

FORMAT = 2
"""Raise it when what the numbers mean or how they lie changes; old spaces then fall out of use."""

SPACE, LAST_USED = "space.json", "last_used"
DIGEST = "sha256"
"""Of all else that a space's description says."""

_KEY = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)

Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class SpaceInfo:
    """What is kept for one backbone under one preprocessing.

    Attributes:
        backbone: its name, or `unknown` where the space's description is damaged.
        last_used: when it was last read or added to.
    """

    backbone: str
    key: str
    num_examples: int
    size_bytes: int
    last_used: datetime


@dataclass(frozen=True, kw_only=True)
class StoredFeatures:
    """Where the features of some examples lie.

    Attributes:
        shard_of: for each example asked for, its place in `shards`; -1: there are none.
        row_of: its row in that shard.
    """

    shards: tuple[Shard, ...] = field(repr=False)
    shard_of: npt.NDArray[np.int32]
    row_of: npt.NDArray[np.int32]

    @property
    def missing(self) -> Bool[np.ndarray, " n"]:
        """Which examples have no features yet."""
        return self.shard_of < 0


@final
class Space:
    """One folder of shards; the layout has no blocks until features are about to be added."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], backbone: str) -> None:
        self.folder = folder
        self.layout = ShardLayout(blocks=())
        self._settings = dict(settings)
        self._backbone = backbone

    def open(self) -> None:
        """Read the layout, where there is one; remove what killed processes left behind."""
        leftovers.clear(self.folder)
        described = _read_description(self.folder)
        if described is None:
            self._forget()
            return
        try:
            claimed = described.pop(DIGEST)
            if claimed != digest_settings(described):
                raise ValueError("its digest is not the one that was written")
            if described["settings"] != self._settings:
                raise ValueError("its settings do not give its key")
            self.layout = ShardLayout.from_settings(described["blocks"])
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s is damaged (%s): it is made anew.", self.folder / SPACE, error)
            self._forget()

    def _forget(self) -> None:
        with suppress(OSError):  # else `is_described` would believe it
            (self.folder / SPACE).unlink(missing_ok=True)

    def describe(self, layout: ShardLayout) -> None:
        """Set and save the layout. Raises StoreError where the disk refuses."""
        described = {
            "backbone": self._backbone,
            "settings": self._settings,
            "blocks": layout.settings(),
        }
        text = json.dumps({**described, DIGEST: digest_settings(described)}, indent=1)
        with files.disk_errors("Saving features"):
            files.write_bytes(self.folder / SPACE, text.encode())
        self.layout = layout

    @property
    def is_described(self) -> bool:
        """Whether it says what is in it; what has no blocks of fixed widths needs no more."""
        return (self.folder / SPACE).is_file()

    @property
    def has_shards(self) -> bool:
        """Whether anything is stored, readable or not."""
        return bool(_shards_in(self.folder))

    def touch(self) -> None:
        """Note that the space is in use, for `FeatureStore.clean`."""
        with suppress(OSError):  # a store that can only be read is as good
            (self.folder / LAST_USED).touch()

    def find(self, wanted: Mapping[bytes, int]) -> StoredFeatures:
        """Look up examples; `wanted` gives each digest its place, 0 to n - 1.

        A damaged shard is removed, and its examples count as missing.
        """
        shard_of = np.full(len(wanted), -1, np.int32)
        row_of = np.zeros(len(wanted), np.int32)
        shards: list[Shard] = []
        there: Iterable[tuple[Shard, bytes]] = ()
        if wanted and self.layout.blocks:
            there = self.read_shards(
                lambda path: read_shard(path, self.layout),
                lambda found: any(digest in wanted for digest in cut_digests(found[1])),
            )
        for shard, digests in there:
            used = False
            for row, digest in enumerate(cut_digests(digests)):
                place = wanted.get(digest)
                if place is not None and shard_of[place] < 0:
                    shard_of[place], row_of[place] = len(shards), row
                    used = True
            if used:
                shards.append(shard)
        return StoredFeatures(shards=tuple(shards), shard_of=shard_of, row_of=row_of)

    def read_shards(
        self, read: Callable[[Path], Read], needed: Callable[[Read], bool]
    ) -> Iterator[Read]:
        """Yield what `read` makes of each shard, where that is needed; a damaged one is removed.

        The numbers of those that are needed are checked: a GB takes a second or so.
        """
        for path in _shards_in(self.folder):
            try:
                found = read(path)
                if not needed(found):
                    continue
                check_numbers(path)
            except FileNotFoundError:  # another process cleans
                continue
            except DamagedShardError as error:
                log.warning("%s It is removed, and its features are computed anew.", error)
                with suppress(OSError):
                    path.unlink()
            except OSError as error:
                log.warning("%s cannot be read (%s): its features are computed anew.", path, error)
            else:
                yield found


@final
class FeatureStore:
    """All features that are kept on this machine, under one root folder."""

    def __init__(self, root: Path | None = None) -> None:
        """Take the store in `root`; by default in `files.cache_folder()`. Writes nothing yet."""
        self.root = files.cache_folder() / "features" if root is None else Path(root)

    def space(self, settings: Mapping[str, Any], *, backbone: str) -> Space:
        """Open the space of these settings, which are all that the numbers depend on.

        `backbone` is its name, for people.
        """
        complete = {"format": FORMAT, **settings}
        space = Space(self.root / digest_settings(complete), complete, backbone)
        space.open()
        return space

    def spaces(self) -> list[SpaceInfo]:
        """List what is kept, the most recently used first."""
        infos = []
        for folder in self._folders():
            described = _read_description(folder) or {}
            entries = _shard_files(folder)
            infos.append(
                SpaceInfo(
                    backbone=str(described.get("backbone", "unknown")),
                    key=folder.name,
                    num_examples=_count_examples(described, [path for path, _, _ in entries]),
                    size_bytes=sum(size_bytes for _, size_bytes, _ in entries),
                    last_used=datetime.fromtimestamp(_last_used(folder), UTC),
                )
            )
        return sorted(infos, key=lambda info: info.last_used, reverse=True)

    def by_use(self) -> list[tuple[float, Path, int]]:
        """List each shard with when it was last used and its bytes, in the order to remove them.

        The space that was used least recently goes first, and in it the oldest shard.
        """
        found = []
        for folder in self._folders():
            used = _last_used(folder)
            found += [(used, mtime, path, size) for path, size, mtime in _shard_files(folder)]
        return [(used, path, size) for used, _, path, size in sorted(found)]

    def clean(self, max_bytes: int) -> int:
        """Remove shards until at most `max_bytes` are left; return the bytes that came free.

        In the order of `by_use`; `clean(0)` removes everything. Who reads what is removed goes on
        reading it, or is told to run again.
        """
        shards = self.by_use()
        total, freed = sum(size_bytes for _, _, size_bytes in shards), 0
        for _, path, size_bytes in shards:
            if total - freed <= max_bytes:
                break
            with files.disk_errors(f"Removing {path}"):
                path.unlink(missing_ok=True)
            freed += size_bytes
        self.remove_empty()
        return freed

    def remove_empty(self) -> None:
        """Remove the spaces that have no shards left."""
        for folder in self._folders():
            _remove_empty(folder)

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        return [
            path
            for path in sorted(self.root.iterdir())
            if _KEY.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]


def _read_description(folder: Path) -> dict[str, Any] | None:
    try:
        described = json.loads((folder / SPACE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read (%s): it is made anew.", folder / SPACE, error)
        return None
    return described if isinstance(described, dict) else {}


def _shards_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        files.warn_once(folder, error)
        return []


def _shard_files(folder: Path) -> list[tuple[Path, int, float]]:
    """Return each shard with its bytes and the time it was written."""
    found = []
    for path in _shards_in(folder):
        with suppress(FileNotFoundError):  # another process cleans
            status = path.lstat()
            found.append((path, status.st_size, status.st_mtime))
    return found


def _count_examples(described: Mapping[str, Any], shards: Sequence[Path]) -> int:
    """Count what the shards' headers claim; where an example's views may lie apart, once."""
    settings = described.get("settings")
    views_apart = isinstance(settings, dict) and "activations" in settings
    found: set[bytes] = set()
    num_rows = 0
    for path in shards:
        with suppress(OSError):  # a DamagedShardError is one too
            if views_apart:
                found.update(read_digests(path))
            else:
                num_rows += count_rows(path)
    return len(found) + num_rows


def _last_used(folder: Path) -> float:
    for path in (folder / LAST_USED, folder):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _remove_empty(folder: Path) -> None:
    """Remove a space that has no shards left, unless another process is writing to it."""
    with suppress(OSError):
        if not any(folder.glob(f"*{SUFFIX}")) and not any(folder.glob(".*.part")):
            for name in (LAST_USED, SPACE):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()
