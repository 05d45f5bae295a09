"""Model card.

The form is the hub's: a head of YAML with licence, task, base model and scores, then Markdown.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from topwork.core.printable import printable

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

    from topwork.model.parts import ModelParts

TASKS = {
    "image": ("image-classification", "Image classification"),
    "sound": ("audio-classification", "Audio classification"),
    "text": ("text-classification", "Text classification"),
}
"""Of the hub, by the kind of input: its identifier and its name. Arrays have none there."""

LICENCES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc",
    "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc0-1.0", "ecl-2.0", "epl-2.0", "gemma", "gpl-2.0", "gpl-3.0", "isc",
    "lgpl-2.1", "lgpl-3.0", "llama2", "llama3", "mit", "mpl-2.0", "ms-pl", "odbl", "openrail",
    "osl-3.0", "pddl", "unlicense", "wtfpl", "zlib",
}  # fmt: skip
"""The hub's identifiers of licences, as its documentation of model cards lists them."""

FEW = 1_000
"""Examples in training below which the card says that they are few."""

WORTH = "## What transfer was worth"

THRESHOLD = "## Where it decides"

_UNSAFE = re.compile("[\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")
_HUB = re.compile(r"(?:^|hub, )([A-Za-z0-9][\w.-]*/[\w.-]*\w)")

_EXAMPLES = {"image": '"photo.jpg"', "sound": '"recording.wav"', "text": '"a text"'}


SCORES = {
    "accuracy": "accuracy",
    "balanced accuracy": "balanced_accuracy",
    "macro F1": "macro_f1",
    "log loss": "log_loss",
    "calibration error": "calibration_error",
    "AUROC": "auroc",
    "baseline: always the commonest class": "baseline",
}
"""The rows of the table of scores: fields of an evaluation, by what they are called."""


BINARY = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "average precision": "average_precision",
}
"""Those of two classes: fields of `Evaluation.binary`."""


def model_card(model: ModelParts) -> str:
    """Return the card, all of it from what the model itself knows."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("topwork.model"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = _plain
    kind, source = model.backbone.modality, model.backbone.card.source
    return environment.get_template("card.md.j2").render(
        model=model,
        head=card_data(model).to_yaml(),
        name=_data_name(model),
        kind=kind,
        an_input=f"an {kind}" if kind[0] in "aeiou" else f"a {kind}",
        evaluations=[one for one in (model.evaluation, model.test) if one is not None],
        scores=SCORES,
        binary=BINARY,
        worth_title=WORTH,
        threshold_title=THRESHOLD,
        decision=_decision(model),
        gains=_gains(model),
        few=FEW,
        source="a folder" if source.startswith("folder ") else source,  # of one machine
        example=_EXAMPLES.get(kind, '"input.npy"'),
    )


def with_worth(card: str, model: ModelParts, verdict: str) -> str:
    """Return a card with what was found since of transfer's worth, and all else as it stands."""
    return _with_part(card, WORTH, " ".join([_plain(verdict), *_gains(model)]))


def with_decision(card: str, model: ModelParts) -> str:
    """Return a card with the model's threshold, and all else as it stands."""
    return _with_part(card, THRESHOLD, _decision(model))


def _with_part(card: str, title: str, text: str) -> str:
    """Return a card with another text under a title that it has."""
    old = re.compile(rf"^{title}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    return old.sub(lambda _: f"{title}\n\n{text}\n\n", card, count=1)


def _decision(model: ModelParts) -> str:
    """Return how one of two classes is named; empty of more."""
    if model.positive is None:
        return ""
    if model.decision is None or model.decision.threshold is None:
        return f"The more probable class is named. The positive one is {_plain(model.positive)}."
    return _plain(model.decision.message)


def card_data(model: ModelParts) -> ModelCardData:
    """Return what the head of the card holds."""
    from huggingface_hub import ModelCardData

    card, kind = model.backbone.card, model.backbone.modality
    task, known = TASKS.get(kind), card.licence.lower() in LICENCES
    base = _HUB.search(card.source)
    tags = ["topwork", "transfer-learning", f"{kind}-classification"]
    return ModelCardData(
        library_name="topwork",
        license=card.licence.lower() if known else "other",
        license_name=None if known else card.licence,
        tags=list(dict.fromkeys([*tags, *([task[0]] if task else [])])),
        pipeline_tag=None if task is None else task[0],
        base_model=None if base is None else base.group(1),
        model_name=_data_name(model),
        eval_results=_results(model) or None,
    )


def _results(model: ModelParts) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    kind, name = model.backbone.modality, _data_name(model)
    task = TASKS.get(kind, (f"{kind}-classification", f"{kind.capitalize()} classification"))
    scores = {("train", "cross-validated"): model.evaluation, ("test", "test part"): model.test}
    return [
        EvalResult(
            task_type=task[0],
            task_name=task[1],
            dataset_type=re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data",
            dataset_name=name,
            dataset_split=split,
            metric_type=metric,
            metric_name=f"{title}, {how}",
            metric_value=round(estimate.value, 4),
        )
        for (split, how), one in scores.items()
        if one is not None
        for metric, title, estimate in (
            ("accuracy", "Accuracy", one.accuracy),
            ("f1", "Macro F1", one.macro_f1),
        )
    ]


def _gains(model: ModelParts) -> list[str]:
    return [
        f"Trying `{one.strategy}` too gave {100 * one.gain:+.1f} ± {100 * one.gain_error:.1f} "
        "points over the best before it (± one standard error)."
        for one in model.selection.candidates
        if one.gain is not None and one.gain_error
    ]


def _data_name(model: ModelParts) -> str:
    """What the data is called: its folder's or file's name."""
    return PurePath(model.recipe.data or "").name or "inputs from memory"


def _plain(text: str) -> str:
    """What a user wrote, on one line, as words that Markdown leaves alone."""
    return _MARKS.sub(r"\\\1", printable(" ".join(_UNSAFE.sub(" ", text).split())))
