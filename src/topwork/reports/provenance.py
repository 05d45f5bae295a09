"""Provenance of a model."""

from __future__ import annotations

import platform
import shlex
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from topwork.core.digests import digest_settings
from topwork.model.model import Model
from topwork.reports.gather import Gathered
from topwork.reports.headline import noun
from topwork.reports.parts import Fact, Missing
from topwork.reports.sections import Provenance
from topwork.reports.words import counted, seconds

MAX_SKIPPED = 50
DIGITS = 12
"""Of a digest, that are shown."""


def provenance(gathered: Gathered, folder: Path | None) -> Provenance:
    """Return it, of a model that lies in `folder`, or in memory alone."""
    model, data = gathered.model, gathered.model.data
    facts = [*_of_data(gathered), *_of_backbone(model), *_of_training(model, folder)]
    facts.append(Fact(name="report", value=f"{now()}; it took {seconds(gathered.seconds)}"))
    return Provenance(
        facts=facts,
        recipe=model.recipe.to_toml(),
        skipped=[(one.name, one.reason) for one in data.skipped[:MAX_SKIPPED]],
        num_skipped=len(data.skipped),
        usage=usage("MODEL" if folder is None else str(folder.resolve()), model.backbone.modality),
    )


def now() -> str:
    """The date and time, in words that do not depend on the place."""
    return f"{datetime.now(UTC):%-d %B %Y, %H:%M} UTC"


def data_digest(model: Model) -> str | None:
    """Return one digest over the contents and parts of all examples; None where none are known.

    Each example's own digest is the SHA-256 of its content, so the same data gives the same
    anywhere, however it is named.
    """
    parts = {"train": model.oof_predictions, "test": model.test_predictions}
    known = {name: sorted(part.digests) for name, part in parts.items() if part is not None}
    return digest_settings(known) if known else None


def usage(name: str, modality: str) -> tuple[tuple[str, str], ...]:
    """Return how a model folder of this name is used: where, and the code."""
    inputs = {"image": "photo.jpg", "sound": "recording.wav", "text": '"some text"'}
    given = inputs.get(modality, "input.npy")
    python = given if given.startswith('"') else f'"{given}"'
    return (
        ("On the command line:", f"topwork predict {shlex.quote(name)} {given}"),
        (
            "In Python:",
            f"import topwork\n\nmodel = topwork.load({name!r})\n"
            f"print(model.predict({python}).label)",
        ),
    )


def _digest(name: str, digest: str) -> Fact:
    """Return as much of a digest as tells it from others; the whole stands in its title."""
    return Fact(name=name, value=f"{digest[:DIGITS]}…", is_code=True, whole=digest)


def _of_data(gathered: Gathered) -> list[Fact]:
    model, data = gathered.model, gathered.model.data
    origin = model.recipe.data or "inputs from memory"
    if not isinstance(gathered.found, Missing) and model.recipe.data is None:
        origin = f"{origin}; for this report: {gathered.found.origin}"
    kind = noun(model)
    counts = f"{counted(data.num_train, kind)} of {len(model.classes)} classes"
    if data.num_test:
        counts += f", and {data.num_test:,} of a test part"
    facts = [Fact(name="data", value=origin, is_code=True), Fact(name="examples", value=counts)]
    passed = []
    if data.num_duplicates:
        passed.append(f"{data.num_duplicates:,} repeat another's content")
    if data.skipped:
        passed.append(f"{len(data.skipped):,} could not be used")
    passed += [f"{count:,} {reason}" for reason, count in sorted(data.ignored.items())]
    if passed:
        facts.append(Fact(name="passed over", value="; ".join(passed)))
    digest = data_digest(model)
    if digest is not None:
        facts.append(_digest("digest of the data", digest))
    return facts


def _of_backbone(model: Model) -> list[Fact]:
    card = model.backbone.card
    learned = card.pretrained_on
    if card.num_pretraining_examples:
        learned += f" ({card.num_pretraining_examples:,} examples)"
    return [
        Fact(name="backbone", value=model.backbone.name),
        Fact(name="it learned from", value=learned),
        Fact(name="licence of its weights", value=card.licence),
        Fact(name="its source", value=card.source),
        _digest("digest of the backbone", model.backbone.digest),
    ]


def _of_training(model: Model, folder: Path | None) -> list[Fact]:
    head, selection = model.head, model.selection
    trained = selection.trained or (
        f"{head.form}, on {len(head.blocks)} of {len(model.blocks)} blocks ({head.span}), "
        f"pools {', '.join(head.pools)}"
    )
    facts = [Fact(name="what was trained", value=f"{selection.strategy}: {trained}")]
    if selection.reason:
        facts.append(Fact(name="why", value=selection.reason))
    if folder is not None and (folder / "model.json").is_file():
        written = datetime.fromtimestamp((folder / "model.json").stat().st_mtime, UTC)
        facts.append(Fact(name="model folder", value=str(folder.resolve()), is_code=True))
        facts.append(Fact(name="written", value=f"{written:%-d %B %Y, %H:%M} UTC"))
    versions = [f"{name} {version(name)}" for name in ("topwork", "numpy", "openvino")]
    versions.append(f"Python {platform.python_version()}")
    facts.append(Fact(name="versions, of this report", value=", ".join(versions)))
    return facts
