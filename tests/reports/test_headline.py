"""The first sentence: true, rounded honestly, in the words of what the model takes."""

from dataclasses import replace
from typing import get_args

import pytest

from tests.reports.made import answers, changed, scored
from topwork.evaluation.intervals import Estimate, wilson
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.example import Modality
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.windows import Input
from topwork.model.model import Model
from topwork.reports.headline import (
    MAX_TITLE,
    NOUNS,
    does,
    headline,
    mail,
    measured,
    out_of,
    rounded_span,
    warning,
)


@pytest.mark.parametrize(
    ("right", "count", "words"),
    [
        (80, 100, "8 of 10"),
        (40, 44, "9 of 10"),
        (96, 120, "8 of 10"),
        (103, 120, "86 of 100"),  # a tenth would say 3 points too much
        (343, 372, "92 of 100"),
        (44, 44, "all 44"),
        (1000, 1000, "all 1,000"),
        (0, 30, "none of 30"),
        (43, 44, "43 of 44"),
        (1, 60, "1 of 60"),
        (2999, 3000, "more than 99 of 100"),
        (1, 3000, "fewer than 1 of 100"),
        (2, 3, "2 of 3"),
    ],
)
def test_a_share_is_said_as_one_says_it(right: int, count: int, words: str) -> None:
    assert out_of(wilson(right / count, count), count) == words


def test_it_never_says_all_of_what_is_less() -> None:
    for count in (1, 2, 5, 30, 99, 100, 101, 999, 5000):
        for wrong in (0.2, 0.5, 1, 2):  # of the mean of several draws, less than one
            share = 1 - wrong / count
            if not 0 < share < 1:
                continue
            words = out_of(wilson(share, count), count)
            if count > 1:
                assert "all" not in words, (count, wrong)
                assert "none" not in out_of(wilson(1 - share, count), count)
            first, _, second = words.rpartition(" ")[0].partition(" of")
            assert first.strip() != words.rpartition(" ")[2] or count == 1, words
            assert not second.strip()


def test_the_interval_is_rounded_outward() -> None:
    assert rounded_span(Estimate(value=0.81, low=0.7349, high=0.8701)) == "73% to 88%"
    assert rounded_span(Estimate(value=0.91, low=0.9051, high=0.9149)) == "90.5% to 91.5%"
    assert rounded_span(Estimate(value=0.5, low=0.4, high=0.6)) == "40% to 60%"
    assert rounded_span(Estimate(value=1.0, low=0.92, high=1.0)) == "92% to 100%"


def test_the_title_names_what_there_is_room_for(tiny_model: Model) -> None:
    assert does(tiny_model) == "Sorts photos into one, two and zero"
    many = tuple(f"class {k}" for k in range(40))
    title = does(changed(tiny_model, classes=many))
    assert title.startswith("Sorts photos into 40 classes: class 0, class 1")
    assert title.endswith(f"and {40 - title.count('class ')} more")
    long = does(changed(tiny_model, classes=("a" * 500, "b", "c")))
    assert len(long) < 2 * MAX_TITLE
    assert long.endswith("… and 2 more")


def test_the_words_are_those_of_the_input(tiny_model: Model) -> None:
    best = scored(81, 100)
    assert headline(tiny_model, best) == ("Right for 8 of 10 photos it has not seen", "72% to 88%")
    inputs: dict[str, Input] = {
        "recording": SoundInput(rate_hz=16_000, min_samples=1, max_samples=9),
        "array": ArrayInput(shape=(1, 9)),
    }
    for noun, taken in inputs.items():
        other = changed(tiny_model, backbone=replace(tiny_model.backbone, input=taken))
        assert headline(other, best)[0] == f"Right for 8 of 10 {noun}s it has not seen"
    assert set(NOUNS) == set(get_args(Modality))


def test_without_any_score_it_says_so(tiny_model: Model) -> None:
    model = changed(tiny_model, evaluation=None, notes=("There are too few.",))
    said = headline(model, None)
    assert said == ("How good it is, is not known: there were too few examples to tell", "")
    assert measured(model, None) == ["There are too few."]
    assert warning(model, None) == ""
    assert said[0] in mail(model, "pets", said, None)


def test_no_better_than_chance_is_said(tiny_model: Model) -> None:
    poor, good = scored(11, 30), scored(29, 30)
    assert "has not been shown to have learned anything" in warning(tiny_model, poor)
    assert "33.3% of the photos" in warning(tiny_model, poor)
    assert warning(tiny_model, good) == ""
    assert "Always naming" in " ".join(measured(changed(tiny_model, evaluation=good), good))
    assert "Always naming" not in " ".join(measured(changed(tiny_model, evaluation=poor), poor))


@pytest.mark.parametrize(
    ("own", "test", "words"),
    [(590, 300, "clearly more: the test part is of another make"), (300, 590, "clearly less")],
)
def test_the_test_part_comes_first(tiny_model: Model, own: int, test: int, words: str) -> None:
    model = changed(tiny_model, evaluation=scored(own, 600), test=scored(test, 600))
    said = measured(model, model.test)
    assert said[0] == "Measured on the test part: 600 photos that no training saw."
    assert words in said[1]
    same = changed(tiny_model, evaluation=scored(590, 600), test=scored(588, 600))
    assert "clearly" not in measured(same, same.test)[1]


def test_how_it_was_measured_is_said(tiny_model: Model) -> None:
    said = " ".join(measured(tiny_model, tiny_model.evaluation))
    assert "Measured on all 30 photos, each left out" in said
    assert "group" not in said
    assert tiny_model.evaluation is not None
    grouped = replace(tiny_model.evaluation, num_groups=7)
    recipe = replace(tiny_model.recipe, group_column="patient")
    model = changed(tiny_model, evaluation=grouped, recipe=recipe)
    assert "No group (`patient`) was both learned from" in " ".join(measured(model, grouped))


def test_groups_on_both_sides_are_a_warning(tiny_model: Model) -> None:
    own = replace(answers([0, 1, 2], [0, 1, 2], 3), groups=("ann", "bob", "cid"))
    for groups, words in ((("ann", "bob", "dan"), "2 groups (`who`) of the test part were"),
                          (("ann", "dan", None), "1 group (`who`) of the test part was"),
                          (("dan", "eve", None), "")):  # fmt: skip
        test = replace(own, groups=groups)
        model = changed(
            tiny_model, test=replace(scored(95, 100), num_groups=3), oof_predictions=own,
            test_predictions=test, recipe=replace(tiny_model.recipe, group_column="who"),
        )  # fmt: skip
        said = " ".join(measured(model, model.test))
        assert ("No group (`who`) was both" in said) == (not words)
        assert warning(model, model.test).startswith(words)
        assert warning(model, model.evaluation) == "", "there each was left out whole"
        line = mail(model, "", headline(model, model.test), model.test)
        assert ("this may flatter" in line) == bool(words)


def test_the_mail_is_one_line_with_all_of_it(tiny_model: Model) -> None:
    model = changed(tiny_model, test=scored(81, 100))
    line = mail(model, "pets", headline(model, model.test), model.test)
    assert line.startswith("pets sorts photos into one, two and zero. Right for 8 of 10")
    assert "81.0% (95% interval 72% to 88%; 100 photos of a test part)" in line
    assert "\n" not in line
    own = headline(tiny_model, tiny_model.evaluation)
    assert "cross-validated on 30 photos" in mail(tiny_model, "pets", own, tiny_model.evaluation)
