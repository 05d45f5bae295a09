"""Regions against a planted object, and against the geometry that the network sees."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests import small
from tests.evidence.pictures import PLAIN, marked, noise
from topwork.backbones.base import Backbone
from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.evidence.attribution.image_grid import overlay
from topwork.evidence.attribution.images import GRID, MAX_SIDE, _axes, regions
from topwork.examples.images.preprocessing import Resize
from topwork.model.model import Model
from topwork.runs.train import train

WHITE = (250, 250, 250)
CORNER = 6


def with_resize(backbone: Backbone, resize: Resize, **values: float) -> Backbone:
    preprocessing = replace(backbone.input, size=48, resize=resize, **values)
    return replace(
        backbone, input=preprocessing, digest=f"{resize}{values}", name=f"{resize}{values}"
    )


@pytest.fixture(scope="module")
def model() -> Model:
    """Pictures of two classes, alike but for a white square in one corner of one of them."""
    plain = [noise(i) for i in range(24)]
    pictures = [marked(p, CORNER, 34, WHITE) if i % 2 else p for i, p in enumerate(plain)]
    labels = ["white" if i % 2 else "plain" for i in range(24)]
    backbone = with_resize(small.tiny_backbone(), "crop")
    return train(
        pictures, labels, backbone=backbone, train="head", num_views=1, pools=("mean", "max")
    )


def test_they_mark_the_corner_that_tells_the_classes_apart(model: Model) -> None:
    found = regions(model, marked(noise(99), CORNER, 34, WHITE))
    assert (found.label, found.map.shape, found.map.dtype) == ("white", (48, 48), np.float32)
    alone = model.predict(marked(noise(99), CORNER, 34, WHITE)).probability  # type: ignore[union-attr]
    assert found.probability == pytest.approx(alone, abs=1e-4)  # of another batch: rounding
    inside = found.map[CORNER : CORNER + 8, 34:42]
    assert inside.mean() > 5 * np.abs(found.map[24:, :24]).mean()
    row, column = np.unravel_index(found.map.argmax(), found.map.shape)
    assert abs(row - CORNER - 4) <= 3  # of the square's middle
    assert abs(column - 38) <= 3


def test_for_the_other_class_the_same_place_speaks_against(model: Model) -> None:
    picture = marked(noise(99), CORNER, 34, WHITE)
    one, other = (regions(model, picture, label) for label in ("white", "plain"))
    np.testing.assert_allclose(one.map, -other.map, atol=1e-4)  # two classes: the odds are inverse
    assert one.probability + other.probability == pytest.approx(1)


def test_the_map_lies_where_the_network_looks(model: Model) -> None:
    """The middle square of a wide picture is seen; the rest of its map is 0."""
    wide = np.concatenate([noise(1), marked(noise(2), CORNER, 34, WHITE), noise(3)], axis=1)
    found = regions(model, wide)
    assert found.map.shape == (48, 144)
    assert (found.map[:, :48] == 0).all()
    assert (found.map[:, 96:] == 0).all()
    alone = regions(model, marked(noise(2), CORNER, 34, WHITE))
    np.testing.assert_allclose(found.map[:, 48:96], alone.map, atol=1e-5)


@pytest.mark.parametrize(
    ("resize", "fraction"), [("squash", 1.0), ("crop", 1.0), ("crop", 0.5), ("pad", 1.0)]
)
def test_each_pixel_reads_the_cell_that_it_is_seen_in(resize: Resize, fraction: float) -> None:
    """Against the input's own decoder, which brings a picture of coordinates to the square."""
    from topwork.examples.images.decode import decode_image

    preprocessing = replace(PLAIN, size=GRID * 16, resize=resize, crop_fraction=fraction)
    width, height = 150, 90
    across = np.broadcast_to(np.arange(width) / width, (height, width)).astype(np.float32)
    seen = (
        decode_image(across, preprocessing)[:, :, 0] / 255
    )  # for each place of the square, its column
    down, sideways = _axes(preprocessing, (width, height), (width, height))
    middle = seen[GRID * 8]
    for cell in range(1, GRID - 1):
        column = int(sideways[:, cell].argmax())
        there = middle[cell * 16 + 8]
        assert column / width == pytest.approx(there, abs=0.02)
    assert sideways.shape == (width, GRID)
    assert down.shape == (height, GRID)
    sums = sideways.sum(1)
    assert ((np.abs(sums - 1) < 1e-9) | (sums == 0)).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200, 3), (200, 3, 4), (7, 7, 1)])
def test_odd_pictures_are_answered_too(model: Model, shape: tuple[int, ...]) -> None:
    found = regions(model, np.full(shape, 90, np.uint8))
    assert found.map.shape == shape[:2]
    assert np.isfinite(found.map).all()
    assert found.picture().size == shape[1::-1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_turned_picture_is_shown_upright(model: Model, kind: str) -> None:
    image = Image.fromarray(noise(4, 900)[:600])
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    for content in (out.getvalue(), Image.open(io.BytesIO(out.getvalue()))):
        found = regions(model, content)
        assert found.map.shape == found.pixels.shape[:2] == (MAX_SIDE, round(MAX_SIDE * 2 / 3))


def test_a_crop_of_less_than_the_shorter_side(model: Model) -> None:
    """What is cut off all around has no say."""
    pictures = [noise(i) for i in range(8)]
    labels = ["a", "b"] * 4
    backbone = with_resize(small.tiny_backbone(), "crop", crop_fraction=0.5)
    cropped = train(pictures, labels, backbone=backbone, train="head", pools=("mean",))
    found = regions(cropped, noise(9))
    assert (found.map[:11] == 0).all()
    assert np.abs(found.map[14:34, 14:34]).min() > 0


def test_what_cannot_be_asked_is_said(model: Model) -> None:
    with pytest.raises(SettingError, match="label is 'black'; accepted: plain, white"):
        regions(model, noise(1), "black")
    with pytest.raises(ExampleError, match="not an image"):
        regions(model, b"no image at all, but words")
    words = train(
        ["rain", "a card", "more rain", "my card"], ["w", "c", "w", "c"],
        backbone=small.tiny_text_backbone(), num_repeats=1,
    )  # fmt: skip
    with pytest.raises(ModalityError, match="takes texts"):
        regions(words, "rain")


def test_an_overlay_is_orange_above_0_and_blue_below() -> None:
    picture = np.full((20, 20), 200, np.uint8)
    weights = np.zeros((20, 20))
    weights[2:6, 2:6], weights[12:16, 12:16] = 1, -1
    shown = np.asarray(overlay(picture, weights)).astype(int)
    assert shown[4, 4, 0] > shown[4, 4, 2] + 50
    assert shown[14, 14, 2] > shown[14, 14, 0] + 50
    assert (shown[9, 9] == 200).all()
    flat = np.asarray(overlay(picture, np.zeros((3, 3))))
    assert (flat == 200).all()
