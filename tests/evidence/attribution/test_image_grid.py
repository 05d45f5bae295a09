"""Sheets of pictures: sizes and places."""

import numpy as np

from topwork.evidence.attribution.image_grid import GAP, patch_sheet, sheet
from topwork.evidence.attribution.patches import Patches, Unit


def test_pictures_stand_in_rows_with_gaps() -> None:
    pictures = [np.full((3, 4, 3), 10 * i, np.uint8) for i in range(5)]
    out = sheet(pictures, 2, scale=2)
    assert out.size == (2 * (8 + GAP) + GAP, 3 * (6 + GAP) + GAP)
    pixels = np.asarray(out)
    for i in range(5):
        row, column = divmod(i, 2)
        top, left = GAP + row * (6 + GAP), GAP + column * (8 + GAP)
        assert (pixels[top : top + 6, left : left + 8] == 10 * i).all()
    assert (pixels[:GAP] == 255).all()


def test_none_grey_and_unlike_sizes() -> None:
    assert sheet([], 4).size == (1, 1)
    out = sheet([np.zeros((2, 2), np.uint8), np.zeros((5, 1, 3), np.uint8)], 9)
    assert out.size == (2 * (2 + GAP) + GAP, 5 + 2 * GAP)


def test_a_row_for_each_unit() -> None:
    def unit(index: int, count: int) -> Unit:
        return Unit(
            index=index, images=(np.full((3, 3, 3), 9, np.uint8),) * count,
            names=("a",) * count, labels=(None,) * count, activations=(1.0,) * count,
            between=None,
        )  # fmt: skip

    patches = Patches(
        block="b", units=(unit(0, 3), unit(1, 2)), field_size=3, receptive_size=3,
        input_size=48, num_images=3,
    )  # fmt: skip
    out = patch_sheet(patches, side=12)
    assert out.size == (3 * (12 + GAP) + GAP, 2 * (12 + GAP) + GAP)
    pixels = np.asarray(out)
    assert (pixels[GAP : GAP + 12, GAP : GAP + 12] == 9).all()
    assert (pixels[-GAP - 12 : -GAP, -GAP - 12 : -GAP] == 255).all()  # the second unit has two
