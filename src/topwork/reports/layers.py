"""What the layers respond to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from topwork.reports.gather import Gathered, attempt
from topwork.reports.parts import Figure, Gallery, Marked, Missing, Wrong
from topwork.reports.pictures import image_uri

if TYPE_CHECKING:
    from PIL.Image import Image

    from topwork.examples.example import Example

MAX_EXPLAINED = 4
MAX_LOOKED_AT = 64
"""Images that patches are cut from: a pass of EfficientNet-Lite0 takes 30 ms each on one core."""

NUM_BLOCKS, NUM_UNITS = 4, 6
LEVELS = 4
"""Shades that the weights of words are shown in."""

Seen = tuple[str, Gallery | Missing]
Explain = Callable[[Gathered, Sequence[tuple[Wrong, "Example"]]], Gallery]

NOT_NEEDED = "The rest of the report does not depend on it."


def what_it_sees(gathered: Gathered, mistakes: Sequence[Wrong]) -> list[Seen]:
    """Return what can be shown of the modality, by title; in the place of what fails, why."""
    modality = gathered.model.backbone.modality
    if modality not in EXPLAIN:
        why = "What the layers see is shown for images, sounds and texts, and this model takes "
        return [("Its layers", Missing(why=f"{why}{modality}s.", remedy=NOT_NEEDED))]
    makers: dict[str, Callable[[], Gallery | Missing]] = {}
    if modality == "image":
        makers["The first layer"] = lambda: _filters(gathered)
        makers["What excites its units"] = lambda: _patches(gathered)
    title, explain = EXPLAIN[modality]
    makers[f"{title} that spoke for a wrong answer"] = lambda: _explained(
        gathered, mistakes, explain
    )
    return [(title, attempt(make, NOT_NEEDED)) for title, make in makers.items()]


def _explained(
    gathered: Gathered, mistakes: Sequence[Wrong], explain: Explain
) -> Gallery | Missing:
    """Explain mistakes whose examples are there; those of the test first: it never saw them."""
    by_digest = {example.digest: example for example in gathered.examples}
    there = [(one, by_digest[one.digest]) for one in mistakes if one.digest in by_digest]
    there.sort(key=lambda pair: not pair[0].is_test)
    if there:
        return explain(gathered, there[:MAX_EXPLAINED])
    if isinstance(gathered.found, Missing):
        return gathered.found
    why = "There is no mistake to explain." if not mistakes else "The mistakes are not there."
    return Missing(why=why, remedy=NOT_NEEDED)


def _filters(gathered: Gathered) -> Gallery | Missing:
    from topwork.evidence.attribution.filters import first_filters
    from topwork.evidence.attribution.image_grid import sheet

    pictures = first_filters(gathered.model.backbone)
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
    )


def _regions(gathered: Gathered, chosen: Sequence[tuple[Wrong, Example]]) -> Gallery:
    from topwork.evidence.attribution.images import regions

    figures = [
        _figure(
            regions(gathered.model, example, one.predicted).picture(),
            f"{one.shown.name}: where {one.predicted} was seen",
            _asked(one),
        )
        for one, example in chosen
    ]
    return Gallery(
        text="Lit in orange: what spoke for the answer; in blue: against it. " + _SEEN,
        figures=figures,
    )


def _moments(gathered: Gathered, chosen: Sequence[tuple[Wrong, Example]]) -> Gallery:
    from topwork.evidence.attribution.sounds import moments, picture

    figures = []
    for one, example in chosen:
        found = moments(gathered.model, example, one.predicted)
        seconds = f"{found.seconds:.1f} s, low notes at the bottom"
        figures.append(
            _figure(
                picture(found),
                f"spectrogram of {one.shown.name}, {seconds}",
                f"{_asked(one)}. {seconds}",
                pixels=True,
            )
        )
    return Gallery(
        text="Below each spectrogram, in orange: moments that spoke for the answer; in blue: "
        "against it. " + _SEEN,
        figures=figures,
        is_wide=True,
    )


def _words(gathered: Gathered, chosen: Sequence[tuple[Wrong, Example]]) -> Gallery:
    from topwork.evidence.attribution.texts import words

    marked = []
    for one, example in chosen:
        found = words(gathered.model, example, one.predicted).words
        top = max((abs(weight) for _, weight in found), default=0.0) or 1.0
        marked.append(
            Marked(
                title=_asked(one),
                parts=[(text, weight, round(LEVELS * weight / top)) for text, weight in found],
            )
        )
    return Gallery(
        text="Shaded: words that spoke for the answer; underlined with dots: against it. " + _SEEN,
        marked=marked,
    )


EXPLAIN: dict[str, tuple[str, Explain]] = {
    "image": ("Regions", _regions),
    "sound": ("Moments", _moments),
    "text": ("Words", _words),
}

_SEEN = (
    "The finished model is asked. Of examples left out in cross-validation it has learned since, "
    "so it may not make that mistake any more."
)


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
