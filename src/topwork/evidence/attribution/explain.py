"""Explanations of answers."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from topwork.core import files
from topwork.core.plain import to_plain
from topwork.core.printable import printable
from topwork.core.progress import Listener, listening
from topwork.errors import ModalityError, SettingError
from topwork.evidence.attribution.image_grid import AGAINST, FOR
from topwork.evidence.attribution.images import ImageOcclusion, regions
from topwork.evidence.attribution.sounds import SoundOcclusion, moments, picture
from topwork.evidence.attribution.texts import TextOcclusion, words
from topwork.examples.example import Example, Modality
from topwork.model.model import Model, load

Occlusion = ImageOcclusion | SoundOcclusion | TextOcclusion

PALE = 0.85
"""How much of its colour the strongest word has behind it, so that it can still be read."""

PAGE = """<!DOCTYPE html>
<html lang="und"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 18px/1.9 system-ui, sans-serif; max-width: 42em; margin: 2em auto; padding: 0 1em; }}
mark {{ color: inherit; padding: .15em .2em; border-radius: .2em; }}
p.said {{ font-size: 15px; opacity: .75; line-height: 1.5; }}
</style></head><body>
<p class="said">{said}</p>
<p>{text}</p>
<p class="said">Orange spoke for it, blue against it; the strongest word has the fullest colour.</p>
</body></html>
"""


@final
@dataclass(frozen=True, kw_only=True)
class ExplainedPart:
    """A part of an input, and what it said for a class.

    Attributes:
        what: a word as it stands there; `12,40 to 60,88`, a square of an image in its pixels, from
            the left and the top; `0.20 to 0.30 s`, a stretch of a sound.
        weight: by how much the class's log-odds fall without it; below 0 where it spoke against.

    >>> import topwork
    >>> topwork.ExplainedPart(what="lost", weight=1.5).weight
    1.5
    """

    what: str
    weight: float


@final
@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What spoke for an answer, and what against it.

    Attributes:
        name: of the input.
        modality: `image`, `sound` or `text`.
        label: the class that was asked about.
        probability: what the model gives it.
        parts: of the input, in its order: words, squares, stretches of time.
        occlusion: what was measured, with the picture or the spectrogram.

    >>> import topwork
    >>> from topwork.evidence.attribution.texts import TextOcclusion
    >>> measured = TextOcclusion(words=(("lost", 1.5), ("card", 0.5)), label="a", probability=0.9)
    >>> parts = [topwork.ExplainedPart(what=word, weight=weight) for word, weight in measured.words]
    >>> why = topwork.Explanation(
    ...     name="a text", modality="text", label="a", probability=0.9, parts=tuple(parts),
    ...     occlusion=measured,
    ... )
    >>> why.strongest(1)[0].what
    'lost'
    """

    name: str
    modality: Modality
    label: str
    probability: float
    parts: tuple[ExplainedPart, ...]
    occlusion: Occlusion = field(repr=False)

    def strongest(self, num: int) -> list[ExplainedPart]:
        """Return so many parts that spoke for the class, the strongest first."""
        found = [part for part in self.parts if part.weight > 0]
        return sorted(found, key=lambda part: -part.weight)[:num]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, without the picture."""
        names = ("name", "modality", "label", "probability", "parts")
        return {name: to_plain(getattr(self, name)) for name in names}

    @property
    def suffix(self) -> str:
        """Of the file that shows it: `.html` of a text, else `.png`."""
        return suffix_for(self.modality)

    def to_html(self) -> str:
        """Return a page with the text, its words marked.

        Raises:
            ModalityError: it is of an image or a sound, which are pictures.
        """
        if not isinstance(self.occlusion, TextOcclusion):
            raise ModalityError(
                f"A page is made of texts, and this is of {self.modality}s. Save it as a picture: "
                ".save('why.png')."
            )
        top = max((abs(part.weight) for part in self.parts), default=0.0) or 1.0
        return PAGE.format(
            title=html.escape(f"{self.label}: {printable(self.name)}"),
            said=html.escape(f"{printable(self.name)}: {self.label}, {self.probability:.3f}"),
            text=" ".join(_marked(part, top) for part in self.parts),
        )

    def save(self, path: str | Path) -> Path:
        """Write what shows it, whole or not at all, and return the file.

        Args:
            path: ending in `.html` for a text, in `.png` for an image or a sound.

        Raises:
            SettingError: it ends otherwise.
            StoreError: it cannot be written there.
        """
        path = Path(path)
        if path.suffix.lower() != self.suffix:
            raise SettingError(
                f"The file is {str(path)!r}; accepted for a {self.modality}: a name that ends in "
                f"{self.suffix}. Give it that ending."
            )
        with files.disk_errors(f"Writing {str(path)!r}"), files.replacing(path) as temporary:
            if isinstance(self.occlusion, TextOcclusion):
                temporary.write_text(self.to_html(), encoding="utf-8")
            else:
                found = self.occlusion
                shown = found.picture() if isinstance(found, ImageOcclusion) else picture(found)
                shown.save(temporary, format="PNG")
        return path


def explain(
    model: Model | str | Path,
    given: object,
    *,
    label: str | None = None,
    device: str = "auto",
    on_progress: Listener | None = None,
) -> Explanation:
    """Return what spoke for an answer: the parts of one input, each hidden in turn.

    A part's weight is what the answer loses without it. It says what the model goes by, not what
    is true; parts that say the same stand in for one another, and each then weighs little.

    Args:
        model: or the folder that it lies in.
        given: one input, as `model.predict` takes it.
        label: the class to ask about; None: the one that the model names.
        device: of a model that is read from its folder.
        on_progress: called with a stage's name, how much is done, and how much there is.

    Raises:
        ModalityError: the model is one of arrays, whose parts nobody can look at.
        SettingError: the model has no such class, or more than one input was given.
        ExampleError: the input cannot be read.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> model = topwork.train(pictures, labels, train="head")
    >>> why = topwork.explain(model, pictures[0])
    >>> why.label, len(why.parts)
    ('0', 49)
    >>> why.save("why.png").name
    'why.png'
    """
    if not isinstance(model, Model):
        model = load(model, device=device)
    check_explainable(model)
    with listening(on_progress):
        examples = [given] if isinstance(given, Example) else model.read([given])
        if len(examples) != 1:
            raise SettingError(
                f"{len(examples)} inputs were given to be explained; accepted: one. Ask for one "
                "after the other."
            )
        return explain_example(model, examples[0], label)


def suffix_for(modality: Modality) -> str:
    """Return how the name of a file ends that shows an explanation."""
    return ".html" if modality == "text" else ".png"


def check_explainable(model: Model) -> None:
    """Raise ModalityError where a model's inputs have no parts that can be shown."""
    if model.backbone.modality == "array":
        raise ModalityError(
            "The model is one of arrays, whose parts cannot be shown; accepted: a model of images, "
            "sounds or texts. Hide parts of your arrays, and compare model.predict_proba."
        )


def explain_example(model: Model, example: Example, label: str | None = None) -> Explanation:
    """Return what spoke for the answer to an example. Raises as `explain` does."""
    found: Occlusion
    modality = model.backbone.modality
    if modality == "image":
        found = regions(model, example, label)
        parts = [(_square(box), weight) for box, weight in found.squares]
    elif modality == "sound":
        found = moments(model, example, label)
        pairs = zip(found.times.tolist(), found.weights.tolist(), strict=True)
        parts = [(f"{start:.2f} to {end:.2f} s", weight) for (start, end), weight in pairs]
    else:
        found = words(model, example, label)
        parts = list(found.words)
    return Explanation(
        name=example.name,
        modality=modality,
        label=found.label,
        probability=found.probability,
        parts=tuple(ExplainedPart(what=what, weight=float(weight)) for what, weight in parts),
        occlusion=found,
    )


def _square(box: tuple[int, int, int, int]) -> str:
    left, top, right, bottom = box
    return f"{left},{top} to {right},{bottom}"


def _marked(part: ExplainedPart, top: float) -> str:
    strength = PALE * min(abs(part.weight) / top, 1.0)
    red, green, blue = FOR if part.weight > 0 else AGAINST
    style = f"background: rgba({red}, {green}, {blue}, {np.round(strength, 3)})"
    title = f"{part.weight:+.2f}"
    return f'<mark style="{style}" title="{title}">{html.escape(printable(part.what))}</mark>'
