from dataclasses import replace

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.evaluation.intervals import Estimate
from topwork.evidence.transfer.conditions import (
    far_more_data,
    points,
    same_input,
    shared_low_levels,
)
from topwork.evidence.transfer.layer_probe import BlockScore, LayerProbe
from topwork.examples.example import Example
from topwork.examples.sounds.sound import Sound
from topwork.examples.sources import examples_from


def of(inputs: list[object]) -> list[Example]:
    return list(examples_from(inputs, ["a", "b"] * (len(inputs) // 2)).examples)


def colourful(side: int, count: int = 6) -> list[object]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (side, side, 3)).astype(np.uint8) for _ in range(count)]


def test_colour_pictures_of_the_right_size_are_the_same_kind(tiny_backbone: Backbone) -> None:
    said = same_input(of(colourful(40)), tiny_backbone)
    assert said.answer is True
    assert said.because == "Both are images."


def test_grey_and_small_pictures_are_named(tiny_backbone: Backbone) -> None:
    grey = [np.repeat(one[:, :, :1], 3, 2) for one in colourful(12)]  # type: ignore[index]
    said = same_input(of(list(grey)), tiny_backbone)
    assert said.answer is None
    assert "yours are grey, and it learned from colours" in said.because
    assert "yours are 12 pixels across and are blown up to 32" in said.because


def test_slow_sounds_are_named() -> None:
    backbone = get_backbone("speech-embedding")
    slow = [Sound(samples=small.tone(300, seed=i), rate_hz=8000) for i in range(4)]
    said = same_input(of(list(slow)), backbone)
    assert said.answer is None
    assert "sampled at 8 kHz and it listens at 16 kHz: there is nothing above 4" in said.because
    fast = [Sound(samples=small.tone(300, seed=i), rate_hz=44100) for i in range(4)]
    assert same_input(of(list(fast)), backbone).answer is True


def card(backbone: Backbone, count: int | None, lesson: str) -> Backbone:
    return replace(
        backbone,
        card=replace(backbone.card, pretrained_on=lesson, num_pretraining_examples=count),
    )


@pytest.mark.parametrize(
    ("count", "lesson", "answer", "words"),
    [
        (1_281_167, "photos", True, r"1,281,167 examples \(photos\) against 200 in hand: 6,406 "),
        (100, "photos", False, r"0\.5 times as many"),
        (None, "a shelf", None, "It learned from a shelf; how many examples that was is not known"),
        (0, "nothing (random weights)", False, "has learned from nothing: tiny has random"),
        (None, "nothing (random weights)", False, "has learned from nothing"),
    ],
)
def test_far_more_data(
    tiny_backbone: Backbone, count: int | None, lesson: str, answer: bool | None, words: str
) -> None:
    import re

    said = far_more_data(200, card(tiny_backbone, count, lesson))
    assert said.answer is answer
    assert re.search(words, said.because)


def depth(over_random: Estimate | None, over_raw: Estimate | None) -> LayerProbe:
    own = Estimate(value=0.6, low=0.5, high=0.7)
    return LayerProbe(
        blocks=tuple(BlockScore(block=str(i), pretrained=own, random=own) for i in range(6)),
        raw=own,
        raw_name="raw pixels",
        num_examples=100,
        num_all=300,
        early=("0", "1"),
        over_random=over_random,
        over_raw=over_raw,
    )


UP = Estimate(value=0.1, low=0.05, high=0.15)
NONE = Estimate(value=0.01, low=-0.05, high=0.07)
DOWN = Estimate(value=-0.1, low=-0.15, high=-0.05)


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [(UP, UP, True), (UP, NONE, None), (NONE, NONE, None), (UP, DOWN, False), (None, UP, True),
     (None, None, None)],
)  # fmt: skip
def test_shared_low_levels(
    first: Estimate | None, second: Estimate | None, answer: bool | None
) -> None:
    said = shared_low_levels(depth(first, second))
    assert said.answer is answer
    if second is UP and first is UP:
        assert said.because == (
            "The first 2 of 6 blocks alone: +10.0 points (5.0 to 15.0) over the same blocks with "
            "random weights and +10.0 points (5.0 to 15.0) over raw pixels, on 100 examples left "
            "out."
        )


def test_points_show_signs_where_they_differ() -> None:
    assert points(UP) == "+10.0 points (5.0 to 15.0)"
    assert points(NONE) == "+1.0 points (-5.0 to +7.0)"
