import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from topwork.evidence.data import alignment
from topwork.evidence.data.alignment import SIDE, align

Pixels = npt.NDArray[np.uint8]


def photo(seed: int, side: int = 256) -> Image.Image:
    """Return smooth shapes with finer ones on them, in colour."""
    rng = np.random.default_rng(seed)
    out = np.zeros((side, side, 3), np.float32)
    for cells, strength in ((4, 90), (12, 50), (40, 25)):
        layer = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        out += np.asarray(layer.resize((side, side), Image.Resampling.BICUBIC)) * (strength / 165)
    return Image.fromarray(out.clip(0, 255).astype(np.uint8))


def squashed(image: Image.Image) -> Pixels:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def cropped(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    return image.crop((left, top, image.width - right, image.height - bottom))


@pytest.mark.parametrize("box", [(12, 0, 0, 0), (0, 13, 13, 0), (13, 13, 13, 13), (20, 5, 2, 16)])
def test_a_crop_is_laid_over_its_photo(box: tuple[int, int, int, int]) -> None:
    whole, part = squashed(photo(0))[None], squashed(cropped(photo(0), *box))[None]
    for first, second in ((whole, part), (part, whole)):
        found = align(first, second)
        assert found.outline[0] > 0.99
        assert found.detail[0] > 0.93
        assert found.colour[0] < 0.01
        assert found.overlap[0] > 0.75


def test_light_is_taken_off() -> None:
    brighter = photo(1).point(lambda value: min(255, round(value * 0.8 + 30)))
    found = align(squashed(photo(1))[None], squashed(brighter)[None])
    assert found.outline[0] > 0.999
    assert found.detail[0] > 0.99


def test_other_photos_are_not_alike() -> None:
    pictures = np.stack([squashed(photo(seed)) for seed in range(8)])
    found = align(pictures, np.roll(pictures, 1, axis=0))
    assert (found.outline < 0.9).all()
    assert (found.detail < 0.6).all()


def test_a_shared_outline_does_not_make_details_alike() -> None:
    """The same coarse shape under two fine patterns, as of two shirts on one floor."""
    rng = np.random.default_rng(0)
    coarse = np.asarray(photo(2).resize((5, 5)).resize((SIDE, SIDE)), np.float32)
    first, second = (
        (coarse + rng.normal(0, 8, coarse.shape)).clip(0, 255).astype(np.uint8)[None]
        for _ in range(2)
    )
    found = align(first, second)
    assert found.outline[0] > 0.95
    assert found.detail[0] < 0.7


def test_another_colour_is_seen() -> None:
    red = np.asarray(photo(3), np.int16) + np.array([40, 0, 0], np.int16)
    other = Image.fromarray(red.clip(0, 255).astype(np.uint8))
    found = align(squashed(photo(3))[None], squashed(other)[None])
    assert found.colour[0] > 0.06


def test_pairs_do_not_mind_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    first = np.stack([squashed(photo(seed)) for seed in range(5)])
    second = np.stack([squashed(cropped(photo(seed), 5, 9, 3, 0)) for seed in range(5)])
    together = align(first, second)
    monkeypatch.setattr(alignment, "CHUNK", 2)
    apart = align(first, second)
    assert together.detail == pytest.approx(apart.detail, abs=1e-4)


def test_blank_pictures_and_no_pairs_are_no_error() -> None:
    blank = np.full((1, SIDE, SIDE, 3), 200, np.uint8)
    assert align(blank, blank).detail[0] == pytest.approx(0, abs=1e-3)
    assert align(blank[:0], blank[:0]).outline.shape == (0,)
