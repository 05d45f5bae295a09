"""Files written whole or not at all."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs
from safetensors import SafetensorError

from topwork.core import leftovers
from topwork.core.digests import digest_bytes
from topwork.core.exchange import exchange
from topwork.errors import StoreError

CACHE_VARIABLE = "TOPWORK_CACHE"

log = logging.getLogger(__name__)

_warned: set[Path] = set()


def cache_folder() -> Path:
    """Return the folder of everything that can be computed again: features, compiled networks.

    `$TOPWORK_CACHE` if it is set, else the platform's own place for caches.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("topwork"))


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn the operating system's refusal (disk full, no permission) into a `StoreError`.

    Also where another library met it, and says so in an error of its own.
    """
    try:
        yield
    except StoreError:
        raise
    except (OSError, SafetensorError) as error:
        raise StoreError(
            f"{doing} failed: {_reason(error)}. Free some space (`topwork cache` shows "
            f"what Topwork keeps), or set {CACHE_VARIABLE} to a folder that can be written to. "
            "What was finished is kept: run the same command again to go on."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        copies = error.args[0]  # (from, to, why) of each file that was not copied
        first = copies[0]
        return f"{first[2]} ({len(copies)} not copied, the first is {str(first[0])!r})"
    return str(getattr(error, "strerror", None) or error)


def warn_once(folder: Path, error: OSError) -> None:
    """Say, once in a process, that a folder of the cache cannot be used, and that it goes on."""
    if folder not in _warned:
        _warned.add(folder)
        log.warning(
            "Nothing can be kept in or read from %s (%s): what it would hold is computed each "
            "time. Set %s to a folder that can be written to.",
            folder,
            error.strerror or error,
            CACHE_VARIABLE,
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, rename it to `path`.

    Flushed to the disk before it is renamed, so that a power cut leaves the old file or the
    whole new one. When the block raises, the temporary file is removed; what a killed process
    left of the same file is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    leftovers.clear(path.parent, path.name)
    temporary, lock = leftovers.temporary(path, folder=False)
    try:
        yield temporary
        _flush(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private; others may share the cache
        temporary.replace(path)
        _flush(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well, put it in place of it.

    All of it is on the disk before it takes the name. An older folder changes places with it at
    one stroke, and is removed last: at no moment is either half there. Where the system cannot do
    that, the older one is moved aside, and put back by `put_back` or by the next that writes here
    if the process is killed just then.
    """
    if path.is_symlink():
        path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    leftovers.clear(path.parent, path.name)
    temporary, lock = leftovers.temporary(path, folder=True)
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        for inner in temporary.rglob("*"):  # safetensors makes its files private
            inner.chmod((0o777 if inner.is_dir() else 0o666) & ~_umask())
            _flush(inner)
        _flush(temporary)
        _take_place(temporary, path)
        _flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _take_place(new: Path, path: Path) -> None:
    """Give a folder the name of another, which may be there; that one then has its name."""
    if not path.exists():
        try:
            new.rename(path)
            return
        except OSError:
            if not path.exists():  # else another process was faster
                raise
    if exchange(new, path):
        return
    aside = new.with_suffix(leftovers.OLD)
    lock = leftovers.lock(path)
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    finally:
        if lock is not None:
            os.close(lock)
    shutil.rmtree(aside, ignore_errors=True)


def put_back(path: Path) -> None:
    """Put a folder back that was moved aside by a process that was killed before it went on."""
    if not path.exists():
        leftovers.clear(path.parent, path.name)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir():
        with suppress(OSError):  # Windows opens no folders, some file systems flush none
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    else:
        with path.open("rb") as file:
            os.fsync(file.fileno())


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
    try:
        above = next(one for one in path.absolute().parents if one.exists())
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
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):  # another process removes it
                total += (Path(folder) / name).lstat().st_size
    return total


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
