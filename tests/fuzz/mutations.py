"""Mutations of bytes, and of the chunks that a format is made of."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

NUMBERS = (0, 1, 2, 127, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1,
           2**62, 2**63 - 17, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
EDGE_BYTES = 512
"""Headers and footers lie in here: two thirds of all mutations do, too."""

PNG_MARK = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """Bytes after a mutation.

    Attributes:
        how: the mutation's name.
        start: the first byte that is not what it was.
    """

    data: bytes
    how: str
    start: int


def mutate(data: bytes, rng: Random, names: Sequence[str] | None = None) -> Mutant:
    """Return the bytes after one of these mutations, or one of all; now and then the same."""
    how = rng.choice(list(names or BYTES))
    changed = BYTES[how](data, rng)
    return Mutant(data=changed, how=how, start=first_difference(data, changed))


def first_difference(one: bytes, other: bytes) -> int:
    """Return the place of the first byte that differs; the shorter length where none does."""
    length = min(len(one), len(other))
    return next((i for i in range(length) if one[i] != other[i]), length)


def _place(data: bytes, rng: Random) -> int:
    last = max(len(data) - 1, 0)
    where = rng.randrange(3)
    if where == 0:
        return rng.randint(0, min(EDGE_BYTES, last))
    return rng.randint(max(last - EDGE_BYTES, 0) if where == 1 else 0, last)


def _run(data: bytes, rng: Random) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(len(data), start + rng.choice((1, 2, 4, 16, 256, 4096)))


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: _place(data, rng)]


def _flip(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 16))):
        changed[_place(data, rng)] = rng.choice((0, 255, 128, 127, 10, 34, rng.randrange(256)))
    return bytes(changed)


def _number(data: bytes, rng: Random) -> bytes:
    """A field of a header says another number."""
    width = rng.choice((1, 2, 4, 4, 8))
    start = min(_place(data, rng), max(len(data) - width, 0))
    order = rng.choice(("little", "big"))
    number = rng.choice(NUMBERS) % 256**width
    return data[:start] + number.to_bytes(width, order) + data[start + width :]  # type: ignore[arg-type]


def _zeros(data: bytes, rng: Random) -> bytes:
    start, end = _run(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _noise(data: bytes, rng: Random) -> bytes:
    start, end = _run(data, rng)
    return data[:start] + rng.randbytes(end - start) + data[end:]


def _removed(data: bytes, rng: Random) -> bytes:
    start, end = _run(data, rng)
    return data[:start] + data[end:]


def _repeated(data: bytes, rng: Random) -> bytes:
    start, end = _run(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def _swapped(data: bytes, rng: Random) -> bytes:
    (a, b), (c, d) = sorted((_run(data, rng), _run(data, rng)))
    b = min(b, c)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _grown(data: bytes, rng: Random) -> bytes:
    return data + rng.choice((b"\x00", b"\n", rng.randbytes(20), bytes(1000), data))


BYTES: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut": _cut,
    "flip": _flip,
    "set": _set,
    "number": _number,
    "zeros": _zeros,
    "noise": _noise,
    "removed": _removed,
    "repeated": _repeated,
    "swapped": _swapped,
    "grown": _grown,
}


VALUES: list[Any] = [
    float("nan"), float("inf"), -1, 0, 1, 2**31, 2**63, 10**30, 1e308, 0.5, None, True, "", "x",
    "nan", "../../x", "\x00", "\ud800", [], [[]], {}, {"x": 1}, [1, "a", None], "[" * 50,
]  # fmt: skip


def forge(plain: Any, rng: Random) -> None:
    """Put another value into plain data, or leave one out, at any depth."""
    parent, key = rng.choice(list(_values(plain)))
    if rng.randrange(4) == 0:
        del parent[key]
    else:
        parent[key] = rng.choice(VALUES)


def _values(plain: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each list or dict within, with each of its keys."""
    for key, inner in plain.items() if isinstance(plain, dict) else enumerate(plain):
        yield plain, key
        if isinstance(inner, list | dict):
            yield from _values(inner)


def mutate_chunks(chunks: Sequence[bytes], rng: Random) -> Mutant:
    """Return a file whose chunks change places, are lost, stand twice or are filled otherwise."""
    changed = list(chunks)
    whole = b"".join(chunks)
    how = rng.choice(("chunks swapped", "chunk lost", "chunk twice", "chunk changed"))
    one, other = rng.randrange(len(changed)), rng.randrange(len(changed))
    if how == "chunks swapped":
        changed[one], changed[other] = changed[other], changed[one]
    elif how == "chunk lost":
        del changed[one]
    elif how == "chunk twice":
        changed.insert(other, changed[one])
    else:
        changed[one] = _with_crc(mutate(changed[one], rng).data, whole)
    data = b"".join(changed)
    return Mutant(data=data, how=how, start=first_difference(whole, data))


def _with_crc(chunk: bytes, whole: bytes) -> bytes:
    """A chunk of a PNG says rightly what it holds: else none but its CRC would be tried."""
    if not whole.startswith(PNG_MARK) or len(chunk) < 12:
        return chunk
    length = int.from_bytes(chunk[:4], "big")
    end = 8 + length if 12 + length <= len(chunk) else len(chunk) - 4
    return chunk[:end] + zlib.crc32(chunk[4:end]).to_bytes(4, "big")


def png_chunks(data: bytes) -> list[bytes]:
    """The mark, and each chunk with its length and CRC."""
    return [data[:8], *_walk(data, 8, size_at=0, order="big", around=12)]


def riff_chunks(data: bytes, *, start: int = 12, order: str = "little") -> list[bytes]:
    """The head, and the chunks of a WAV, WebP, AIFF or CAF."""
    if order == "big" and data.startswith(b"caff"):
        return [data[:8], *_walk(data, 8, size_at=4, order=order, around=12, width=8)]
    return [data[:start], *_walk(data, start, size_at=4, order=order, around=8, align=2)]


def _walk(
    data: bytes,
    start: int,
    *,
    size_at: int,
    order: str,
    around: int,
    align: int = 1,
    width: int = 4,
) -> list[bytes]:
    chunks = []
    while start < len(data):
        field = data[start + size_at : start + size_at + width]
        size = int.from_bytes(field, order)  # type: ignore[arg-type]
        end = start + around + size + (-size % align)
        chunks.append(data[start:end])
        start = end
    return chunks


def jpeg_segments(data: bytes) -> list[bytes]:
    """The segments of a JPEG; a scan with what follows it."""
    segments, start = [data[:2]], 2
    while data[start : start + 1] == b"\xff" and data[start + 1] != 0xD9:
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if data[start + 1] == 0xDA:
            while data[end] != 0xFF or data[end + 1] in (0, *range(0xD0, 0xD8)):
                end += 1
        segments.append(data[start:end])
        start = end
    return [*segments, data[start:]]


def ogg_pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    starts, place = [], data.find(b"OggS")
    while place >= 0:
        starts.append(place)
        place = data.find(b"OggS", place + 4)
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
