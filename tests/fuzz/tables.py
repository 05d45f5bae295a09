"""Mutated tables, archives and arrays.

Right is: the rows as they were; a refusal of all or of some, by name; or other rows, where the
mutation may change them: text has no checksum. Wrong are other rows

- of a Parquet table, a `.npz` or a `.npy` that was cut off;
- of a `.npz` whose bytes were altered, for what it holds has CRCs (where it is packed anew around
  an altered array, it says what it holds);
- of JSON lines that were cut off; of other text, but for the last row, of which some may be gone.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from tests.fuzz.mutations import Mutant, mutate
from topwork.examples.sources import read_examples

Row = tuple[str | None, str | None, bytes]
"""A label, a group and the content."""

NUM_ROWS = 24


def begin(folder: Path) -> Judge:
    """Make the good tables, and return what tries a mutant of one."""
    made = good_tables()
    good = {name: _rows(_write(folder, name, data)) for name, data in made.items()}

    def judge(rng: Random, _seed: int) -> Attempt:
        name = rng.choice(list(made))
        mutant = _mutant(name, made[name], rng)
        path = _write(folder, name, mutant.data)

        def attempt() -> str:
            rows = _rows(path)
            _check(name, mutant, rows, good[name])
            return "same" if rows == good[name] else "other"

        return attempt

    return judge


def _rows(path: Path) -> list[Row]:
    found = read_examples(path)
    return [(one.label, one.group, _bytes(one.read())) for one in found.examples]


def _bytes(content: object) -> bytes:
    if isinstance(content, np.ndarray):
        return f"{content.dtype}{content.shape}".encode() + content.tobytes()
    return content if isinstance(content, bytes) else str(content).encode("utf-8", "surrogatepass")


def _check(name: str, mutant: Mutant, rows: list[Row], good: list[Row]) -> None:
    foreign = [row for row in rows if row not in good]
    what = f"{name}, {mutant.how} at byte {mutant.start}: {len(rows)} rows of {len(good)}"
    suffix = name.split()[0]
    if mutant.how == "cut" and suffix in ("csv", "tsv"):
        if len(foreign) > 1 or (foreign and rows[-1] != foreign[0]):
            raise WrongAnswer(f"{what}, other: {foreign[0][:2]}")
    elif mutant.how == "cut" and suffix == "jsonl":
        if foreign:
            raise WrongAnswer(f"{what}, other: {foreign[0][:2]}")
    elif mutant.how == "cut" or (suffix == "npz" and mutant.how != "packed"):
        lost = suffix != "npy" and len(rows) != len(good)  # of a folder, one file is left out
        if foreign or lost:
            raise WrongAnswer(what)


def _mutant(name: str, data: bytes, rng: Random) -> Mutant:
    if name.startswith("npz") and rng.randrange(2):
        return _packed(data, rng)
    if name.startswith("jsonl") and rng.randrange(6) == 0:
        return _deep(data, rng)
    return mutate(data, rng)


def _packed(data: bytes, rng: Random) -> Mutant:
    """An archive whose checksums are right, around an array that was mutated."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    chosen = rng.choice(list(arrays))
    arrays[chosen] = mutate(arrays[chosen], rng).data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(name, array)
    return Mutant(data=buffer.getvalue(), how="packed", start=0)


def _deep(data: bytes, rng: Random) -> Mutant:
    """A line with as many levels as a parser may have, or more."""
    lines = data.splitlines(keepends=True)
    levels = rng.choice((100, 900, 1_100, 100_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    value = opening * levels + b"1" + closing * levels
    place = rng.randrange(len(lines))
    lines[place] = b'{"text": ' + value + b', "label": "a"}\n'
    return Mutant(data=b"".join(lines), how="deep", start=0)


def _write(folder: Path, name: str, data: bytes) -> Path:
    """Put a table where it can be read; an array, into a folder of classes."""
    suffix = name.split()[0]
    if suffix != "npy":
        path = folder / f"table.{suffix}"
        path.write_bytes(data)
        return path
    root = folder / "arrays"
    if not root.exists():
        for label in ("a", "b"):
            (root / label).mkdir(parents=True)
            for number in range(3):
                np.save(root / label / f"{number}.npy", np.full((2, 5), number + len(label), "f4"))
        shutil.copy(root / "b" / "0.npy", root / "b" / "3.npy")
        np.save(root / "b" / "0.npy", np.zeros((2, 5), "f4"))
        np.save(root / "b" / "1.npy", np.ones((2, 5), "i2"))
    (root / "a" / "mutant.npy").write_bytes(data)
    return root


def good_tables() -> dict[str, bytes]:
    """Return tables of each kind, by suffix and what they hold."""
    rows = [
        {"text": f'says "{word}, {i}"\nand é ☃ {i}', "label": "ab"[i % 2], "group": f"g{i % 5}"}
        for i, word in zip(range(NUM_ROWS), ["so", "no", "oh"] * NUM_ROWS, strict=False)
    ]
    plain = [{**row, "text": row["text"].replace("\n", " ").replace('"', "")} for row in rows]
    made = {
        "csv": _delimited(rows, ",").encode(),
        "csv semicolons": _delimited(rows, ";").encode(),
        "csv wide": _delimited(rows, ",").encode("utf-16"),
        "csv old": _delimited(plain, ",").replace("☃", "").encode("cp1252"),
        "tsv": _delimited(plain, "\t").encode(),
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
    }
    return made | _parquet(rows) | _arrays()


def _delimited(rows: list[dict[str, str]], delimiter: str) -> str:
    def field(value: str) -> str:
        quoted = any(mark in value for mark in ('"', "\n", delimiter))
        return '"' + value.replace('"', '""') + '"' if quoted else value

    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(delimiter.join(map(field, line)) + "\r\n" for line in lines)


def _parquet(rows: list[dict[str, str]]) -> dict[str, bytes]:
    texts = pa.Table.from_pylist(rows)
    pictures = pa.table(
        {
            "image": [{"bytes": _png(i), "path": f"{i}.png"} for i in range(NUM_ROWS)],
            "label": [i % 2 for i in range(NUM_ROWS)],
        }
    )
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"]}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    lists = pa.table(
        {"x": [[[float(i), 1.0], [2.0, 3.0]] for i in range(NUM_ROWS)], "y": [0, 1] * 12}
    )
    made: dict[str, tuple[pa.Table, dict[str, Any]]] = {
        "parquet": (texts, {}),
        "parquet plain": (texts, {"compression": "none", "use_dictionary": False}),
        "parquet groups": (texts, {"compression": "gzip", "row_group_size": 7}),
        "parquet pictures": (pictures.replace_schema_metadata(about), {"compression": "zstd"}),
        "parquet lists": (lists, {"compression": "none"}),
        "parquet checked": (pictures, {"write_page_checksum": True}),
    }
    return {name: _stored(table, **how) for name, (table, how) in made.items()}


def _stored(table: pa.Table, **how: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **how)
    return buffer.getvalue()


def _png(number: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _arrays() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(NUM_ROWS, 2, 5)).astype(np.float32)
    names = np.array(["a", "b"] * 12)
    saving: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
        "npz": (np.savez, {"x": signals, "y": names}),
        "npz pressed": (np.savez_compressed, {"x": signals, "y": np.arange(NUM_ROWS) % 2}),
        "npz parts": (np.savez, {"x_train": signals[:20], "y_train": names[:20],
                                 "x_test": signals[20:], "y_test": names[20:]}),
    }  # fmt: skip
    made = {}
    for name, (save, arrays) in saving.items():
        buffer = io.BytesIO()
        save(buffer, **arrays)
        made[name] = buffer.getvalue()
    for name, array in (("npy", signals[0]), ("npy wide", signals[0].astype(">f8"))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        made[name] = buffer.getvalue()
    return made
