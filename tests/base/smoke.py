"""What the base can do alone: run by the Python of an environment that has no torch.

No pytest is there: it stops at the first thing that is not as it must be.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HEAVY = ("torch", "torchvision", "timm", "transformers", "lightning_fabric", "onnxruntime")
TOPWORK = (str(Path(sys.executable).with_name("topwork")),)
BACKBONE = "efficientnet-lite0?size=64"
MODELS = ("blocks", "all", "layers", "other")


def say(text: str) -> None:
    """Print what is looked at."""
    sys.stdout.write(f"base alone: {text}\n")
    sys.stdout.flush()


def run(*arguments: object, code: int = 0) -> str:
    """Run the command; return what it printed."""
    done = subprocess.run(
        [*TOPWORK, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def nothing_heavy_is_installed() -> None:
    """The environment is the one that is meant."""
    found = [name for name in HEAVY if importlib.util.find_spec(name) is not None]
    assert not found, f"installed: {found}"


def the_main_job(built: Path, place: Path) -> None:
    """Train, predict, evaluate, report, embed and advise."""
    data = built / "digits"
    said = run("train", data / "train", "--out", place / "model", "--backbone", BACKBONE)
    assert "topwork[torch]" in said, said  # auto is the head, and says what the extra would add
    assert "Saved to" in said, said
    image = next((data / "test").rglob("*.png"))
    assert image.name in run("predict", place / "model", image)
    assert "accuracy" in run("evaluate", place / "model", data / "test")
    run("report", place / "model", "--out", place / "report.html")
    assert "<html" in (place / "report.html").read_text(encoding="utf-8")[:2000]
    assert "36 rows" in run(
        "embed", data / "train", "--out", place / "features", "--backbone", BACKBONE
    )
    assert "Transfer" in run("advise", data / "train", "--backbone", BACKBONE)
    assert "efficientnet-lite0" in run("backbones")


def models_of_torch(built: Path, place: Path) -> None:
    """Use models that were trained where torch is, whatever their backbone and depth."""
    for name in MODELS:
        with (built / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            wanted = list(csv.reader(file))
        paths = [built / row[0] for row in wanted]
        said = run("predict", built / name, *paths, "--format", "csv")
        found = list(csv.DictReader(said.splitlines()))
        assert len(found) == len(wanted)
        for (_, label, probability), row in zip(wanted, found, strict=True):
            assert row["label"] == label, (name, row, label)
            assert abs(float(row["probability"]) - float(probability)) < 2e-3, (name, row)
        assert "accuracy" in run("evaluate", built / name, built / "digits" / "test")
    run("report", built / "blocks", "--out", place / "blocks.html")


def what_needs_more_says_so(built: Path, place: Path) -> None:
    """Name the extra, before any work is done."""
    data = built / "digits" / "train"
    commands: tuple[tuple[object, ...], ...] = (
        ("train", data, "--train", "last:1"),
        ("train", data, "--train", "scratch"),
        ("train", data, "--head", "mlp:8"),
        ("train", data, "--backbone", "timm/resnet18?pretrained=false"),
        ("train", data, "--device", "torch"),
        ("pretrain", data, "--architecture", "timm/resnet18", "--out", place / "own"),
    )
    for command in commands:
        said = run(*command, code=2)
        assert "topwork[torch]" in said, (command, said)
        assert "Traceback" not in said, said


def main() -> None:
    """Do all of it, with a cache of its own and no network."""
    built = Path(sys.argv[1]).resolve()
    looks: dict[str, Callable[[Path, Path], None]] = {
        "the main job": the_main_job,
        "models of torch": models_of_torch,
        "what needs more says so": what_needs_more_says_so,
    }
    nothing_heavy_is_installed()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ |= {"TOPWORK_CACHE": str(place / "cache"), "HF_HUB_OFFLINE": "1"}
        for name, look in looks.items():
            say(name)
            look(built, place)
    say("all is well")


if __name__ == "__main__":
    main()
