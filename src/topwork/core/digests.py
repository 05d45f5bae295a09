"""Stable digests of bytes, files and settings.

All digests are SHA-256, as 64 lower-case hexadecimal digits.
"""

import hashlib
import json
from pathlib import Path
from typing import Any


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


def digest_settings(settings: Any) -> str:
    """Return the digest of plain data (dicts, lists, str, int, float, bool, None).

    The order of a dict's keys does not matter. Raises TypeError on anything else, rather than
    hash a representation that may change from run to run.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
