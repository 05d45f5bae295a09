"""Small files that claim, or unfold to, far more than they are.

Chance finds none of these, so each is made on purpose: the seed is its place in the list. Right is
a refusal, or an answer soon and in little memory.
"""

import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image

from tests.fuzz.images import WANTED as WANTED_IMAGE
from tests.fuzz.judge import Attempt, Judge
from tests.fuzz.mutations import jpeg_segments
from tests.fuzz.sounds import WANTED as WANTED_SOUND
from tests.fuzz.sounds import good_sounds
from topwork.errors import TopworkError
from topwork.examples.contents import read_array_file
from topwork.examples.images.decode import decode_image
from topwork.examples.sounds.durations import sound_seconds
from topwork.examples.sounds.sound import SoundFile, sound_windows
from topwork.examples.sources import read_examples

UNFOLDED_BYTES = 10 * 2**26
LEVELS = 100_000
LABELS = np.arange(4) % 2


def begin(folder: Path) -> Judge:
    """Return what makes the bomb of this number."""

    def judge(_rng: Random, seed: int) -> Attempt:
        name, make = list(BOMBS.items())[seed % len(BOMBS)]
        data = make()
        pa.default_memory_pool().release_unused()
        suffix = name.split()[0]
        path = folder / f"bomb.{suffix}"
        path.write_bytes(data)

        def attempt() -> str:
            if suffix in ("png", "jpeg"):
                decode_image(data, WANTED_IMAGE)
            elif suffix in ("mp3", "caf", "flac"):
                sound_seconds(path)
                for _window in sound_windows(SoundFile(source=path), WANTED_SOUND):
                    pass
            else:
                _read(path)
            return "other"

        return attempt

    return judge


def _read(path: Path) -> None:
    if path.suffix == ".npy":
        read_array_file(path)
        return
    for one in itertools.islice(read_examples(path).examples, 10):
        with suppress(TopworkError):
            one.read()


def _npz(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _header(text: str) -> bytes:
    """A .npy with this header, and 96 bytes."""
    return (
        b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text) + 1) + text.encode() + b"\n" + bytes(96)
    )


def _shaped(shape: str) -> bytes:
    return _header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}")


def _npz_of_zeros() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("y.npy", _npy(LABELS))
        with archive.open("x.npy", "w", force_zip64=True) as file:
            head = io.BytesIO()
            shape = (4, UNFOLDED_BYTES // 32)
            about = {"descr": "<f8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(head, about)
            file.write(head.getvalue())
            for _ in range(UNFOLDED_BYTES // 2**22):
                file.write(bytes(2**22))
    return buffer.getvalue()


def _changed(data: bytes, place: bytes, offset: int, new: bytes) -> bytes:
    """The bytes with others at an offset from each place that begins so."""
    start = data.find(place)
    while start >= 0:
        data = data[: start + offset] + new + data[start + offset + len(new) :]
        start = data.find(place, start + 1)
    return data


def _zip(*, version: bytes = b"", flags: bytes = b"", method: bytes = b"") -> bytes:
    """An archive whose heads speak of a later version, a password, or another method."""
    data = _npz(x=_npy(np.ones((4, 3))), y=_npy(LABELS))
    for mark, shift in ((b"PK\x03\x04", 4), (b"PK\x01\x02", 6)):
        for offset, new in ((0, version), (2, flags), (4, method)):
            data = _changed(data, mark, shift + offset, new)
    return data


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=2**30)
    return buffer.getvalue()


def _same_rows() -> bytes:
    num = 3_000_000
    column = pa.DictionaryArray.from_arrays(np.zeros(num, np.int32), ["where is my card"])
    labels = pa.DictionaryArray.from_arrays(np.zeros(num, np.int32), ["a"])
    return _parquet(pa.table({"text": column, "label": labels}))


def _same_pictures() -> bytes:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(2**24)
    values = pa.array([picture], pa.binary())
    column = pa.DictionaryArray.from_arrays(np.zeros(64, np.int32), values).cast(pa.binary())
    return _parquet(pa.table({"image": column, "label": [0, 1] * 32}))


def _long_lists() -> bytes:
    zeros = pa.array(np.zeros(UNFOLDED_BYTES // 8))
    starts = pa.array([0, 3, 6, len(zeros)], pa.int32())
    return _parquet(pa.table({"x": pa.ListArray.from_arrays(starts, zeros), "y": ["a", "b", "a"]}))


def _png(width: int, height: int, *more: tuple[bytes, bytes]) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), *more, (b"IDAT", zlib.compress(bytes(2**20))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        crc = zlib.crc32(name + content)
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)
    return data


def _jpeg_of_scans() -> bytes:
    """A progressive JPEG of many pixels, and hundreds of scans that say nothing in few bytes."""
    side, longest_run = 12_000, 2**15 - 1
    table = b"\xff\xc4\x00\x14\x10\x01" + bytes(15) + b"\xe0"  # the code 0: a run of 2^14 or more
    runs = ("0" + "1" * 14) * -(-((side // 8) ** 2) // longest_run)
    num_bytes = -(-len(runs) // 8)
    data = int(runs.ljust(8 * num_bytes, "1"), 2).to_bytes(num_bytes, "big")
    data = data.replace(b"\xff", b"\xff\x00")
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x05\x02" + data
    buffer = io.BytesIO()
    Image.new("L", (side, side), 0).save(buffer, "JPEG", progressive=True)
    segments = jpeg_segments(buffer.getvalue())
    first = next(i for i, segment in enumerate(segments) if segment[:2] == b"\xff\xda")
    return b"".join(segments[: first + 1]) + table + scan * 500 + b"\xff\xd9"


def _mp3_of_pieces() -> bytes:
    """An MP3 of thousands of recordings, each of one frame and with an index of its own."""
    frame = bytearray(b"\xff\xfb\x90\xc4" + bytes(413))
    frame[21:29] = b"Info" + (1).to_bytes(4, "big")
    frame[29:33] = (1).to_bytes(4, "big")
    return bytes(frame) * 24_000


def _caf() -> bytes:
    data = good_sounds()["caf"]
    place = data.index(b"data") + 4
    return data[:place] + (2**63 - 17).to_bytes(8, "big") + data[place + 8 :]


def _flac_of_silence() -> bytes:
    """Two hours in a few hundred kilobytes."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(120):
            file.write(np.zeros(60 * 8_000, np.int16))
    return buffer.getvalue()


def _rows(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _deep_row(opening: str, closing: str) -> bytes:
    deep = opening * LEVELS + "1" + closing * LEVELS
    return _rows('{"text": "so", "label": "a"}', f'{{"text": {deep}, "label": "b"}}')


def _many_marks() -> bytes:
    """A letter with a hundred thousand marks, which composing puts in order one by one."""
    marks = "a" + "\u0315\u0300" * 100_000
    return _rows("text,label", f"so,{marks}", "no,b")


BOMBS: dict[str, Callable[[], bytes]] = {
    "npz of a later version": lambda: _zip(version=b"\x63\x00"),
    "npz with a password": lambda: _zip(flags=b"\x01\x00"),
    "npz of another method": lambda: _zip(method=b"\x62\x00"),
    "npz that claims an array": lambda: _npz(x=_shaped("(4, 1099511627776)"), y=_npy(LABELS)),
    "npz of no arrays": lambda: _npz(x=b"no array", y=_npy(LABELS)),
    "npy that claims an array": lambda: _shaped("(1099511627776,)"),
    "npy of a shape below nothing": lambda: _shaped("(-1, -12)"),
    "npy of a shape of truths": lambda: _shaped("(True, 12)"),
    "npy of a shape beyond 64 bits": lambda: _shaped("(1180591620717411303424, 0)"),
    "npy with a header left open": lambda: _header("{'descr': '<f8', 'shape': ((("),
    "npy with a deep header": lambda: _header("(" * 9_000),
    "npy with a deep type": lambda: _header(
        "{'descr': " + "[('a', " * 90 + "'<f8'" + ")]" * 90 + ", 'fortran_order': 0, 'shape': (1,)}"
    ),
    "parquet of equal rows": _same_rows,
    "png that claims pixels": lambda: _png(60_000, 60_000),
    "png with a long text": lambda: _png(
        600, 500, (b"zTXt", b"a\x00\x00" + zlib.compress(bytes(2**28)))
    ),
    "png with a long profile": lambda: _png(
        600, 500, (b"iCCP", b"a\x00\x00" + zlib.compress(bytes(2**28)))
    ),
    "jpeg of many scans": _jpeg_of_scans,
    "mp3 of many pieces": _mp3_of_pieces,
    "caf with a chunk near 2^63": _caf,
    "flac of silence": _flac_of_silence,
    "jsonl of deep lists": lambda: _deep_row("[", "]"),
    "jsonl of deep objects": lambda: _deep_row('{"a":', "}"),
    "csv with many columns": lambda: _rows(",".join(f"c{i}" for i in range(200_000)), "1,2"),
    "csv with many marks": _many_marks,
    "csv with open quotes": lambda: _rows("text,label", *['"so,a'] * 100_001),
    "npz of zeros": _npz_of_zeros,
    "parquet of equal pictures": _same_pictures,
    "parquet of long lists": _long_lists,
}
"""Those that take seconds to make stand last, and are left to longer runs."""
