"""Kills `topwork embed` at random moments, and compares what is kept with an undisturbed run.

The killed runs share one store. A moment is drawn between the start of the network and when this
run would end, so that the kill falls into the extraction; when nothing is left to compute, the
result is compared and the store emptied, until so many kills are done. After the last kill the
run goes to its end. Compared: every example's features in the shards, bit for bit, and the
exported table, byte for byte; no example may stand in two finished shards.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from common import Figure, make_parser, own_cache, report, run_process, say, topwork_command

DIGESTS = "examples"
DIGEST_BYTES = 32
SIZES = {"F16": 2, "F32": 4, "U8": 1}


def main() -> None:
    """Kill, compare and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="clothing", help="a set, or part of it: clothing/test")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with own_cache() as cache, tempfile.TemporaryDirectory() as folder:
        trial = Trial(arguments.data / arguments.set, cache, Path(folder), arguments.seed)
        trial.prepare()
        trial.run(arguments.kills)
    report(f"Killed while extracting {trial.num} photos", trial.figures(), as_json=arguments.json)


class Trial:
    """One store that is killed over and over, and what it should hold in the end."""

    def __init__(self, data: Path, cache: Path, work: Path, seed: int) -> None:
        self.features, self.out = cache / "features", work / "out"
        self.command = topwork_command("embed", data, "--out", self.out, "--overwrite", "--quiet")
        self.random = random.Random(seed)
        self.num_kills = self.num_within = self.num_ends = 0
        self.num_wrong = self.num_twice = self.num_tables_wrong = 0

    def prepare(self) -> None:
        """Run undisturbed: once to compile the network, once from an empty store, once to look."""
        run_process(self.command)
        shutil.rmtree(self.features)
        whole = run_process(self.command).seconds
        self.expected, twice = read_store(self.features)
        self.table = self._table_digest()
        self.num = len(self.expected)
        if twice:
            raise RuntimeError(f"{twice} examples stand in two shards of the undisturbed run")
        self.rest = run_process(self.command).seconds  # starts, finds everything, writes the table
        self.extraction = max(whole - self.rest, 0.1)
        say(f"undisturbed: {whole:.2f} s, of which {self.extraction:.2f} s are extraction")
        shutil.rmtree(self.features)

    def run(self, num_kills: int) -> None:
        """Kill so many times, then go to the end."""
        while self.num_kills < num_kills:
            stored, twice = read_store(self.features)
            self.num_twice += twice
            left = 1 - len(stored) / self.num
            if not left:
                self._check_end()
                shutil.rmtree(self.features)
                continue
            moment = self.random.uniform(0.5 * self.rest, self.rest + left * self.extraction)
            killed = self._kill_after(moment)
            self.num_kills += killed
            if killed:
                now, _ = read_store(self.features)
                self.num_within += len(now) < self.num
                say(f"kill {self.num_kills} after {moment:.2f} s: {len(now)} of {self.num} stored")
        self._check_end()

    def _kill_after(self, seconds: float) -> bool:
        """Return whether it was still running."""
        process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError(f"embed ended with {code} before it was killed")
        return code != 0

    def _check_end(self) -> None:
        run_process(self.command)
        stored, twice = read_store(self.features)
        wrong = sum(stored.get(digest) != value for digest, value in self.expected.items())
        wrong += len(stored.keys() - self.expected.keys())
        self.num_wrong += wrong
        self.num_twice += twice
        self.num_tables_wrong += self._table_digest() != self.table
        self.num_ends += 1
        say(f"run to the end: {wrong} examples differ, {twice} stand in two shards")

    def _table_digest(self) -> str:
        return hashlib.sha256((self.out / "features.parquet").read_bytes()).hexdigest()

    def figures(self) -> list[Figure]:
        """What was found."""
        ends = f"in {self.num_ends} runs to the end"
        return [
            Figure(
                name="kills",
                measured=self.num_kills,
                form=".0f",
                note=f"{self.num_within} left something to compute",
            ),
            *(
                Figure(name=name, measured=count, bound=0, at_most=True, form=".0f", note=ends)
                for name, count in (
                    ("examples whose features differ in a bit", self.num_wrong),
                    ("examples that stand in two finished shards", self.num_twice),
                    ("tables that differ in a byte", self.num_tables_wrong),
                )
            ),
        ]


def read_store(features: Path) -> tuple[dict[bytes, bytes], int]:
    """Return the digest of each stored example's features, and how many are stored again.

    Reads safetensors by its public format, apart from the code that is under test.
    """
    found: dict[bytes, bytes] = {}
    seen: Counter[bytes] = Counter()
    for path in sorted(features.rglob("*.safetensors")):
        if path.name.startswith("."):
            continue  # not finished
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        body = memoryview(data)[8 + length :]
        start, end = header[DIGESTS]["data_offsets"]
        digests = bytes(body[start:end])
        names = sorted(name for name in header if name != DIGESTS)
        for row in range(header[DIGESTS]["shape"][0]):
            total = hashlib.sha256()
            for name in names:
                entry = header[name]
                size = entry["shape"][1] * SIZES[entry["dtype"]]
                begin = entry["data_offsets"][0] + row * size
                total.update(name.encode() + body[begin : begin + size])
            digest = digests[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES]
            seen[digest] += 1
            found[digest] = total.digest()
    return found, sum(count - 1 for count in seen.values())


if __name__ == "__main__":
    main()
