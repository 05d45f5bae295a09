"""Check-up of an installation."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Literal, final

from topwork.core import files
from topwork.core.environment import variable
from topwork.core.extras import installed_version, is_installed
from topwork.core.plain import Plain
from topwork.core.units import readable
from topwork.errors import StoreError, WeightsError

ADDS = {
    "torch": "any network of timm, transformers or your own; deeper cuts; pretrain; GPUs",
    "text": "the weights of minilm-l6, without the hub",
    "sound": "the weights of speech-embedding, without the hub",
    "excel": "tables in .xlsx files",
    "heif": "photos in .heic and .heif files",
    "lora": "low-rank updates of blocks",
    "tensorboard": "curves of a training (--log)",
}
"""What each extra adds; `all` and `dev` are made of these."""

BASE = ("openvino", "numpy", "scikit-learn", "pyarrow", "pillow", "soundfile", "tokenizers")
"""Packages whose versions are asked for when something goes wrong."""

ENOUGH_BYTES = 1_000_000_000
"""Free space below which a run may not end: a compiled network and some thousand features."""

OFFLINE = "HF_HUB_OFFLINE"
"""The variable by which the hub's library asks nothing of a network."""

SELF_TEST = "efficientnet-lite0?size=64"
SIDE, NUM_PICTURES = 64, 12


@final
@dataclass(frozen=True, kw_only=True)
class Check(Plain):
    """What was looked at.

    Attributes:
        about: its name.
        state: `well`; `wrong`, which is to be mended; or `absent`, what could be added.
        found: what it is.
        advice: what to do; None where there is nothing.
    """

    about: str
    state: Literal["well", "wrong", "absent"]
    found: str
    advice: str | None = None


def check_up() -> Iterator[Check]:
    """Yield one finding after the other, the self-test last. Nothing is asked of a network."""
    yield _program()
    yield _base()
    for extra in ADDS:
        yield _extra(extra)
    yield _device()
    yield _cache()
    yield from _weights()
    yield self_test()


def packages_of(extra: str) -> dict[str, str | None]:
    """Return the packages of an extra, and the version of each; None: it is not installed.

    Of one that is made of `torch` and more, the more.
    """
    lines = metadata.requires("topwork") or ()
    own: dict[str, set[str]] = {}
    for line in lines:
        name, marker = re.match(r"[\w.-]+", line), re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name and marker and name[0] != "topwork":
            own.setdefault(marker[1], set()).add(name[0])
    names = own.get(extra, set()) - (set() if extra == "torch" else own.get("torch", set()))
    return {name: installed_version(name) for name in sorted(names)}


def _program() -> Check:
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    found = f"{installed_version('topwork')} on {python}, {sys.prefix}"
    return Check(about="topwork", state="well", found=found)


def _base() -> Check:
    versions = {name: installed_version(name) for name in BASE}
    missing = [name for name, one in versions.items() if one is None]
    return Check(
        about="base",
        state="wrong" if missing else "well",
        found=_listed(versions),
        advice="pip install --force-reinstall topwork" if missing else None,
    )


def _listed(versions: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {one or 'missing'}" for name, one in versions.items())


def _extra(extra: str) -> Check:
    versions, about = packages_of(extra), f"extra [{extra}]"
    command = f'pip install "topwork[{extra}]"'
    if versions and all(versions.values()):
        return Check(about=about, state="well", found=_listed(versions))
    some = f" ({_listed(versions)})" if any(versions.values()) else ""
    return Check(
        about=about,
        state="absent",
        found=f"not installed{some}; it adds {ADDS[extra]}",
        advice=command,
    )


def _device() -> Check:
    from topwork.executors.choose import resolve_device

    if not is_installed("openvino"):
        return Check(
            about="device",
            state="wrong",
            found="OpenVINO, which runs networks on a CPU, is not installed",
            advice="pip install openvino",
        )
    import openvino

    from topwork.executors.openvino import cpu_precision, num_cores

    core = openvino.Core()
    name = str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
    kinds = ", ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    bf16 = "bf16" if cpu_precision("bf16") == "bf16" else "no bf16"
    found = f"{num_cores()} cores of {name}; OpenVINO computes in {kinds}; {bf16}"
    chosen = resolve_device("auto")
    if chosen == "cuda":
        import torch

        found = f"the GPU {torch.cuda.get_device_name()}, by torch; without it {found}"
    return Check(about="device", state="well", found=f"{chosen}: {found}")


def _cache() -> Check:
    root = files.cache_folder()
    advice = f"Set {files.CACHE_VARIABLE} to a folder that can be written to, on a disk with room."
    try:
        files.check_writable(root / "any")
    except StoreError as error:
        return Check(about="cache", state="wrong", found=str(error), advice=advice)
    above = next(one for one in (root, *root.absolute().parents) if one.exists())
    free = shutil.disk_usage(above).free
    little = free < ENOUGH_BYTES
    return Check(
        about="cache",
        state="wrong" if little else "well",
        found=f"{root}: {readable(files.folder_bytes(root))} kept, {readable(free)} free",
        advice=advice if little else None,
    )


def _weights() -> Iterator[Check]:
    """Look for the weights of the embedded backbones. Only those that came along can be amiss."""
    from topwork.backbones.catalog import EMBEDDED
    from topwork.backbones.embedded import find_embedded

    ours = {_one_spelling(line) for line in metadata.requires("topwork") or ()
            if "extra ==" not in line}  # fmt: skip
    for entry in EMBEDDED.values():
        about = f"weights of {entry.name}"
        try:
            with variable(OFFLINE, "1"):
                found = find_embedded(entry)
        except WeightsError as error:
            first = entry.packages[0]
            carried = _one_spelling(first.requirement) in ours or is_installed(first.name)
            what, _, advice = str(error).partition(" Run: ")
            state: Literal["wrong", "absent"] = "wrong" if carried else "absent"
            yield Check(about=about, state=state, found=what, advice=advice or None)
        else:
            folders = dict.fromkeys(str(path.parent) for path in found.values())
            yield Check(about=about, state="well", found=", ".join(folders))


def _one_spelling(requirement: str) -> str:
    """Return the name of a package as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def self_test() -> Check:
    """Train a head on a few generated pictures, and predict others. Nothing is left behind."""
    started = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            variable(files.CACHE_VARIABLE, folder),
            variable(OFFLINE, "1"),
        ):
            num_right, num = _learn()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what was looked for
        text = f"{type(error).__name__}: {error}"
        return Check(
            about="self-test", state="wrong", found=text, advice="See what is wrong above."
        )
    text = f"trained on {num} generated pictures in {time.monotonic() - started:.1f} s, then right "
    return Check(
        about="self-test",
        state="well" if num_right == num else "wrong",
        found=f"{text}of {num_right} of {num} others",
        advice=None if num_right == num else "pip install --force-reinstall openvino topwork",
    )


def _learn() -> tuple[int, int]:
    """Return how many generated pictures are named rightly, and of how many."""
    import numpy as np

    from topwork.runs.train import train

    rng = np.random.default_rng(0)
    labels = ["stripes", "stripes", "spots", "spots"] * (NUM_PICTURES // 4)

    def drawn() -> list[np.ndarray]:
        pictures = []
        for label in labels:
            noise = rng.integers(0, 60, (SIDE, SIDE, 3))
            rows, columns = np.indices((SIDE, SIDE)) // 8
            lit = rows % 2 if label == "stripes" else (rows % 2) * (columns % 2)
            pictures.append((noise + 190 * lit[:, :, None]).astype(np.uint8))
        return pictures

    model = train(
        drawn(), labels, backbone=SELF_TEST, train="head", num_folds=2, num_repeats=1, device="cpu"
    )
    answers = [one.label for one in model.predict(drawn())]
    return sum(a == b for a, b in zip(answers, labels, strict=True)), len(labels)
