"""Kills `topwork train --train last:2` and `topwork pretrain` at random moments, and resumes them.

Each is killed with SIGKILL, started again in the same way, killed again, and so on; when a run
comes to its end, its weights are compared with those of an undisturbed one, bit for bit, all that
it left is removed, and it begins anew, until so many kills are done. After the last kill it goes
to its end. About five minutes, on small pictures and small networks of random weights.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import Figure, make_parser, own_cache, report, run_process, say, topwork_command

RECIPES = {
    "train": "num_folds = 3\n[training]\nepochs = 8\nnum_views = 3\n",
    "pretrain": "[training]\nepochs = 16\n",
}
ARGUMENTS: Mapping[str, Sequence[str]] = {
    "train": ("--train", "last:2", "--backbone", "timm/test_efficientnet?pretrained=false&size=64"),
    "pretrain": ("--architecture", "topwork/conv2d:16,32", "--size", "32"),
}
EARLIEST = 0.2
"""Share of an undisturbed run before which none is killed: Python is still being loaded."""


def main() -> None:
    """Kill, compare and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each command")
    parser.add_argument("--count", type=int, default=240, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    figures = []
    with own_cache() as cache, tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "pictures"
        num = link_pictures(arguments.data / "sign-digits", data, arguments.count)
        for name in ARGUMENTS:
            trial = Trial(name, data, cache, Path(folder), arguments.seed)
            trial.prepare()
            trial.run(arguments.kills)
            figures += trial.figures()
    report(f"Killed while learning from {num} pictures", figures, as_json=arguments.json)


def link_pictures(source: Path, target: Path, count: int) -> int:
    """Put some pictures of each class into a folder of their own; return how many."""
    classes = sorted(path for path in source.iterdir() if path.is_dir())
    num = 0
    for place in classes:
        (target / place.name).mkdir(parents=True)
        for path in sorted(place.iterdir())[: max(2, count // len(classes))]:
            (target / place.name / path.name).symlink_to(path.resolve())
            num += 1
    return num


class Trial:
    """One command that is killed over and over, and the weights that it should end with."""

    def __init__(self, name: str, data: Path, cache: Path, work: Path, seed: int) -> None:
        recipe = work / f"{name}.toml"
        recipe.write_text(RECIPES[name], encoding="utf-8")
        self.name, self.cache, self.out = name, cache, work / f"{name}-out"
        self.command = topwork_command(
            name, data, *ARGUMENTS[name], "--recipe", recipe, "--out", self.out, "--quiet"
        )
        self.random = random.Random(seed)
        self.num_kills = self.num_ends = self.num_wrong = self.num_left = 0
        self.num_resumed = 0

    def prepare(self) -> None:
        """Run undisturbed, twice: first to compile the networks; then to see how long it takes."""
        run_process(self.command)
        self.expected = read_weights(self.out)
        self._begin_anew()
        self.seconds = run_process(self.command).seconds
        if read_weights(self.out) != self.expected:
            raise RuntimeError(f"{self.name} gives other weights, undisturbed")
        say(f"{self.name}, undisturbed: {self.seconds:.1f} s")
        self._begin_anew()

    def run(self, num_kills: int) -> None:
        """Kill so many times, then go to the end."""
        begun = False
        while self.num_kills < num_kills:
            moment = self.random.uniform(EARLIEST, 1.0) * self.seconds
            killed = self._kill_after(moment)
            self.num_kills += killed
            if killed:
                kept = self._kept()
                say(f"{self.name}: kill {self.num_kills} after {moment:.1f} s; {kept} on the disk")
                self.num_resumed += begun
                begun = True
            if self.out.exists():  # it is put there whole, as the last thing
                self._check_end()
                begun = False
        if not self.out.exists():
            run_process(self.command)
            self._check_end()

    def _kill_after(self, seconds: float) -> bool:
        """Return whether it was still running."""
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"{self.name} ended with {process.returncode}: {said.decode()}")
        return process.returncode != 0

    def _kept(self) -> str:
        checkpoints = [*self.cache.glob("training/*/epoch-*"), *self.out.parent.glob("*/epoch-*")]
        folds = list(self.cache.glob("folds/*.safetensors"))
        return f"{len(folds)} folds, {len(checkpoints)} checkpoints"

    def _check_end(self) -> None:
        found = read_weights(self.out)
        wrong = found != self.expected
        self.num_wrong += wrong
        self.num_ends += 1
        left = list(self.cache.glob("training/*/epoch-*"))
        left += [path for path in self.out.parent.glob("*.checkpoint") if path.is_dir()]
        self.num_left += bool(left)
        say(f"{self.name}: came to its end, {'with OTHER' if wrong else 'with the same'} weights")
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Remove the outcome, and all that was kept but the compiled networks."""
        shutil.rmtree(self.out)
        for name in ("training", "folds", "features"):
            shutil.rmtree(self.cache / name, ignore_errors=True)

    def figures(self) -> list[Figure]:
        """What was found."""
        ends = f"in {self.num_ends} runs to the end"
        return [
            Figure(
                name=f"{self.name}: kills",
                measured=self.num_kills,
                form=".0f",
                note=f"{self.num_resumed} of them of a run that had been killed before",
            ),
            Figure(
                name=f"{self.name}: runs whose weights differ in a bit",
                measured=self.num_wrong,
                bound=0,
                at_most=True,
                form=".0f",
                note=ends,
            ),
            Figure(
                name=f"{self.name}: runs that left a checkpoint behind",
                measured=self.num_left,
                form=".0f",
                note=ends,
            ),
        ]


def read_weights(folder: Path) -> dict[str, str]:
    """Return the digest of every file of tensors."""
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }
    if not found:
        raise RuntimeError(f"there are no weights in {folder}")
    return found


if __name__ == "__main__":
    main()
