"""Model card.

The form is the hub's: a head of YAML with licence, task, base model and scores, then Markdown.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

    from topwork.evaluation.metrics import Evaluation
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

_WORTH_PART = re.compile(rf"^{WORTH}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")
_HUB = re.compile(r"(?:^|hub, )([A-Za-z0-9][\w.-]*/[\w.-]*\w)")

_EXAMPLES = {"image": '"photo.jpg"', "sound": '"recording.wav"', "text": '"a text"'}


def model_card(model: ModelParts) -> str:
    """Return the card, all of it from what the model itself knows."""
    head = card_data(model).to_yaml()
    kind = model.backbone.modality
    name = _data_name(model)
    parts = [
        f"# {_plain(name)}: a classifier of {kind}s",
        _what_it_does(model),
        f"## Classes\n\n{_classes(model)}",
        f"## Scores\n\n{_scores(model)}",
        f"{WORTH}\n\n{_worth(model)}",
        f"## How it was trained\n\n{_training(model)}",
        f"## Limits\n\n{_limits(model)}",
        f"## Licences\n\n{_licences(model)}",
        f"## To use it\n\n{_usage(kind)}",
    ]
    return f"---\n{head}\n---\n\n" + "\n\n".join(parts) + "\n"


def with_worth(card: str, model: ModelParts, verdict: str) -> str:
    """Return a card with what was found since of transfer's worth, and all else as it stands."""
    gains = " ".join(_gains(model))
    part = f"{WORTH}\n\n{_plain(verdict)}{' ' + gains if gains else ''}\n\n"
    return _WORTH_PART.sub(lambda _: part, card, count=1)


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
            dataset_type=_slug(name),
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


def _what_it_does(model: ModelParts) -> str:
    kind, data, backbone = model.backbone.modality, model.data, model.backbone
    return (
        f"It says which of {len(model.classes)} classes {_article(kind)} is of, with a "
        f"probability for each. It was trained by transfer learning with "
        f"Topwork from {data.num_train:,} labelled {kind}s, on the backbone "
        f"{_plain(backbone.name)}, which learned from {_plain(backbone.card.pretrained_on)}."
    )


def _classes(model: ModelParts) -> str:
    rows = [f"| {_plain(name)} | {model.data.per_class.get(name, 0):,} |" for name in model.classes]
    return "\n".join(["| class | examples trained on |", "|---|---:|", *rows])


def _scores(model: ModelParts) -> str:
    columns = [one for one in (model.evaluation, model.test) if one is not None]
    if not columns:
        why = f" {_plain(model.notes[-1])}" if model.notes else ""
        return f"None: there were too few examples to tell.{why}"
    header = " | ".join(["", *(_plain(one.method) for one in columns)])
    rows = [
        _row("accuracy", columns, "accuracy"),
        _row("balanced accuracy", columns, "balanced_accuracy"),
        _row("macro F1", columns, "macro_f1"),
        _row("log loss", columns, "log_loss"),
        _row("calibration error", columns, "calibration_error"),
        _row("baseline: always the commonest class", columns, "baseline"),
    ]
    line = "|---" + "|---:" * len(columns) + "|"
    table = "\n".join([f"|{header} |", line, *rows])
    return f"With 95% intervals.\n\n{table}"


def _row(title: str, columns: list[Evaluation], name: str) -> str:
    cells = [str(getattr(one, name)) for one in columns]
    return " | ".join([f"| {title}", *cells]) + " |"


def _worth(model: ModelParts) -> str:
    sentences = [
        "Against a network that learned from nothing, it was not measured when the model was "
        "saved; `topwork report` measures it."
    ]
    if model.selection.strategy == "scratch":
        sentences = ["Nothing was transferred: this is the network trained from random weights."]
    return " ".join([*sentences, *_gains(model)])


def _gains(model: ModelParts) -> list[str]:
    return [
        f"Training `{one.strategy}` too gave {100 * one.gain:+.1f} ± {100 * one.gain_error:.1f} "
        "points over the head alone (± one standard error)."
        for one in model.selection.candidates
        if one.gain is not None and one.gain_error
    ]


def _training(model: ModelParts) -> str:
    head, selection = model.head, model.selection
    made = selection.trained or (
        f"The backbone was left as it is. On top of it: {head.form}, on {len(head.blocks)} of "
        f"{len(model.blocks)} blocks ({head.blocks[0]} to {head.blocks[-1]}), pools "
        f"{', '.join(head.pools)}, chosen by cross-validation inside the training data."
    )
    sentences = [_plain(made), *([_plain(selection.reason)] if selection.reason else [])]
    sentences += [_plain(note) for note in model.notes]
    sentences.append("The settings are in `recipe.toml`: `topwork train --recipe recipe.toml`.")
    return "\n\n".join(sentences)


def _limits(model: ModelParts) -> str:
    kind, data = model.backbone.modality, model.data
    sentences = [
        f"The scores are of {kind}s like those it was trained on. Of others (another camera, "
        "place, speaker, writer) they may be lower: score it on some, with `topwork evaluate`."
    ]
    if data.num_train < FEW:
        sentences.append(f"It learned from {data.num_train:,} examples, which is few.")
    least = min(data.per_class.items(), key=lambda one: one[1], default=None)
    if least is not None:
        sentences.append(f"The class with the fewest, {_plain(least[0])}, has {least[1]:,}.")
    sentences.append(
        f"Its probabilities are shared out among its {len(model.classes)} classes: of "
        f"{_article(kind)} that is of none of them, it still names one."
    )
    if model.detector is not None:
        sentences.append(
            "How strange an input looks stands beside each answer (`ood`); `topwork predict "
            "--reject 0.05` then says `unknown` of what is stranger than all but 5% of its own "
            "examples."
        )
    if model.ood is not None:
        measured = model.ood
        sentences.append(
            f"Measured with {_plain(measured.method)}: of these, {measured.false_accept} (95% "
            f"interval) get a class all the same where {measured.rate:.0%} of its own are rejected."
        )
    return " ".join(sentences)


def _licences(model: ModelParts) -> str:
    card = model.backbone.card
    source = "a folder" if card.source.startswith("folder ") else card.source  # of one machine
    return (
        f"The backbone's weights: {_plain(card.licence)}, from {_plain(source)}. The data "
        "that the model was trained on has a licence of its own, which Topwork does not know: "
        "check both before you share the model."
    )


def _usage(kind: str) -> str:
    given = _EXAMPLES.get(kind, '"input.npy"')
    return (
        "```console\n$ topwork predict FOLDER INPUTS\n```\n\n"
        f'```python\nimport topwork\n\nmodel = topwork.load("FOLDER")\n'
        f"print(model.predict({given}).label)\n```\n\nFOLDER is the folder that this card lies in."
    )


def _data_name(model: ModelParts) -> str:
    """What the data is called: its folder's or file's name."""
    name = PurePath(model.recipe.data or "").name
    return name or "inputs from memory"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"


def _plain(text: str) -> str:
    """What a user wrote, on one line, as words that Markdown leaves alone."""
    return _MARKS.sub(r"\\\1", " ".join(_UNSAFE.sub(" ", text).split()))
