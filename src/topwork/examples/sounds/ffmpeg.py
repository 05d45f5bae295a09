"""Sounds decoded by ffmpeg.

These are the formats that libsndfile cannot read: M4A, AAC, WMA, AMR, WebM.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32
from topwork.errors import ExampleError

Blocks = Iterator[npt.NDArray[np.float32]]

_BLOCK_BYTES = 2**18
_MARKS = (
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA", ".wma"),
    (b"\x1a\x45\xdf\xa3", "WebM", ".webm"),
    (b"#!AMR", "AMR", ".amr"),
    (b"ADIF", "AAC", ".aac"),
    *((bytes((0xFF, second)), "AAC", ".aac") for second in (0xF0, 0xF1, 0xF8, 0xF9)),
)
_PICTURES = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1",
                       b"msf1"})  # fmt: skip
_CUT_OFF = ("partial file", "moov atom not found", "truncat", "end of file", "ended prematurely")
_DAMAGED = ("invalid data", "error while decoding", "error submitting packet", "corrupt")
_LOG_BYTES = 100_000

_SLACK_SECONDS = 0.25
"""Encoders put up to 0.1 s of silence before a sound, and containers round; a decoder drops it."""


def other_format(prefix: bytes) -> str | None:
    """Return the name of the format where a file's first bytes are of one that is decoded here."""
    found = _find(prefix)
    return found[0] if found else None


def _find(prefix: bytes) -> tuple[str, str] | None:
    if prefix[4:8] == b"ftyp" and prefix[8:12] not in _PICTURES:
        return ("M4A", ".m4a")
    return next(((name, suffix) for mark, name, suffix in _MARKS if prefix.startswith(mark)), None)


@contextmanager
def read_other(
    source: Path | bytes, prefix: bytes
) -> Iterator[tuple[int, int, Iterator[Float32[np.ndarray, "_ channels"]]]]:
    """Give a sound's rate in Hz, its number of channels, and its blocks, float32 [n, channels].

    Raises ExampleError where nothing on this machine can decode it, or it is damaged.
    """
    name, suffix = _find(prefix) or ("unknown", "")
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise ExampleError(
            f"it is {name}, and this machine has no ffmpeg to decode it. Install ffmpeg "
            "(https://ffmpeg.org; `apt install ffmpeg`, `brew install ffmpeg`, `winget install "
            "ffmpeg`), or save the recording as WAV or FLAC"
        )
    with _on_disk(source, suffix) as path, _ffmpeg(ffmpeg, path, name) as opened:
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
def _ffmpeg(ffmpeg: str, path: Path, name: str) -> Iterator[tuple[int, int, Blocks]]:
    """Decode by the ffmpeg command, to the one format that tells rate and channels in a pipe."""
    command = [ffmpeg, "-nostdin", "-nostats", "-hide_banner", "-v", "level+info",
               "-protocol_whitelist", "file,pipe", "-i", str(path), "-map", "0:a:0",
               "-c:a", "pcm_f32be", "-f", "au", "-"]  # fmt: skip
    with tempfile.TemporaryFile() as log, subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
    ) as process:  # fmt: skip
        try:
            pipe: Any = process.stdout
            head = pipe.read(24)
            if len(head) < 24 or head[:4] != b".snd":
                process.wait()
                raise ExampleError(_reason(name, _tail_of(log)))
            offset, _, _, rate_hz, num_channels = struct.unpack(">5I", head[4:])
            pipe.read(offset - 24)
            blocks = _ffmpeg_blocks(pipe, rate_hz, num_channels)
            yield rate_hz, num_channels, _whole(blocks, process, rate_hz, name, log)
        finally:
            process.kill()  # does nothing where it has ended


def _ffmpeg_blocks(pipe: IO[bytes], rate_hz: int, num_channels: int) -> Blocks:
    frame_bytes = 4 * num_channels
    while data := pipe.read(_BLOCK_BYTES // frame_bytes * frame_bytes):
        whole = data[: len(data) // frame_bytes * frame_bytes]
        yield np.frombuffer(whole, ">f4").astype(np.float32).reshape(-1, num_channels)


def _whole(
    blocks: Blocks, process: subprocess.Popen[bytes], rate_hz: int, name: str, log: IO[bytes]
) -> Blocks:
    """Pass them on. Raises ExampleError where ffmpeg lost some, or fewer came than it said."""
    num_frames = 0
    for block in blocks:
        num_frames += len(block)
        yield block
    status, log_text = process.wait(), _tail_of(log)
    lines = [
        line for line in log_text.lower().splitlines() if "[error]" in line or "[fatal]" in line
    ]
    if status or any(word in line for line in lines for word in (*_CUT_OFF, *_DAMAGED)):
        raise ExampleError(_reason(name, log_text))
    length = re.search(r"Duration: (\d+):(\d+):([\d.]+)", log_text)
    if length is not None and "Estimating duration" not in log_text:
        hours, minutes, seconds = (float(number) for number in length.groups())
        promised = 3600 * hours + 60 * minutes + seconds
        seconds = num_frames / rate_hz
        if seconds < promised - _SLACK_SECONDS:
            raise ExampleError(
                f"it ends early: its header promises {promised:.2f} s, {seconds:.2f} s came. The "
                "file is cut off or was not fully copied"
            )


def _tail_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read(_LOG_BYTES).decode("utf-8", "replace")


def _reason(name: str, log_text: str) -> str:
    lines = [line for line in log_text.splitlines() if "[error]" in line or "[fatal]" in line]
    if any(word in line.lower() for line in lines for word in _CUT_OFF):
        return "it ends early: the file is cut off or was not fully copied"
    if any("matches no streams" in line for line in lines):
        return f"there is no sound in it ({name})"
    last = lines[0].rpartition("]")[2].strip() if lines else "ffmpeg gives no reason"
    return f"it begins like {name}, but it is damaged ({last})"
