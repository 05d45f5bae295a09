"""Stable digests of bytes, files and settings.

All digests are SHA-256, as 64 lower-case hexadecimal digits.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

_known: dict[tuple[int, ...], str] = {}
"""Digests of files that this process has read, by all that the system says of them."""


def digest_bytes(*parts: bytes | memoryview) -> str:
    """Return the digest of the parts, each preceded by its length, so that no two splits agree.

    One part alone is hashed as it is: its digest is the SHA-256 that other tools print.
    """
    if len(parts) == 1:
        return hashlib.sha256(parts[0]).hexdigest()
    state = hashlib.sha256()
    for part in parts:
        view = memoryview(part)
        state.update(view.nbytes.to_bytes(8, "little"))
        state.update(view)
    return state.hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_once(path: Path) -> str:
    """Return `digest_file`, read once in a process as long as nobody writes to the file.

    Only within a process: over days a disk can alter a file, and leave its times and size.
    """
    before = file_facts(path)
    if before not in _known:
        digest = digest_file(path)
        if file_facts(path) == before:
            _known[before] = digest
        return digest
    return _known[before]


def file_facts(path: Path) -> tuple[int, ...]:
    """Return what the system says of a file: other after whatever is written to it."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def digest_settings(settings: Any) -> str:
    """Return the digest of plain data (dicts, lists, str, int, float, bool, None).

    The order of a dict's keys does not matter. Raises TypeError on anything else, rather than
    hash a representation that may change from run to run.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
