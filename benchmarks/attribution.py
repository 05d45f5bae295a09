"""Writes what a network sees to a folder, for looking at, and tests whether the regions are true.

    python benchmarks/attribution.py [DATA] --out seen/ [--photos 48]

For clothes and hand signs: the first filters, the patches that excite units most, and regions of
the least certain test photos; for spoken digits: moments; for customers' questions: words. What
does not lie in the data's folder is left out.

The test, of photos that the model has not seen: a tenth or a fifth of what the network sees of a
photo is blurred away, the share that the map names, or one of the same shape moved somewhere else
(beyond an edge it comes in at the other), or a disc in the middle. A true map names what the answer
rests on: without it the class loses more than without as much elsewhere. Maps are made with the
mean colour in place of a blur, so the test is not the map's own sum.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from common import Figure, make_parser, report, say
from draws import draw, is_there

PHOTO_SETS = ("clothing", "sign-digits-1000")
SHARES = (0.1, 0.2)
BLUR = 1 / 14
"""Of a photo's side: the blur's standard deviation."""


def main() -> None:
    """Write and measure."""
    parser = make_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the pictures go")
    parser.add_argument("--photos", type=int, default=48, help="that the test asks about, a set")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    for name in PHOTO_SETS:
        if is_there(given.data, name):
            figures += photos(given.data, name, given.out, given.photos, given.seed)
    if is_there(given.data, "spoken-digits-300"):
        moments_of(given.data, given.out, given.seed)
    if is_there(given.data, "banking77-10"):
        words_of(given.data, given.out, given.seed)
    report(
        "What the regions name, blurred away: probability that the class loses",
        figures,
        as_json=given.json,
    )


def learned(data: Path, name: str, seed: int) -> tuple[Any, Any]:
    """Return a model of a set's training part, its head alone, and the split."""
    from topwork.backbones.catalog import default_backbone
    from topwork.backbones.registry import get_backbone
    from topwork.model.model import Model
    from topwork.recipe import Recipe
    from topwork.runs.train import train_examples

    split = draw(data, name, seed).splits[0]
    say(f"{name}: {len(split.train.examples)} examples")
    backbone = get_backbone(default_backbone(split.train.modality))
    recipe = Recipe(train="head", backbone=backbone.name)
    return Model(train_examples(split.train, recipe, backbone, scored=False)), split


def photos(data: Path, name: str, out: Path, count: int, seed: int) -> list[Figure]:
    """Write filters, patches and regions of one set; return what the test says."""
    import numpy as np

    from topwork.evidence.attribution.filters import first_filters
    from topwork.evidence.attribution.image_grid import patch_sheet, sheet
    from topwork.evidence.attribution.images import regions
    from topwork.evidence.attribution.patches import find_patches

    model, split = learned(data, name, seed)
    filters = first_filters(model.backbone)
    if filters is not None:
        sheet(list(filters), 8, 16).save(out / "filters.png")
    for patches in find_patches(model.backbone, split.train.examples, seed=seed):
        patch_sheet(patches).save(out / f"{name}-{patches.block}.png")
    order = np.random.default_rng(seed).permutation(len(split.test))[:count]
    chosen = [split.test[int(i)] for i in order]
    sure = [prediction.probability for prediction in model.stream(chosen)]
    shown = [regions(model, chosen[int(i)]) for i in np.argsort(sure)[:12]]
    say("least certain: " + ", ".join(f"{one.label} {one.probability:.2f}" for one in shown))
    sheet([np.asarray(one.picture()) for one in shown], 4).save(out / f"{name}-regions.png")
    return deleted(model, chosen, name, seed)


def deleted(model: Any, chosen: list[Any], name: str, seed: int) -> list[Figure]:
    """Return what a blurred share costs the class that the model names."""
    import numpy as np

    from topwork.evidence.attribution.images import regions
    from topwork.examples.images.decode import decode_image

    rng = np.random.default_rng(seed)
    costs, seconds = [], []
    for example in chosen:
        window = decode_image(example.read(), model.backbone.input)
        started = time.process_time()
        found = regions(model, window)
        seconds.append(time.process_time() - started)
        side = len(window)
        away = tuple(int(n) for n in rng.integers(side // 4, side - side // 4, 2))
        rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
        maps = (found.map, np.roll(found.map, away, (0, 1)), -np.hypot(rows, columns))
        asked = model.predict([blurred(window, one, share) for share in SHARES for one in maps])
        costs.append([found.probability - one.probabilities[found.label] for one in asked])
    figures = []
    for share, own in zip(SHARES, np.split(np.array(costs), len(SHARES), axis=1), strict=True):
        named, moved, middle = own.T
        noise = 2 * float((named - moved).std()) / len(named) ** 0.5
        start = f"{name}, {share:.0%} blurred: "
        figures += [
            Figure(name=start + "what is named", measured=named.mean()),
            Figure(name=start + "the same shape elsewhere", measured=moved.mean()),
            Figure(name=start + "a disc in the middle", measured=middle.mean()),
            Figure(
                name=start + "named less elsewhere", measured=(named - moved).mean(), bound=0.0,
                noise=noise, note=f"in {(named > moved).mean():.0%} of {len(named)} photos",
            ),
        ]  # fmt: skip
    median = float(np.median(seconds))
    return [*figures, Figure(name=f"{name}: processor seconds a map", measured=median)]


def blurred(window: Any, order: Any, share: float) -> Any:
    """Return a picture with the share of it that stands highest in `order` blurred."""
    import numpy as np
    from PIL import Image, ImageFilter

    soft = Image.fromarray(window).filter(ImageFilter.GaussianBlur(len(window) * BLUR))
    first = np.argsort(-order.ravel(), kind="stable")[: round(share * order.size)]
    mask = np.zeros(order.size, bool)
    mask[first] = True
    return np.where(mask.reshape(order.shape)[:, :, None], np.asarray(soft), window)


def moments_of(data: Path, out: Path, seed: int) -> None:
    """Write the moments of the least certain sounds."""
    from topwork.evidence.attribution.sounds import moments, picture

    model, split = learned(data, "spoken-digits-300", seed)
    for number, example in enumerate(least_certain(model, split.test[:200])[:6]):
        found = moments(model, example)
        name = f"spoken-{number}-{example.label}-as-{found.label}-{found.probability:.2f}.png"
        picture(found).save(out / name)


def words_of(data: Path, out: Path, seed: int) -> None:
    """Write the words of the least certain questions."""
    from topwork.evidence.attribution.texts import words

    model, split = learned(data, "banking77-10", seed)
    lines = []
    for example in least_certain(model, split.test[:200])[:20]:
        found = words(model, example)
        said = " ".join(f"{text}({weight:+.1f})" for text, weight in found.words)
        lines.append(f"{example.label} as {found.label} {found.probability:.2f}: {said}")
    (out / "words.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def least_certain(model: Any, examples: Any) -> list[Any]:
    """Return the examples, those first of which the model is least sure."""
    sure = [prediction.probability for prediction in model.stream(list(examples))]
    return [examples[i] for i in sorted(range(len(sure)), key=lambda i: sure[i])]


if __name__ == "__main__":
    main()
