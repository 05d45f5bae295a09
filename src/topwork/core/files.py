"""Files written whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from topwork.core.digests import digest_bytes
from topwork.errors import StoreError

CACHE_VARIABLE = "TOPWORK_CACHE"


def cache_folder() -> Path:
    """Return the folder of everything that can be computed again: features, compiled networks.

    `$TOPWORK_CACHE` if it is set, else the platform's own place for caches.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("topwork"))


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn the operating system's refusal (disk full, no permission) into a `StoreError`."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"{doing} failed: {error.strerror or error}. Free some space (`topwork cache` shows "
            f"what Topwork keeps), or set {CACHE_VARIABLE} to a folder that can be written to. "
            "What was finished is kept: run the same command again to go on."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, rename it to `path`.

    Flushed to the disk before it is renamed, so that a power cut leaves the old file or the
    whole new one. When the block raises, the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private; others may share the cache
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well, put it in place of it.

    An older folder at `path` is moved aside first and removed last: at no moment is it half gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        for inner in temporary.rglob("*"):  # safetensors makes its files private
            inner.chmod((0o777 if inner.is_dir() else 0o666) & ~_umask())
        if path.exists():
            path.rename(old)
        try:
            temporary.rename(path)
        except OSError:
            if old.exists() and not path.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep a place for one run: another that asks for it meanwhile is refused.

    The lock lies in the cache, and falls with the process that holds it. Raises StoreError.
    """
    from filelock import FileLock, Timeout

    place = cache_folder() / "locks" / digest_bytes(os.fsencode(path.absolute()))
    with disk_errors(f"Keeping {str(path)!r} for this run"):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place, blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise StoreError(
                f"Another run is about to write to {str(path)!r}. Wait until it has ended, or give "
                "another place."
            ) from error
    try:
        yield
    finally:
        lock.release()


def check_writable(path: Path) -> None:
    """Raise StoreError where nothing can be written at a path: asked before the work, not after.

    Nothing is left behind, and no folder is made.
    """
    above = next(one for one in path.absolute().parents if one.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise StoreError(
            f"Nothing can be written to {str(path)!r}: {error.strerror or error}. Give another "
            "place, or see to the permissions of the folder."
        ) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, or leave the old one as it was."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def folder_bytes(path: Path) -> int:
    """Return the bytes that the files below a folder take."""
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
