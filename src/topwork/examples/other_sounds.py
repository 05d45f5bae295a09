"""Decodes the sounds that libsndfile cannot (M4A, AAC, WMA, WebM) with the system's own decoders.

That is the ffmpeg command where there is one, else CoreAudio or GStreamer by way of audioread.
What it does not know: formats that libsndfile reads.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from topwork.errors import ExampleError

Blocks = Iterator[npt.NDArray[np.float32]]

_BLOCK_BYTES = 2**18
_MARKS = (
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA", ".wma"),
    (b"\x1a\x45\xdf\xa3", "WebM", ".webm"),
    (b"#!AMR", "AMR", ".amr"),
    (b"ADIF", "AAC", ".aac"),
    (b"\xff\xf1", "AAC", ".aac"),
    (b"\xff\xf9", "AAC", ".aac"),
)
_PICTURES = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1",
                       b"msf1"})  # fmt: skip
_CUT_OFF = ("partial file", "moov atom not found", "truncat", "end of file")

_lock = threading.Lock()


def other_format(prefix: bytes) -> str | None:
    """Return the name of the format where a file's first bytes are of one that is decoded here."""
    found = _find(prefix)
    return found[0] if found else None


def _find(prefix: bytes) -> tuple[str, str] | None:
    if prefix[4:8] == b"ftyp" and prefix[8:12] not in _PICTURES:
        return ("M4A", ".m4a")
    return next(((name, suffix) for mark, name, suffix in _MARKS if prefix.startswith(mark)), None)


@contextmanager
def read_other(source: Path | bytes, prefix: bytes) -> Iterator[tuple[int, Blocks]]:
    """Give the rate in Hz of a sound, and its blocks, float32 [n, channels].

    Raises ExampleError where nothing on this machine can decode it, or it is damaged.
    """
    name, suffix = _find(prefix) or ("unknown", "")
    with _on_disk(source, suffix) as path:
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg is not None:
            with _ffmpeg(ffmpeg, path, name) as opened:
                yield opened
            return
        with _audioread(path, name) as opened:
            yield opened


@contextmanager
def _on_disk(source: Path | bytes, suffix: str) -> Iterator[Path]:
    """These formats keep their index at the end: a decoder must be able to seek."""
    if isinstance(source, Path):
        yield source.absolute()  # so that a name cannot be taken for an option or an address
        return
    handle, name = tempfile.mkstemp(prefix="topwork-", suffix=suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(source)
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)


@contextmanager
def _ffmpeg(ffmpeg: str, path: Path, name: str) -> Iterator[tuple[int, Blocks]]:
    """Decode by the ffmpeg command, to the one format that tells rate and channels in a pipe."""
    command = [ffmpeg, "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe",
               "-i", str(path), "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]  # fmt: skip
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        )
        try:
            with process.stdout or tempfile.TemporaryFile() as pipe:
                head = pipe.read(24)
                if len(head) < 24 or head[:4] != b".snd":
                    process.wait()
                    raise ExampleError(_ffmpeg_reason(name, complaints))
                offset, _, _, rate_hz, num_channels = struct.unpack(">5I", head[4:])
                pipe.read(offset - 24)
                yield rate_hz, _ffmpeg_blocks(process, pipe, num_channels, name, complaints)
        finally:
            process.kill()  # does nothing where it has ended
            process.wait()


def _ffmpeg_blocks(
    process: subprocess.Popen[bytes], pipe: IO[bytes], num_channels: int, name: str,
    complaints: IO[bytes],
) -> Blocks:  # fmt: skip
    num_bytes = max(1, _BLOCK_BYTES // (4 * num_channels)) * 4 * num_channels
    while data := pipe.read(num_bytes):
        whole = len(data) - len(data) % (4 * num_channels)
        yield np.frombuffer(data[:whole], ">f4").astype(np.float32).reshape(-1, num_channels)
    if process.wait() or _said(complaints):
        raise ExampleError(_ffmpeg_reason(name, complaints))


def _said(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read(10_000).decode("utf-8", "replace").strip()


def _ffmpeg_reason(name: str, complaints: IO[bytes]) -> str:
    said = _said(complaints)
    if any(word in said.lower() for word in _CUT_OFF):
        return "it ends early: the file is cut off or was not fully copied"
    if "matches no streams" in said:
        return f"there is no sound in it ({name})"
    return (
        f"it begins like {name}, but it is damaged ({said.splitlines()[-1] if said else 'empty'})"
    )


@contextmanager
def _audioread(path: Path, name: str) -> Iterator[tuple[int, Blocks]]:
    import audioread

    backends = _backends()
    try:
        opened = audioread.audio_open(str(path), backends=backends) if backends else None
    except (audioread.DecodeError, OSError) as error:
        raise ExampleError(f"it begins like {name}, but it is damaged ({error!r})") from error
    if opened is None:
        raise ExampleError(
            f"it is {name}, and this machine has nothing to decode it. Install ffmpeg "
            "(https://ffmpeg.org; `apt install ffmpeg`, `brew install ffmpeg`, `winget install "
            "ffmpeg`), or save the recording as WAV or FLAC"
        )
    with opened as file:
        yield int(file.samplerate), _audioread_blocks(file, name)


def _audioread_blocks(file: Any, name: str) -> Blocks:
    import audioread

    try:
        for data in file:
            pairs = np.frombuffer(data, "<i2").reshape(-1, file.channels)
            yield pairs.astype(np.float32) * np.float32(2.0**-15)
    except (audioread.DecodeError, ValueError) as error:
        raise ExampleError(f"it begins like {name}, but it is damaged ({error!r})") from error


def _backends() -> list[Any]:
    """CoreAudio or GStreamer, where there is one.

    Not audioread's own ffmpeg, which keeps all that is decoded in memory, nor its readers of raw
    files, for which there is libsndfile.
    """
    import audioread

    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports modules that Python has given up
        found = audioread.available_backends()
    return [one for one in found if one.__module__ in ("audioread.macca", "audioread.gstdec")]
