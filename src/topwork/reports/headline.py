"""How good the model is, in plain words."""

from __future__ import annotations

import math

from topwork.evaluation.intervals import Estimate
from topwork.evaluation.metrics import Evaluation
from topwork.model.model import Model
from topwork.reports.words import counted, percent, span

NOUNS = {"image": "photo", "sound": "recording", "text": "text", "array": "array"}
"""What one input is called, by its modality."""

TENTHS_WIDE, TENTHS_NEAR = 0.1, 0.025
"""`8 of 10` stands where the interval is at least so wide, and the tenth at most so far off."""

FINE = 0.02
"""An interval narrower than this has a decimal."""

MAX_TITLE = 64
"""Letters that the names of classes take in the title."""


def noun(model: Model) -> str:
    """Return what one input of the model is called."""
    return NOUNS[model.backbone.modality]


def does(model: Model) -> str:
    """Say what a model does: `Sorts photos into 10 classes: dress, hat, pants and 7 more`."""
    classes, kind = model.classes, noun(model)
    named: list[str] = []
    for name in classes:
        if named and sum(map(len, named)) + 2 * len(named) + len(name) > MAX_TITLE:
            break
        named.append(name if len(name) <= MAX_TITLE else f"{name[: MAX_TITLE - 1]}…")
    left = len(classes) - len(named)
    if not left:
        return f"Sorts {kind}s into {', '.join(named[:-1])} and {named[-1]}"
    return f"Sorts {kind}s into {len(classes)} classes: {', '.join(named)} and {left} more"


def headline(model: Model, best: Evaluation | None) -> tuple[str, str]:
    """Return how often the model is right on what it has not seen, and the interval, in words."""
    if best is None:
        why = "there were too few examples to tell"
        if not model.data.num_train:
            why = "it knows the names of its classes alone"
        return f"How good it is, is not known: {why}", ""
    right = out_of(best.accuracy, best.num_examples)
    return f"Right for {right} {noun(model)}s it has not seen", rounded_span(best.accuracy)


def out_of(share: Estimate, count: int) -> str:
    """Return a share of `count` as one says it: never all of what is less, nor none of more.

    >>> from topwork.reports.headline import out_of
    >>> from topwork.evaluation.intervals import Estimate
    >>> out_of(Estimate(value=0.81, low=0.73, high=0.88), 120)
    '8 of 10'
    """
    if share.value >= 1:
        return f"all {count:,}"
    if share.value <= 0:
        return f"none of {count:,}"
    tenths = round(10 * share.value)
    near = abs(tenths / 10 - share.value) <= TENTHS_NEAR and 0 < tenths < 10
    if near and share.high - share.low >= TENTHS_WIDE and count >= 10:
        return f"{tenths} of 10"
    if count < 100:
        return f"{min(max(round(share.value * count), 1), max(count - 1, 1))} of {count}"
    hundredths = round(100 * share.value)
    if hundredths == 100:
        return "more than 99 of 100"
    return f"{hundredths} of 100" if hundredths else "fewer than 1 of 100"


def rounded_span(share: Estimate) -> str:
    """Return `73% to 88%`: rounded outward, so that it claims no more than is known."""
    places = 1 if share.high - share.low < FINE else 0
    scale = 100 * 10**places
    low = math.floor(scale * share.low + 1e-9) / 10**places
    high = math.ceil(scale * share.high - 1e-9) / 10**places
    return f"{low:.{places}f}% to {high:.{places}f}%"


def warning(model: Model, best: Evaluation | None) -> str:
    """Say why the headline shows less than it seems to; nothing where nothing is amiss."""
    if best is None:
        return ""
    said = []
    if best.accuracy.low <= best.baseline.value:
        said.append(
            "That is not surely better than always naming the commonest class, which is right for "
            f"{percent(best.baseline)} of the {noun(model)}s: the model has not been shown to have "
            "learned anything."
        )
    num = _num_shared(model) if best is model.test else 0
    if num:
        what = f"{counted(num, 'group')}{_column(model)} of the test part"
        said.append(
            f"{what} {'was' if num == 1 else 'were'} learned from too, so this may flatter: on "
            "groups that it has never met, expect the cross-validated score."
        )
    return " ".join(said)


def measured(model: Model, best: Evaluation | None) -> list[str]:
    """Say how the headline was come by, and what stands beside it."""
    own, test, kind = model.evaluation, model.test, noun(model)
    if best is None:
        return [model.notes[-1]] if model.notes else []
    if best is test:
        said = [
            f"Measured on the test part: {counted(test.num_examples, kind)} that no training saw."
        ]
        if own is not None:
            said.append(_beside(own, test, kind))
    else:
        said = [
            f"Measured on all {counted(best.num_examples, kind)}, each left out while others were "
            f"learned from ({best.method})."
        ]
    if best.num_groups is not None and not (best is test and _num_shared(model)):
        said.append(f"No group{_column(model)} was both learned from and tested on.")
    if best.accuracy.low > best.baseline.value:
        said.append(
            f"Always naming the commonest class would be right for {percent(best.baseline)}."
        )
    return said


def _num_shared(model: Model) -> int:
    """Groups of the test part that were learned from, too."""
    own, test = model.oof_predictions, model.test_predictions
    if own is None or test is None:
        return 0
    return len((set(own.groups) & set(test.groups)) - {None})


def _column(model: Model) -> str:
    column = model.recipe.group_column
    return "" if column is None else f" (`{column}`)"


def _beside(own: Evaluation, test: Evaluation, kind: str) -> str:
    message = (
        f"Of the {counted(own.num_examples, kind)} that it learned from, each left out in turn, "
        f"{percent(own.accuracy)} were right ({span(own.accuracy)})"
    )
    if test.accuracy.high < own.accuracy.low:
        return f"{message}, clearly more: the test part is of another make than the training data."
    if test.accuracy.low > own.accuracy.high:
        return f"{message}, clearly less."
    return f"{message}."


def mail(model: Model, name: str, said: tuple[str, str], best: Evaluation | None) -> str:
    """Return one line for those who ask: what the model does, how good it is, and how one knows."""
    what = does(model)
    text = f"{name or 'The model'} {what[0].lower()}{what[1:]}."
    if best is None:
        return f"{text} {said[0]}."
    photos = counted(best.num_examples, noun(model))
    how = f"{photos} of a test part" if best is model.test else f"cross-validated on {photos}"
    doubt = warning(model, best).replace("`", "")
    return (
        f"{text} {said[0]}: {percent(best.accuracy)} (95% interval {said[1]}; "
        f"{how}). {doubt}{' ' * bool(doubt)}Learned from "
        f"{counted(model.data.num_train, noun(model))}, transferred from {model.backbone.name}; "
        "made with Topwork."
    )
