"""What the layers respond to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from topwork.core.extras import is_installed
from topwork.reports.gather import Gathered, attempt
from topwork.reports.parts import Figure, Gallery, Marked, Missing, Wrong
from topwork.reports.pictures import image_uri

if TYPE_CHECKING:
    from PIL.Image import Image

    from topwork.examples.example import Example
    from topwork.model.model import Model

MAX_EXPLAINED = 4
MAX_LOOKED_AT = 64
"""Images that patches are cut from: a pass of EfficientNet-Lite0 takes 30 ms each on one core."""

NUM_BLOCKS, NUM_UNITS = 4, 6
LEVELS = 4
"""Shades that the weights of words are shown in."""

Seen = tuple[str, Gallery | Missing]
Asked = tuple[Wrong, "Example", "Model"]
Explain = Callable[[Sequence[Asked], str], Gallery]
"""Takes mistakes, each with its example and the model to ask, and which that is, in words."""

FOLDS = (
    "Of an example left out in cross-validation that model is asked which had not seen it: a head "
    "that learned from all the other folds, in the first draw of these."
)
TEST_ONLY = "The finished model is asked, of mistakes in the test part, which it has not seen."
HAS_SEEN = (
    "The finished model is asked. It has seen these examples since they were left out in "
    "cross-validation, so it may not make that mistake any more. Where the data has a test part, "
    "mistakes in that are shown in their place."
)

NOT_NEEDED = "The rest of the report does not depend on it."

WITHOUT_TORCH = Missing(
    why="The filters of the first layer, and the patches of your images that excite single units, "
    "take PyTorch, which is not installed.",
    remedy='To have them here: `pip install "topwork[torch]"`.',
)
"""Drawn from the network's own weights and gradients, not from its compiled form."""


def what_it_sees(gathered: Gathered, mistakes: Sequence[Wrong]) -> list[Seen]:
    """Return what can be shown of the modality, by title; in the place of what fails, why."""
    modality = gathered.model.backbone.modality
    if modality not in EXPLAIN:
        why = "What the layers see is shown for images, sounds and texts, and this model takes "
        return [("Its layers", Missing(why=f"{why}{modality}s.", remedy=NOT_NEEDED))]
    title, explain = EXPLAIN[modality]
    makers: dict[str, Callable[[], Gallery | Missing]] = {
        f"{title} that spoke for a wrong answer": lambda: _explained(gathered, mistakes, explain)
    }
    if modality == "image" and is_installed("torch"):
        makers["The first layer"] = lambda: _filters(gathered)
        makers["What excites its units"] = lambda: _patches(gathered)
    seen = [(title, attempt(make, NOT_NEEDED)) for title, make in makers.items()]
    if modality == "image" and not is_installed("torch"):
        seen.append(("Its layers", WITHOUT_TORCH))
    return seen


def _explained(
    gathered: Gathered, mistakes: Sequence[Wrong], explain: Explain
) -> Gallery | Missing:
    """Explain mistakes whose examples are there; those of the test first: none has seen them."""
    by_digest = {example.digest: example for example in gathered.examples}
    there = {
        one.digest: (one, by_digest[one.digest]) for one in mistakes if one.digest in by_digest
    }
    if there:
        ordered = sorted(there.values(), key=lambda pair: not pair[0].is_test)
        return explain(*_askable(gathered, ordered))
    if isinstance(gathered.found, Missing):
        return gathered.found
    why = "There is no mistake to explain." if not mistakes else "The mistakes are not there."
    return Missing(why=why, remedy=NOT_NEEDED)


def _askable(gathered: Gathered, there: Sequence[tuple[Wrong, Example]]) -> tuple[list[Asked], str]:
    """Choose what is explained, by models that have not seen it if there are any; say which."""
    model, head_run = gathered.model, gathered.head_run
    if model.selection.strategy == "head" and not isinstance(head_run, Missing):
        from topwork.evidence.attribution.fold_models import FoldModels

        folds = FoldModels(model, head_run)
        asked: list[Asked] = []
        for one, example in there[:MAX_EXPLAINED]:
            unseen = model if one.is_test else folds.without(one.digest)
            if unseen is not None:
                asked.append((one, example, unseen))
        if asked:
            return asked, _said_of({one.is_test for one, _, _ in asked})
    tests = [pair for pair in there if pair[0].is_test]
    chosen = [(one, example, model) for one, example in (tests or there)[:MAX_EXPLAINED]]
    return chosen, TEST_ONLY if tests else HAS_SEEN


def _said_of(kinds: set[bool]) -> str:
    """Return which models are asked, where the test part (True), folds (False) or both are."""
    if kinds == {True}:
        return TEST_ONLY
    return FOLDS if kinds == {False} else f"{FOLDS} Of the test part the finished model is asked."


def _filters(gathered: Gathered) -> Gallery | Missing:
    from topwork.evidence.attribution.filters import first_filters
    from topwork.evidence.attribution.image_grid import sheet

    pictures = first_filters(gathered.model.backbone.networks[0])
    if pictures is None:
        return Missing(
            why="The network does not begin with filters over red, green and blue, so its first "
            "layer cannot be drawn.",
            remedy=NOT_NEEDED,
        )
    image = sheet(list(pictures), columns=16, scale=max(1, 40 // pictures.shape[1]))
    return Gallery(
        text=f"{len(pictures)} filters of {pictures.shape[2]} x {pictures.shape[1]} pixels: edges "
        "by direction, then colours. Each answers most where the image looks like it.",
        figures=[_figure(image, "filters of the first layer", pixels=True)],
        is_wide=True,
        is_folded=True,
    )


def _patches(gathered: Gathered) -> Gallery | Missing:
    from topwork.evidence.attribution.image_grid import patch_sheet
    from topwork.evidence.attribution.patches import find_patches

    if isinstance(gathered.found, Missing):
        return gathered.found
    found = find_patches(
        gathered.model.backbone,
        gathered.examples,
        blocks=NUM_BLOCKS,
        num_units=NUM_UNITS,
        max_images=MAX_LOOKED_AT,
    )
    if not found:
        return Missing(
            why="No block of the network keeps places in the image apart, so there are no patches.",
            remedy=NOT_NEEDED,
        )
    figures = [
        _figure(
            patch_sheet(one),
            f"patches that excite units of {one.block}",
            f"{one.block}: patches of {one.field_size} pixels, of {one.input_size}",
        )
        for one in found
    ]
    return Gallery(
        text=f"From your own images ({found[0].num_images} of them), the patches that excite some "
        "units most: a row for each unit, the strongest at the left. Early blocks answer to "
        "edges and colours, late ones to parts of things.",
        figures=figures,
        is_wide=True,
        is_folded=True,
    )


def _regions(asked: Sequence[Asked], which: str) -> Gallery:
    from topwork.evidence.attribution.images import regions

    figures = [
        _figure(
            regions(model, example, one.predicted).picture(),
            f"{one.shown.whole_name}: where {one.predicted} was seen",
            _asked(one),
        )
        for one, example, model in asked
    ]
    return Gallery(
        text="Lit in orange: what spoke for the answer; in blue: against it. " + which,
        figures=figures,
    )


def _moments(asked: Sequence[Asked], which: str) -> Gallery:
    from topwork.evidence.attribution.sounds import moments, picture

    figures = []
    for one, example, model in asked:
        found = moments(model, example, one.predicted)
        seconds = f"{found.seconds:.1f} s, low notes at the bottom"
        figures.append(
            _figure(
                picture(found),
                f"spectrogram of {one.shown.whole_name}, {seconds}",
                f"{_asked(one)}. {seconds}",
                pixels=True,
            )
        )
    return Gallery(
        text="Below each spectrogram, in orange: moments that spoke for the answer; in blue: "
        "against it. " + which,
        figures=figures,
        is_wide=True,
    )


def _words(asked: Sequence[Asked], which: str) -> Gallery:
    from topwork.evidence.attribution.texts import words

    marked = []
    for one, example, model in asked:
        found = words(model, example, one.predicted).words
        top = max((abs(weight) for _, weight in found), default=0.0) or 1.0
        marked.append(
            Marked(
                title=_asked(one),
                parts=[(text, weight, round(LEVELS * weight / top)) for text, weight in found],
            )
        )
    return Gallery(
        text="Shaded: words that spoke for the answer; underlined with dots: against it. " + which,
        marked=marked,
    )


EXPLAIN: dict[str, tuple[str, Explain]] = {
    "image": ("Regions", _regions),
    "sound": ("Moments", _moments),
    "text": ("Words", _words),
}


def _asked(one: Wrong) -> str:
    return f"{one.predicted}? It is labelled {one.true}"


def _figure(image: Image, alt: str, caption: str = "", *, pixels: bool = False) -> Figure:
    return Figure(
        picture=image_uri(image, quality=70),
        width=image.width,
        height=image.height,
        alt=alt,
        caption=caption,
        pixels=pixels,
    )
